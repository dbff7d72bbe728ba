// SPDX-License-Identifier: Apache-2.0
//
// What a training has of the study's bank: its rows in order, those that are held back, and the settings of its trainer.
#include "cluster/mem.h"
#include "coordinator/bank_check.h"
#include "coordinator/study_adapter.h"
#include "coordinator/training.h"
#include "storage/reader.h"

#include <cblas.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static err_t check_bank(const job_t *job, const bank_t *bank)
{
    const study_t *study = &job->study;
    char *mine = schema_fingerprint(job->schema);
    char *difference = schema_difference(bank_schema(bank), job->schema);
    err_t err = OK;
    if (strcmp(mine, bank_fingerprint(bank)) != 0)
        err = err_fail(ERR_MISMATCH, "bank %s holds another model: %s, the study's model is %s%s%s",
                       study->bank.path, bank_fingerprint(bank), mine, difference ? ": " : "",
                       difference ? difference : "");
    else if (bank_rows(bank) < study->bank.rows)
        err = err_fail(ERR_USAGE,
                       "bank %s has %" PRId64 " of the study's %" PRId64
                       " rows: run `infermill simulate %s`",
                       study->bank.path, bank_rows(bank), study->bank.rows, study->path);
    free(difference);
    free(mine);
    return err;
}

err_t training_bank(const job_t *job, const char *folder, bank_t **out)
{
    TRY(bank_open(folder, out));
    err_t err = check_bank(job, *out);
    if (err != OK)
        bank_close(out);
    return err;
}

err_t training_order(const job_t *job, bank_t *bank, int64_t slice_rows, shuffle_t **out)
{
    const study_t *study = &job->study;
    uint8_t *status = MEM_NEW(uint8_t, bank_rows(bank));
    err_t err = bank_read_status(bank, status);
    shuffle_config_t config = shuffle_config_default();
    config.seed = (uint64_t)study->train.seed;
    config.rows = study->bank.rows;
    config.status = status;
    config.validation_rows = study->train.validation_rows;
    config.held_out_rows = study->train.held_out_rows;
    config.window_rows = study->train.window_rows;
    config.slices = (int)study->train.slices;
    config.slice_rows = slice_rows;
    if (err == OK)
        err = bank_check_finished(study->bank.path, study->bank.rows, status,
                                  study->bank.failure_limit);
    if (err == OK)
        err = err_context(shuffle_create(&config, out), "%s: train", study->path);
    free(status);
    return err;
}

static err_t check_validation(const job_t *job, const adapter_t *adapter, const rows_t *rows)
{
    adapted_rows_t *adapted = adapted_rows_create(adapter);
    err_t err = OK;
    for (int64_t i = 0; i < rows->n && err == OK; i++)
        err = adapted_rows_check(adapted, rows, i);
    adapted_rows_destroy(&adapted);
    TRY(err_context(err, "%s", job->study.path));
    return bank_check_varied(job->study.bank.path, rows, adapter);
}

err_t training_validation(const job_t *job, bank_t *bank, const shuffle_t *shuffle,
                          const adapter_t *adapter, rows_t *out)
{
    int64_t n;
    const int64_t *row = shuffle_validation(shuffle, &n);
    *out = rows_create(job->schema, n);
    TRY(reader_gather(bank, shuffle, n, row, out));
    return check_validation(job, adapter, out);
}

trainer_config_t training_config(const study_t *study, double learning_rate, int64_t steps)
{
    trainer_config_t config = {
        .slices = (int)study->train.slices,
        .slice_rows = study->train.batch_size / study->train.slices,
        .seed = (uint64_t)study->train.seed,
        .subsets = study->train.subsets,
        .adamw = adamw_config_default(),
        .schedule = {.peak = learning_rate,
                     .floor = 0,
                     .warmup = (int64_t)(study->train.warmup * (double)steps),
                     .total = steps}};
    config.adamw.weight_decay = study->train.weight_decay;
    config.adamw.clip_norm = study->train.clip_norm;
    config.adamw.average_decay = study->train.average;
    return config;
}

void training_take_blas_buffer(void)
{
    enum { N = 256 };
    float *a = MEM_NEW(float, N *N), *b = MEM_NEW(float, N *N);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, a, N, a, N, 0, b, N);
    free(b);
    free(a);
}
