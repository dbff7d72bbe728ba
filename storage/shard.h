/* SPDX-License-Identifier: Apache-2.0
 *
 * One sealed shard as a file: opened, checked against the bank it should belong to, read by rows. Its layout is drawn in
 * bank.h. Nothing here is collective.
 */
#ifndef STORAGE_SHARD_H
#define STORAGE_SHARD_H

#include "storage/bank.h"
#include "storage/bank_card.h"

typedef struct shard shard_t;   // an open shard file
enum { SHARD_HOST_BYTES = 64 }; // of a host's name beside a row, with its 0

/* "shards/0000012.h5", "costs/0000012.h5": below the bank's folder; the caller frees it. */
char *shard_name(int64_t shard);
char *shard_costs_name(int64_t shard);

/* ERR_MISSING: no file; ERR_FORMAT: truncated, damaged, or of a newer format; ERR_MISMATCH: of another model, seed or
 * place (the first difference in words). */
err_t shard_open(const char *folder, const bank_card_t *card, int64_t number,
                 shard_t **out) ERR_MUST_CHECK;
void shard_close(shard_t **shard);
int64_t shard_rows(const shard_t *shard);
/* Rows [begin, end) counted from the shard's first into rows[at ...]; n is left alone, seconds are cleared. ERR_FORMAT. */
err_t shard_read(shard_t *shard, int64_t begin, int64_t end, rows_t *rows,
                 int64_t at) ERR_MUST_CHECK;
err_t shard_read_status(shard_t *shard, int64_t begin, int64_t end, uint8_t *status) ERR_MUST_CHECK;

/* The catalog's entry of a file: reads all of it, checks row numbers and status. ERR_FORMAT where something is wrong. The
 * entry is the caller's (bank_shard_free); `run` is noted in it. */
err_t shard_survey(const char *folder, const bank_card_t *card, int64_t number, const char *run,
                   bank_shard_t *out) ERR_MUST_CHECK;
/* xxh3 and size of a file. ERR_IO, ERR_MISSING. */
err_t shard_file_hash(const char *path, uint64_t *hash, int64_t *bytes) ERR_MUST_CHECK;

/* Measured costs of rows [begin, end) of a shard: seconds (n) and hosts (n, SHARD_HOST_BYTES). Where there is no such
 * file they are 0 and empty. ERR_FORMAT. */
err_t shard_costs_read(const char *folder, int64_t number, int64_t begin, int64_t end,
                       double *seconds, char *hosts) ERR_MUST_CHECK;
/* Writes the costs of n rows to `path` (not synced). ERR_IO. */
err_t shard_costs_write(const char *path, int64_t n, const double *seconds,
                        const char *hosts) ERR_MUST_CHECK;

#endif
