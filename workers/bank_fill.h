/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a bank with rows that exist elsewhere (import, merge): shard by shard, so it takes the memory of a few shards, and
 * what was sealed before a crash is not done again.
 */
#ifndef WORKERS_BANK_FILL_H
#define WORKERS_BANK_FILL_H

#define BANK_WRITE
#include "storage/bank.h"

/* Gives rows [begin, end) of the bank to be: rows[0 ...], whose capacity is enough; n is set, indices are the bank's. */
typedef err_t (*bank_filler_t)(void *user, int64_t begin, int64_t end, rows_t *rows);

/* `what` stands in the progress line; `*written` is how many rows were not there before. The errors of the writer and of
 * the filler; ERR_STOPPED. Collective. */
err_t bank_fill(const par_t *par, const bank_plan_t *plan, const char *what, bank_filler_t filler,
                void *user, int64_t *written) ERR_MUST_CHECK;

#endif
