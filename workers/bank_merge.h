/* SPDX-License-Identifier: Apache-2.0
 *
 * Banks of one model joined into one. Rows stand one bank after another and are counted anew; `origin:` of the new bank
 * (origin.h) says for each range which campaign or file it comes from, through earlier merges too. Rows keep status,
 * reason and seconds. The sources are only read.
 */
#ifndef WORKERS_BANK_MERGE_H
#define WORKERS_BANK_MERGE_H

#include "cluster/par.h"

typedef struct {
    const char *folder; // of the new bank: not there, or a half-done merge of these banks
    int n_banks;
    const char *const *banks;
    int64_t shard_rows; // 0: those of the first bank
} bank_merge_plan_t;

typedef struct {
    int64_t rows, written; // of the new bank; by this call
} bank_merge_report_t;

/* ERR_MISMATCH: banks of two models (the first difference), the same rows twice (which, and in which banks), another bank in
 * the folder; ERR_MISSING, ERR_FORMAT, ERR_IO, ERR_LOCKED, ERR_STOPPED. Collective. */
err_t bank_merge(const par_t *par, const bank_merge_plan_t *plan,
                 bank_merge_report_t *out) ERR_MUST_CHECK;

#endif
