// SPDX-License-Identifier: Apache-2.0
//
// Training from a bank on disk: epochs over slices that a reader thread brings, a checkpoint at the end of each epoch and
// when asked to stop, the averaged weights of the best epoch at the end (training_finish.c).
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/bank_check.h"
#include "coordinator/collect.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_adapter.h"
#include "coordinator/timings.h"
#include "coordinator/training.h"
#include "storage/reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_CHECK_STEPS = 8, CALIBRATION_ROWS = 10000 };
static const double CHECKPOINT_SECONDS = 300; // within an epoch that takes long

/* ---- what training starts from ---- */

/* Of the rows that are set aside for diagnosis, into out: read in pieces and forgotten. */
static err_t set_aside_keys(training_t *t, int64_t n, const int64_t *row, twin_key_t *out)
{
    int64_t block = rows_of_block(t->job->schema), step = n < block ? n : block;
    rows_t rows = rows_create(t->job->schema, step);
    err_t err = OK;
    for (int64_t begin = 0; begin < n && err == OK; begin += step) {
        int64_t count = begin + step < n ? step : n - begin;
        err = reader_gather(t->bank, t->shuffle, count, row + begin, &rows);
        for (int64_t i = 0; i < count && err == OK; i++)
            out[begin + i] = twins_key(&rows, i);
    }
    rows_destroy(&rows);
    return err;
}

/* Of all rows that are held back from training: n keys, which the caller frees. */
static err_t held_back_keys(training_t *t, int64_t *n, twin_key_t **out)
{
    int64_t validation = t->validation.n, aside;
    const int64_t *row = shuffle_held_out(t->shuffle, &aside);
    *n = validation + aside;
    *out = MEM_NEW(twin_key_t, *n + 1);
    for (int64_t i = 0; i < validation; i++)
        (*out)[i] = twins_key(&t->validation, i);
    return set_aside_keys(t, aside, row, *out + validation);
}

/* Every rank reads its parts of the bank; all have the same numbers after. Collective. */
static err_t pass_over_bank(const par_t *par, const first_pass_config_t *config, first_pass_t *out)
{
    int64_t n = first_pass_parts(config), size = first_pass_part_size(config);
    double *parts = MEM_NEW(double, n *size + 1);
    err_t err = OK;
    for (int64_t block = 0; block < collect_blocks(n); block++) {
        range_t range = collect_range(n, block);
        if (collect_owner(par, block) != par->rank)
            continue;
        for (int64_t part = range.begin; part < range.end && err == OK; part++)
            err = first_pass_part(config, part, parts + part * size);
    }
    err = par_agree(par, err);
    if (err == OK) {
        collect_rows(par, n, (size_t)size * sizeof *parts, parts);
        par_broadcast(par, 0, (size_t)(n * size) * sizeof *parts, parts);
        first_pass_merge(config, parts, out);
    }
    free(parts);
    return err;
}

static err_t standardise(training_t *t)
{
    adapted_rows_t *adapted = adapted_rows_create(amortizer_adapter(t->trained.amortizer));
    int64_t n;
    twin_key_t *keys;
    err_t err = held_back_keys(t, &n, &keys);
    twins_t *held_back = twins_create(err == OK ? n : 0, keys);
    guarded_rows_t guarded = {t->job->study.bank.path, adapted, held_back};
    first_pass_config_t config = {.bank = t->bank,
                                  .shuffle = t->shuffle,
                                  .transform = guarded_rows_transform,
                                  .user = &guarded,
                                  .shape = adapted_rows_shape(adapted)};
    if (err == OK)
        err = twins_among(held_back, "bank rows");
    err = par_agree(t->job->par, err);
    if (err == OK)
        err = pass_over_bank(t->job->par, &config, &t->pass);
    twins_destroy(&held_back);
    free(keys);
    adapted_rows_destroy(&adapted);
    TRY(err_context(err, "%s", t->job->study.path));
    scaling_t scaling = {.parameter_mean = t->pass.parameter_mean,
                         .parameter_sd = t->pass.parameter_sd,
                         .design_mean = t->pass.design_mean,
                         .design_sd = t->pass.design_sd,
                         .observable_mean = t->pass.observable_mean,
                         .observable_sd = t->pass.observable_sd};
    amortizer_set_scaling(t->trained.amortizer, &scaling);
    return OK;
}

static void make_trainer(training_t *t)
{
    const study_t *study = &t->job->study;
    trainer_config_t config = training_config(study, study->train.learning_rate,
                                              study->train.epochs * shuffle_steps(t->shuffle));
    t->trainer = trainer_create(t->job->par, &config, t->job->schema, t->trained.amortizer);
    t->best = MEM_NEW(float, params_size(amortizer_params(t->trained.amortizer)));
}

