// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/job.h"
#include "coordinator/refine.h"
#include "coordinator/refine_files.h"

#include <stdlib.h>
#include <string.h>

static err_t refine_anew(job_t *job, const refine_request_t *request, trained_t *offline)
{
    refinement_t r = {.job = job};
    bool found;
    err_t err = refine_start(&r, offline);
    if (err == OK)
        err = refine_checkpoint_load(&r, &found);
    if (err == OK)
        err = refine_rounds(&r, request);
    if (err == OK)
        err = refine_finish(&r);
    refine_free(&r);
    return err;
}

static err_t look(job_t *job, trained_t *offline, bool *done)
{
    char *current = NULL, *difference = NULL;
    gate_record_t gate;
    *done = false;
    TRY(refine_files_offline(job, offline, &current));
    difference = schema_difference(&offline->schema, job->schema);
    err_t err = OK;
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s/amortizer.h5 was trained for another model: %s",
                       job->folder, difference);
    if (err == OK)
        err = refine_is_done(job, offline, current, done);
    if (err == OK && !*done) {
        err = refine_files_gate(job, offline, &gate);
        if (err == OK)
            gate_free(&gate);
    }
    free(difference);
    free(current);
    return err;
}

err_t job_refine_settle(job_t *job)
{
    bool undecided = false, did, passed;
    TRY(par_agree(job->par, refine_files_undecided(job, &undecided)));
    if (!undecided)
        return OK;
    TRY(job_claim(job));
    if (job->par->rank == 0)
        log_info("refine: an earlier run ended before it was decided which network is better: the "
                 "offline one is put back");
    TRY(par_agree(job->par, job->par->rank == 0 ? refine_files_take_back(job) : OK));
    return job_diagnose(job, &did, &passed);
}

err_t job_refine(job_t *job, const refine_request_t *request, bool *did)
{
    trained_t offline = {0};
    bool done = false;
    *did = false;
    TRY(job_refine_settle(job));
    err_t err = par_agree(job->par, look(job, &offline, &done));
    if (err == OK && !done) {
        *did = true;
        err = job_claim(job);
        if (err == OK)
            err = refine_anew(job, request, &offline);
    }
    trained_free(&offline);
    return err;
}

/* ---- the command ---- */

/* `folder` is what request->keys points at; the caller frees it. */
static err_t request_of(const options_t *o, const study_t *study, char **folder,
                        refine_request_t *out)
{
    const char *keys = o->keys ? o->keys : study->refine.keys;
    if (study->refine.rows == 0)
        return err_fail(ERR_USAGE,
                        "%s: it has no `refine:`: say how many fresh simulations to train on: "
                        "refine: {rows: %ld}",
                        study->path, (long)study->bank.rows);
    if (keys != NULL || o->hub_key != NULL)
        *folder = keyring_folder(keys);
    *out = (refine_request_t){.listen = o->listen ? o->listen : study->refine.listen,
                              .keys = *folder,
                              .hub_key = o->hub_key};
    return OK;
}

err_t command_refine(const par_t *par, const options_t *options)
{
    job_t job;
    refine_request_t request;
    char *folder = NULL;
    bool did = false;
    TRY(job_open(par, options, &job));
    err_t err = par_agree(par, request_of(options, &job.study, &folder, &request));
    if (err == OK)
        err = job_refine(&job, &request, &did);
    if (err == OK && par->rank == 0)
        log_info(did ? "refine: done, %s/report.html"
                     : "refine: nothing to do, %s/refine.json is of this amortizer and settings",
                 job.folder);
    free(folder);
    job_close(&job);
    return err;
}
