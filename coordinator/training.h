/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of training from a bank: everything that a checkpoint holds and a resumed run needs. Used by train.c (the
 * loop), checkpoint.c (to and from disk) and training_finish.c (what is left behind).
 */
#ifndef COORDINATOR_TRAINING_H
#define COORDINATOR_TRAINING_H

#include "coordinator/amortizer_file.h"
#include "coordinator/history.h"
#include "coordinator/job.h"
#include "coordinator/trainer.h"
#include "coordinator/training_stage.h"
#include "storage/bank.h"
#include "storage/first_pass.h"
#include "storage/shuffle.h"

typedef struct {
    job_t *job; // borrowed
    training_stage_t stage;
    bank_t *bank;
    shuffle_t *shuffle;
    trained_t trained; // network, scaling, provenance
    first_pass_t pass; // means and standard deviations
    trainer_t *trainer;
    rows_t validation;
    float *best; // (params_size) averaged weights of the best epoch
    history_t history;
    int64_t epoch, step; // the next step to take: `step` of `epoch`
    double loss_sum;     // of the running epoch's steps
    double seconds;      // of training before this start
} training_t;

/* The study's bank, or its copy in `folder`, which must be of its model and hold its rows: ERR_MISMATCH, ERR_USAGE. Not
 * collective. */
err_t training_bank(const job_t *job, const char *folder, bank_t **out) ERR_MUST_CHECK;
/* The order of its rows, so many of a slice in one step; validation and held-out rows do not depend on how many. ERR_FORMAT
 * where too many rows failed. Not collective. */
err_t training_order(const job_t *job, bank_t *bank, int64_t slice_rows,
                     shuffle_t **out) ERR_MUST_CHECK;
/* The validation rows, checked; to be destroyed after an error too. Not collective. */
err_t training_validation(const job_t *job, bank_t *bank, const shuffle_t *shuffle,
                          const adapter_t *adapter, rows_t *out) ERR_MUST_CHECK;
/* Of a trainer that takes so many steps, by `train:` of the study. */
trainer_config_t training_config(const study_t *study, double learning_rate, int64_t steps);
/* OpenBLAS waits for ever where it gets no memory for its buffer, so it takes it (and keeps it) before the windows take
 * theirs: a product that is too large for its kernels without a buffer. */
void training_take_blas_buffer(void);

/* checkpoint.h5: weights, moments, average, best weights, history, place, settings. Not collective: one rank writes. */
err_t checkpoint_save(const training_t *t, const char *path) ERR_MUST_CHECK;
/* Each rank reads. ERR_MISMATCH with the first setting that differs. */
err_t checkpoint_load(training_t *t, const char *path) ERR_MUST_CHECK;

/* What inference asks of an amortizer beside its weights, from rows that it was not trained on: distances of summaries, reach
 * of the prior. Not collective. */
void training_fit(trained_t *trained, const rows_t *validation);
/* At the end: the best weights become those of the amortizer, which rank 0 writes to `path`, and the report. Collective. */
err_t training_finish(training_t *t, const char *path) ERR_MUST_CHECK;

/* The first setting in which two texts differ, as "train.epochs: 20 against 40", or "none" where one has no such line; NULL:
 * equal. Free it. */
char *settings_difference(const char *a, const char *b);

#endif