/* The first CALIBRATION_ROWS rows that may be trained on, the same on every rank. */
static err_t calibrate(training_t *t)
{
    int64_t n = 0, *row = MEM_NEW(int64_t, CALIBRATION_ROWS);
    for (int64_t i = 0; i < t->job->study.bank.rows && n < CALIBRATION_ROWS; i++)
        if (shuffle_is_usable(t->shuffle, i))
            row[n++] = i;
    rows_t rows = rows_create(t->job->schema, n);
    const float **fields = MEM_NEW(const float *, t->job->schema->n_observables);
    err_t err = reader_gather(t->bank, t->shuffle, n, row, &rows);
    if (err == OK) {
        batch_t batch = batch_of_rows(&rows, 0, n, fields);
        amortizer_calibrate(t->trained.amortizer, &batch);
    }
    free(fields);
    rows_destroy(&rows);
    free(row);
    return err;
}

static err_t make_amortizer(training_t *t)
{
    study_t *study = &t->job->study;
    amortizer_config_t config;
    training_take_blas_buffer();
    TRY(training_bank(t->job, t->stage.folder, &t->bank));
    t->trained.bank = mem_copy_text(bank_fingerprint(t->bank));
    TRY(training_order(t->job, t->bank, study->train.batch_size / study->train.slices,
                       &t->shuffle));
    adapter_t *adapter = NULL;
    TRY(study_network(study, t->job->schema, &config));
    TRY(amortizer_create(&config, (uint64_t)study->train.seed, &t->trained.amortizer));
    TRY(study_adapter(study, t->job->schema, &adapter));
    amortizer_set_adapter(t->trained.amortizer, &adapter);
    return training_validation(t->job, t->bank, t->shuffle, amortizer_adapter(t->trained.amortizer),
                               &t->validation);
}

static err_t prepare_here(training_t *t)
{
    const study_t *study = &t->job->study;
    TRY(calibrate(t));
    trained_set_schema(&t->trained, schema_copy(t->job->schema));
    t->trained.study = mem_copy_text(study->text);
    t->trained.study_path = mem_copy_text(study->path);
    t->trained.training = study_training_text(study, amortizer_config(t->trained.amortizer));
    t->trained.software = software_text();
    make_trainer(t);
    return OK;
}

static err_t prepare(training_t *t)
{
    TRY(training_stage_open(t->job, &t->stage));
    TRY(par_agree(t->job->par, make_amortizer(t)));
    TRY(standardise(t));
    return par_agree(t->job->par, prepare_here(t));
}

static void training_close(training_t *t)
{
    trainer_destroy(&t->trainer);
    rows_destroy(&t->validation);
    shuffle_destroy(&t->shuffle);
    bank_close(&t->bank);
    training_stage_close(t->job->par, &t->stage);
    first_pass_free(&t->pass);
    history_free(&t->history);
    trained_free(&t->trained);
    free(t->best);
}

/* ---- the loop ---- */

typedef struct {
    training_t *t;
    char *checkpoint;
    int64_t steps;         // of an epoch
    double started, saved; // clock
    progress_t progress;
    reader_t *reader; // goes on from epoch to epoch
} loop_t;

static err_t save_checkpoint(loop_t *loop)
{
    training_t *t = loop->t;
    double now = log_clock(), before = t->seconds;
    t->seconds += now - loop->started;
    trainer_collect(t->trainer);
    err_t mine = t->job->par->rank == 0 ? checkpoint_save(t, loop->checkpoint) : OK;
    t->seconds = before;
    loop->saved = now;
    return par_agree(t->job->par, mine);
}

/* Asks all ranks now and then: stop, or save? */
static err_t look_around(loop_t *loop)
{
    training_t *t = loop->t;
    if (t->step % STOP_CHECK_STEPS != 0)
        return OK;
    if (par_any(t->job->par, stop_requested())) {
        TRY(save_checkpoint(loop));
        return err_fail(ERR_STOPPED,
                        "stopped on request at epoch %" PRId64 " of %" PRId64 ", step %" PRId64
                        " of %" PRId64 "; saved: the same command goes on from there",
                        t->epoch + 1, t->job->study.train.epochs, t->step, loop->steps);
    }
    if (par_any(t->job->par, log_clock() - loop->saved > CHECKPOINT_SECONDS))
        TRY(save_checkpoint(loop));
    return OK;
}

static err_t add_slices(training_t *t, reader_t *reader)
{
    int64_t global = t->epoch * shuffle_steps(t->shuffle) + t->step;
    for (int k = 0; k < trainer_slice_count(t->trainer); k++) {
        const rows_t *rows = NULL;
        TRY(reader_next(reader, k, &rows));
        trainer_add(t->trainer, global, k, rows);
    }
    return OK;
}

