/* SPDX-License-Identifier: Apache-2.0
 *
 * One sealed shard as a file: opened, checked, read by rows. Its layout is drawn in bank.h. Nothing here is collective.
 */
#ifndef STORAGE_SHARD_H
#define STORAGE_SHARD_H

#include "storage/bank.h"
#include "storage/bank_card.h"

typedef struct shard shard_t; // an open shard file

/* "shards/0000012.h5": below the bank's folder; the caller frees it. */
char *shard_name(int64_t shard);
/* "<folder>/shards/0000012.h5.rewriting": stands while a newer version of a sealed shard takes its place, until the
 * catalog knows it; the caller frees it. */
char *shard_rewriting_mark(const char *folder, int64_t shard);

/* Opens what the catalog's entry says. With a layout the file's structure is compared with the entry's checksum and HDF5
 * plays no part. ERR_MISSING: no file; ERR_FORMAT: of another size than sealed, damaged, or another file. */
err_t shard_open(const char *folder, const bank_card_t *card, const bank_shard_t *entry,
                 shard_t **out) ERR_MUST_CHECK;
/* Opens a file that has no entry, by what it says itself, through HDF5. ERR_MISSING: no file; ERR_FORMAT: truncated,
 * damaged, or of a newer format; ERR_MISMATCH: of another model, seed or place (the first difference in words). */
err_t shard_open_unlisted(const char *folder, const bank_card_t *card, int64_t number,
                          shard_t **out) ERR_MUST_CHECK;
void shard_close(shard_t **shard);
int64_t shard_rows(const shard_t *shard);
/* Rows [begin, end) counted from the shard's first into rows[at ...]; n is left alone, seconds and reasons are cleared.
 * ERR_FORMAT. */
err_t shard_read(shard_t *shard, int64_t begin, int64_t end, rows_t *rows,
                 int64_t at) ERR_MUST_CHECK;
/* The same of index, status and parameters alone; design, lengths and observables are left as they are. */
err_t shard_read_head(shard_t *shard, int64_t begin, int64_t end, rows_t *rows,
                      int64_t at) ERR_MUST_CHECK;
/* Lets the disk begin to read these rows. A hint: nothing for compressed shards. */
void shard_read_soon(const shard_t *shard, int64_t begin, int64_t end);
err_t shard_read_status(shard_t *shard, int64_t begin, int64_t end, uint8_t *status) ERR_MUST_CHECK;

/* The entry of a file that has none: reads all of it, checks row numbers and status. ERR_FORMAT where something is wrong.
 * The entry is the caller's (bank_shard_free); `run` is noted in it. */
err_t shard_survey(const char *folder, const bank_card_t *card, int64_t number, const char *run,
                   bank_shard_t *out) ERR_MUST_CHECK;

#endif
