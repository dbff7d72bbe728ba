/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a bank can be trained on and its amortizer be believed: enough of its rows are finished, its parameters and data
 * vary, and what is held back from training (validation rows, the held-out data sets of `diagnose`) is not among the rows
 * that are trained on. What is wrong is told with what to do.
 */
#ifndef COORDINATOR_BANK_CHECK_H
#define COORDINATOR_BANK_CHECK_H

#include "cluster/par.h"
#include "coordinator/study_adapter.h"
#include "coordinator/twins.h"
#include "storage/bank.h"

/* ERR_FORMAT where a larger share of these rows than `limit` failed (rejected ones did not). `bank` names it. */
err_t bank_check_finished(const char *bank, int64_t rows, const uint8_t *status,
                          double limit) ERR_MUST_CHECK;
/* ERR_FORMAT where a parameter that is inferred has one value in all rows, or all data that are read are the same. Values
 * of arrays are left alone: a corner of an image may be black. */
err_t bank_check_varied(const char *bank, const rows_t *rows,
                        const adapter_t *adapter) ERR_MUST_CHECK;

/* The pass over the rows that are trained on, which must not meet a row that is held back. */
typedef struct {
    const char *bank;
    adapted_rows_t *adapted;
    const twins_t *held_back;
} guarded_rows_t;
/* first_pass_transform_t: adapted_rows_transform, but ERR_FORMAT for a twin. */
err_t guarded_rows_transform(void *guarded, const rows_t *rows, int64_t at, first_pass_row_t *out);

/* ERR_FORMAT where one of the n held-out data sets, known by their keys on rank 0, is a row of the bank in this folder. A bank
 * that is not there, or is of another model than `fingerprint` says, was not trained on. Collective. */
err_t bank_check_held_out(const par_t *par, const char *folder, const char *fingerprint, int64_t n,
                          const twin_key_t *keys) ERR_MUST_CHECK;

#endif