static err_t one_step(loop_t *loop, double *norm)
{
    training_t *t = loop->t;
    double loss = 0;
    TRY(par_agree(t->job->par, add_slices(t, loop->reader)));
    TRY(trainer_finish_step(t->trainer, t->epoch * loop->steps + t->step, &loss, norm));
    t->loss_sum += loss;
    t->step++;
    if (t->job->par->rank == 0) {
        char note[64];
        snprintf(note, sizeof note, "loss %.4f", t->loss_sum / (double)t->step);
        progress_show(&loop->progress, t->epoch * loop->steps + t->step, note);
    }
    return OK;
}

static err_t open_reader(training_t *t, reader_t **out)
{
    int n = trainer_slice_count(t->trainer);
    int *slices = MEM_NEW(int, n + 1);
    for (int k = 0; k < n; k++)
        slices[k] = trainer_slice(t->trainer, k);
    err_t err = reader_create(t->bank, t->shuffle, n, slices, t->epoch, t->step, out);
    free(slices);
    return err;
}

static void keep_best(training_t *t)
{
    params_t *params = amortizer_params(t->trained.amortizer);
    if (t->history.best == t->history.n - 1)
        memcpy(t->best, params_value(params), (size_t)params_size(params) * sizeof(float));
}

static err_t end_epoch(loop_t *loop, double norm)
{
    training_t *t = loop->t;
    trainer_use_average(t->trainer);
    double validation = trainer_validate(t->trainer, &t->validation);
    double row[HISTORY_COLUMNS] = {
        [HISTORY_TRAINING] = t->loss_sum / (double)loop->steps,
        [HISTORY_VALIDATION] = validation,
        [HISTORY_RATE] = trainer_rate(t->trainer, t->epoch * loop->steps + loop->steps - 1),
        [HISTORY_NORM] = norm,
        [HISTORY_SECONDS] = t->seconds + log_clock() - loop->started};
    history_add(&t->history, row);
    keep_best(t);
    trainer_use_raw(t->trainer);
    if (!isfinite(validation))
        return err_fail(ERR_DIVERGED,
                        "epoch %" PRId64 ": validation loss %g; the last good checkpoint is kept",
                        t->epoch + 1, validation);
    t->epoch++;
    t->step = 0;
    t->loss_sum = 0;
    TRY(save_checkpoint(loop));
    err_t mine = t->job->par->rank == 0
                     ? history_write(&t->history, t->job->folder, t->job->study.name)
                     : OK;
    return par_agree(t->job->par, mine);
}

static err_t one_epoch(loop_t *loop)
{
    training_t *t = loop->t;
    double norm = 0;
    while (t->step < loop->steps) {
        TRY(look_around(loop));
        TRY(one_step(loop, &norm));
    }
    return end_epoch(loop, norm);
}

static bool early(const training_t *t)
{
    int64_t patience = t->job->study.train.patience;
    return patience > 0 && t->history.n > 0 && history_waited(&t->history) >= patience;
}

static err_t all_epochs(training_t *t, char *checkpoint)
{
    int64_t epochs = t->job->study.train.epochs, steps = shuffle_steps(t->shuffle);
    loop_t loop = {.t = t,
                   .checkpoint = checkpoint,
                   .steps = steps,
                   .started = log_clock(),
                   .saved = log_clock()};
    if (t->job->par->rank == 0)
        loop.progress =
            progress_start("train", "steps", t->epoch * steps + t->step, epochs * steps);
    err_t err = par_agree(t->job->par, open_reader(t, &loop.reader));
    while (err == OK && t->epoch < epochs && !early(t))
        err = one_epoch(&loop);
    reader_destroy(&loop.reader);
    TRY(err);
    t->seconds += log_clock() - loop.started;
    if (t->job->par->rank == 0) {
        char note[96];
        snprintf(note, sizeof note, "validation loss %.4f, best of epoch %" PRId64,
                 t->history.column[HISTORY_VALIDATION][t->history.best], t->history.best + 1);
        progress_end(&loop.progress, t->epoch * steps, note);
        if (t->epoch < epochs)
            log_info("train: stopped early after epoch %" PRId64
                     ": no better validation loss for %" PRId64 " epochs",
                     t->epoch, t->job->study.train.patience);
    }
    return OK;
}

/* ---- anew, or from where it was ---- */

