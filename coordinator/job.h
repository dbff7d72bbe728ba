/* SPDX-License-Identifier: Apache-2.0
 *
 * One study at work on these ranks, and its stages. Each stage does what is missing and says in `did` whether there was
 * anything to do. All functions are collective and return the same code on every rank.
 */
#ifndef COORDINATOR_JOB_H
#define COORDINATOR_JOB_H

#include "coordinator/command.h"
#include "coordinator/study.h"
#include "storage/lock.h"
#include "workers/ladder.h"

typedef struct {
    const par_t *par;
    study_t study;
    simulator_t *simulator;
    const schema_t *schema; // of the simulator
    char *folder;           // of the results
    bool again;             // train anew over an amortizer of other settings
    bool retry;             // simulate rows that timed out or crashed again
    lock_t *claim;          // on the folder, on rank 0; NULL before job_claim
} job_t;

/* Reads the study, applies what the command line overrides, loads the simulator, makes the folder of results. */
err_t job_open(const par_t *par, const options_t *options, job_t *out) ERR_MUST_CHECK;
void job_close(job_t *job);
/* Puts a study of this text in the place of the job's, and loads its simulator. ERR_USAGE: it makes no sense; the job is then
 * as it was. Not collective: each rank does the same. */
err_t job_take_text(job_t *job, const char *text) ERR_MUST_CHECK;
/* Makes the folder of results this run's own until job_close: one run at a time writes checkpoints and records there.
 * Ranks of a killed run are given the time to end. ERR_LOCKED names who has it. A second call does nothing. */
err_t job_claim(job_t *job) ERR_MUST_CHECK;
/* "<folder of results>/name"; the caller frees it. */
char *job_file(const job_t *job, const char *name);

/* Where the study of a declared model names no number of rows, and its bank is there: all of them. Not collective. */
err_t job_count_rows(job_t *job) ERR_MUST_CHECK;

err_t job_simulate(job_t *job, bool *did) ERR_MUST_CHECK;
err_t job_train(job_t *job, bool *did) ERR_MUST_CHECK;
/* A gate that does not pass is not an error of this stage: `passed` tells. */
err_t job_diagnose(job_t *job, bool *did, bool *passed) ERR_MUST_CHECK;

/* Where fresh rows come from; texts are borrowed. */
typedef struct {
    const char *listen;    // endpoint of the hub
    const char *keys;      // folder of keys, NULL: none
    const char *hub_key;   // the hub's own in it, NULL: the only one there is
    int64_t local_workers; // started on this machine, where there are no keys
} refine_request_t;
/* The amortizer, whose gate has passed (else ERR_GATE), goes on with `refine.rows` fresh simulations; the better of the two is
 * amortizer.h5 then, diagnosed. The study has `refine:`. */
err_t job_refine(job_t *job, const refine_request_t *request, bool *did) ERR_MUST_CHECK;
/* Where a run ended while it was putting a refined amortizer in place, undecided: the offline one is put back. */
err_t job_refine_settle(job_t *job) ERR_MUST_CHECK;

/* What `infer` works on; texts are borrowed. */
typedef struct {
    const char *model, *data, *out;
    const char *report;     // folder of results whose report gets the table, or NULL
    const char *unverified; // reason to go on without a passed gate, or NULL
    int64_t draws, seed;
    int keep; // infer_keep_t
    ladder_rungs_t rungs;
    bool json; // the table on the terminal
} infer_request_t;
/* The rungs that a study asks for. */
ladder_rungs_t infer_rungs(const study_t *study);
/* `study` names the columns of the data. */
err_t job_infer(const par_t *par, const study_t *study, const infer_request_t *request,
                bool *did) ERR_MUST_CHECK;

#endif
