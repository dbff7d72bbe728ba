// SPDX-License-Identifier: Apache-2.0
#include "coordinator/job.h"

#include "cluster/mem.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_check.h"
#include "storage/bank.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void override(const options_t *o, study_t *s)
{
    if (o->rows >= 0)
        s->bank.rows = o->rows;
    if (o->seed >= 0)
        s->bank.seed = o->seed;
    if (o->bank != NULL)
        s->bank.path = arena_copy_text(s->arena, o->bank);
    if (o->epochs >= 0)
        s->train.epochs = o->epochs;
    if (o->datasets >= 0)
        s->diagnose.datasets = o->datasets;
    if (o->draws >= 0)
        s->diagnose.draws = o->draws;
}

/* A declared model is trained on all that its bank has, where the study names no number. */
static err_t rows_of_bank(job_t *job)
{
    bank_t *bank = NULL;
    TRY(bank_open_if_there(job->study.bank.path, &bank));
    if (bank == NULL)
        return OK;
    job->study.bank.rows = bank_rows(bank);
    bank_close(&bank);
    return study_check_rows(&job->study);
}

err_t job_count_rows(job_t *job)
{
    return job->study.bank.rows == 0 ? rows_of_bank(job) : OK;
}

static err_t open_here(const options_t *options, job_t *job)
{
    TRY(study_read(options->arguments[0], &job->study));
    override(options, &job->study);
    TRY(study_simulator(&job->study, &job->simulator));
    job->schema = simulator_schema(job->simulator);
    amortizer_config_t network; // a wrong one is told before anything is simulated for it
    TRY(study_network(&job->study, job->schema, &network));
    TRY(job_count_rows(job));
    job->folder = run_folder_path(&job->study, options->out);
    job->again = options->again;
    job->retry = options->retry;
    return OK;
}

static void log_simulator(const job_t *job)
{
    char name[32];
    snprintf(name, sizeof name, "simulator-%d.log", job->par->rank);
    char *path = job_file(job, name);
    simulator_log_to(job->simulator, path);
    free(path);
}

err_t job_open(const par_t *par, const options_t *options, job_t *out)
{
    memset(out, 0, sizeof *out);
    out->par = par;
    err_t err = par_agree(par, open_here(options, out));
    if (err == OK)
        err = run_folder_open(par, out->folder);
    if (err == OK)
        log_simulator(out);
    else
        job_close(out);
    return err;
}

err_t job_take_text(job_t *job, const char *text)
{
    study_t study;
    simulator_t *simulator = NULL;
    amortizer_config_t network;
    TRY(study_parse(text, job->study.path, &study));
    err_t err = study_simulator(&study, &simulator);
    if (err == OK)
        err = study_network(&study, simulator_schema(simulator), &network);
    if (err != OK) {
        simulator_close(&simulator);
        study_free(&study);
        return err;
    }
    simulator_close(&job->simulator);
    study_free(&job->study);
    job->study = study;
    job->simulator = simulator;
    job->schema = simulator_schema(simulator);
    log_simulator(job);
    return OK;
}

static err_t claim_here(job_t *job)
{
    char run[LOCK_RUN_BYTES];
    lock_new_run(run);
    return lock_take(job->folder, run, LOCK_WATCH_SECONDS, &job->claim);
}

err_t job_claim(job_t *job)
{
    bool missing = job->par->rank == 0 && job->claim == NULL;
    return par_agree(job->par, missing ? claim_here(job) : OK);
}

void job_close(job_t *job)
{
    lock_release(&job->claim);
    simulator_close(&job->simulator);
    study_free(&job->study);
    free(job->folder);
    job->folder = NULL;
}

char *job_file(const job_t *job, const char *name)
{
    return run_folder_file(job->folder, name);
}