static void say_what_starts(const training_t *t)
{
    const study_t *study = &t->job->study;
    if (t->job->par->rank != 0)
        return;
    log_info("train: %" PRId64 " rows, %" PRId64 " for validation; %" PRId64 " weights; %" PRId64
             " epochs of %" PRId64 " steps of %" PRId64 " rows in %" PRId64 " slices",
             shuffle_usable(t->shuffle), t->validation.n,
             params_weights(amortizer_params(t->trained.amortizer)), study->train.epochs,
             shuffle_steps(t->shuffle), study->train.batch_size, study->train.slices);
    if (t->job->par->size > study->train.slices)
        log_info("train: %d of %d ranks stand by: a batch has %" PRId64
                 " slices; train.batch_size: %d would use all",
                 t->job->par->size - (int)study->train.slices, t->job->par->size,
                 study->train.slices, 16 * t->job->par->size);
    if (t->epoch > 0 || t->step > 0)
        log_info("train: goes on at epoch %" PRId64 ", step %" PRId64, t->epoch + 1, t->step);
}

/* --again: what is there is put aside under a name of its own, never deleted. */
static err_t put_aside(const char *path)
{
    if (!file_exists(path))
        return OK;
    char *old = mem_format("%s.old", path);
    err_t err = rename(path, old) == 0 ? OK : err_errno(ERR_IO, "renaming %s to %s", path, old);
    if (err == OK)
        log_info("train: %s is kept as %s", path, old);
    free(old);
    return err;
}

static err_t again(job_t *job, const char *path, const char *checkpoint)
{
    err_t mine = OK;
    TRY(job_claim(job));
    if (job->par->rank == 0) {
        mine = put_aside(
            checkpoint); // first: without an amortizer a checkpoint of other settings is an error
        if (mine == OK)
            mine = put_aside(path);
    }
    return par_agree(job->par, mine);
}

/* From the checkpoint; one of other settings is put aside where that was asked for. */
static err_t go_on(training_t *t, const char *path, const char *checkpoint)
{
    err_t err = par_agree(t->job->par, checkpoint_load(t, checkpoint));
    if (!err_is(err, ERR_MISMATCH) || !t->job->again)
        return err;
    err_clear();
    return again(t->job, path, checkpoint);
}

static err_t train_anew(job_t *job, const char *path, char *checkpoint)
{
    training_t t = {.job = job, .history = {.best = -1}};
    TRY(job_claim(job));
    err_t err = prepare(&t);
    if (err == OK && file_exists(checkpoint))
        err = go_on(&t, path, checkpoint);
    if (err == OK) {
        say_what_starts(&t);
        err = all_epochs(&t, checkpoint);
    }
    if (err == OK)
        err = training_finish(&t, path);
    training_close(&t);
    return err;
}

/* OK and `same`: there is an amortizer of exactly these settings. ERR_MISMATCH: of others. */
static err_t look_for_amortizer(const job_t *job, const char *path, bool *same)
{
    *same = false;
    if (!file_exists(path))
        return OK;
    trained_t old;
    amortizer_config_t network;
    TRY(study_network(&job->study, job->schema, &network));
    TRY(trained_load(path, &old));
    char *settings = study_training_text(&job->study, &network);
    char *model = schema_difference(&old.schema, job->schema);
    char *difference = settings_difference(old.training, settings);
    err_t err = OK;
    if (model != NULL)
        err = err_fail(ERR_MISMATCH,
                       "%s was trained for another model: %s: give --again to train anew, or "
                       "another --out",
                       path, model);
    else if (difference != NULL)
        err = err_fail(
            ERR_MISMATCH,
            "%s was trained with other settings: %s: give --again to train anew, or another "
            "--out",
            path, difference);
    *same = err == OK;
    free(difference);
    free(model);
    free(settings);
    trained_free(&old);
    return err;
}

err_t job_train(job_t *job, bool *did)
{
    char *path = job_file(job, "amortizer.h5"), *checkpoint = job_file(job, "checkpoint.h5");
    bool same = false;
    err_t err = par_agree(job->par, look_for_amortizer(job, path, &same));
    if (err_is(err, ERR_MISMATCH) && job->again)
        err = again(job, path, checkpoint);
    *did = err == OK && !same;
    if (*did) {
        double started = log_clock();
        err = train_anew(job, path, checkpoint);
        timings_add(job->par, job->folder, "train", started, err);
    }
    free(checkpoint);
    free(path);
    return err;
}

err_t command_train(const par_t *par, const options_t *options)
{
    job_t job;
    bool did = false;
    TRY(job_open(par, options, &job));
    err_t err = job_train(&job, &did);
    if (err == OK && !did && par->rank == 0)
        log_info("train: nothing to do, %s/amortizer.h5 is of these settings", job.folder);
    job_close(&job);
    return err;
}
