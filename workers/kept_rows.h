/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rank has simulated and nobody has sealed yet: rows in memory, those of them that were dear in the journal too.
 */
#ifndef WORKERS_KEPT_ROWS_H
#define WORKERS_KEPT_ROWS_H

#define BANK_WRITE
#include "storage/bank.h"

typedef struct {
    rows_t rows;
    int64_t most;        // rows that may be kept
    int64_t journaled;   // the first so many are in the journal
    double loose;        // seconds that the others took
    double journal_cost; // seconds of the last write to the journal
} kept_rows_t;

/* `memory`: bytes, of at least two shards. The schema must outlive it. */
kept_rows_t kept_rows_create(const schema_t *schema, size_t memory, int64_t shard_rows);
void kept_rows_destroy(kept_rows_t *kept);
int64_t kept_rows_room(const kept_rows_t *kept);
/* Makes room for n rows behind the last. */
void kept_rows_reserve(kept_rows_t *kept, int64_t n);
/* Rows [from, rows.n) are new: journals what is loose, where they took `seconds` or one of them did. ERR_IO. */
err_t kept_rows_secure(kept_rows_t *kept, int64_t from, double seconds,
                       bank_writer_t *writer) ERR_MUST_CHECK;
/* Drops the rows of these shards (ascending), which are sealed. */
void kept_rows_drop(kept_rows_t *kept, int64_t shard_rows, int n, const int64_t *shards);

#endif
