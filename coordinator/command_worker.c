// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/command.h"
#include "coordinator/hub_keys.h"
#include "coordinator/study.h"
#include "coordinator/worker_pool.h"
#include "workers/stream_worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double back_off = 1;

typedef struct {
    const options_t *options;
    study_t local; // arena NULL: none was given
    wire_keys_t keys;
    char hub_key[WIRE_KEY_CAP]; // "": not encrypted
} worker_job_t;

/* ---- the simulator ---- */

/* What a hub writes never starts a program or loads a file here: it may name a built-in model. */
static err_t check_builtin(const study_t *study)
{
    if (study->model.builtin != NULL)
        return OK;
    return err_fail(ERR_USAGE,
                    "the hub's study \"%s\" has a simulator of its own, which is not run on a "
                    "hub's word: bring study file and simulator here, and name the study file "
                    "(`infermill worker --connect ENDPOINT STUDY`)",
                    study->name);
}

static void log_simulator(simulator_t *simulator)
{
    char path[64];
    snprintf(path, sizeof path, "simulator-worker-%ld.log", (long)getpid());
    simulator_log_to(simulator, path);
}

static err_t simulator_for(const worker_job_t *job, const study_t *hub, simulator_t **out)
{
    const study_t *study = job->local.arena != NULL ? &job->local : hub;
    if (study == hub)
        TRY(check_builtin(hub));
    TRY(study_simulator(study, out));
    if (simulator_needs_ranks(*out)) {
        simulator_close(out);
        return err_fail(ERR_USAGE,
                        "%s: the simulator works on MPI ranks (create_on_ranks), and a worker is "
                        "one process: use `infermill simulate`",
                        study->path);
    }
    if (job->options->simulator_log)
        log_simulator(*out);
    return OK;
}

static err_t prepare(void *user, const stream_welcome_t *welcome, simulator_t **out, double *grace)
{
    study_t hub;
    TRY(study_parse(welcome->study, "the hub's study", &hub));
    err_t err = simulator_for(user, &hub, out);
    if (err == OK)
        log_info("worker: simulates \"%s\" (model %s)", hub.name, simulator_schema(*out)->name);
    *grace = hub.stop_grace;
    study_free(&hub);
    return err;
}

/* ---- one worker ---- */

/* A draw outlasted the grace: what was finished is sent, so the worker ends here. */
static void abandon(void *user)
{
    (void)user;
    _exit(err_exit_code(-ERR_STOPPED));
}

static err_t work(worker_job_t *job)
{
    const options_t *o = job->options;
    bool encrypted = job->hub_key[0] != '\0';
    stream_worker_report_t report;
    stream_worker_config_t config = {.endpoint = o->connect,
                                     .keys = encrypted ? &job->keys : NULL,
                                     .hub_key = encrypted ? job->hub_key : NULL,
                                     .patience = o->patience > 0 ? (double)o->patience : INFINITY,
                                     .prepare = prepare,
                                     .abandon = abandon,
                                     .user = job};
    stop_install();
    return stream_worker_run(&config, &report);
}

/* One of several: the first speaks for all, the others warn. */
static int work_in_pool(int place, void *user)
{
    worker_job_t *job = user;
    log_set(job->options->level, place);
    err_t err = work(job);
    if (err != OK && !err_is(err, ERR_STOPPED))
        log_error("%s", err_text());
    return err_exit_code(err);
}

/* ---- the command ---- */

static err_t read_local(const options_t *o, worker_job_t *job)
{
    if (o->n_arguments == 0)
        return OK;
    TRY(study_read(o->arguments[0], &job->local));
    if (job->local.model.declaration != NULL)
        return err_fail(ERR_USAGE, "%s: its model is only declared, so nothing can be simulated",
                        job->local.path);
    return OK;
}

static err_t run(worker_job_t *job)
{
    const options_t *o = job->options;
    if (o->connect == NULL)
        return err_fail(ERR_USAGE, "worker: --connect is missing: got none, expected the endpoint "
                                   "of a hub (`infermill refine` prints it), such as "
                                   "tcp://127.0.0.1:5555");
    TRY(hub_keys_read(o, &job->keys, job->hub_key));
    TRY(read_local(o, job));
    if (o->ranks == 0)
        return work(job);
    return worker_pool_run(&(worker_pool_t){
        .n = (int)o->ranks, .work = work_in_pool, .user = job, .back_off = back_off});
}

err_t command_worker(const par_t *par, const options_t *options)
{
    (void)par;
    worker_job_t job = {.options = options};
    err_t err = run(&job);
    study_free(&job.local);
    explicit_bzero(&job.keys, sizeof job.keys);
    return err;
}
