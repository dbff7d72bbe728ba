/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard file written by the ranks that store it. Its bytes do not depend on their number: one of them makes the file, all
 * write their rows at their places. A compressed one is written by one rank alone.
 */
#ifndef STORAGE_SHARD_WRITE_H
#define STORAGE_SHARD_WRITE_H

#include "storage/bank_card.h"
#include "storage/exchange.h"

/* What the file's attributes say beside the card; the same on every rank. */
typedef struct {
    char *model; // schema_text
    char cpu[64], libm[64];
} shard_origin_t;

/* Of this process; the caller frees `model`. Not collective. */
shard_origin_t shard_origin(const schema_t *schema);

/* What is written. */
typedef struct {
    const bank_card_t *card;
    const shard_origin_t *origin;
    int64_t number, rows; // of the shard
    int compress;         // 0 none, 1 to 9 deflate
} shard_sheet_t;

/* Writes the shard to `path` and closes it (not synced): room for it is reserved before. Fills entry->layout (allocated
 * here; n_layout is 0 where it is compressed), file_hash and bytes on rank 0. ERR_IO, with file and bytes where the disk is
 * full; the file is then removed. Collective over part, the ranks that store it; the same code on every rank. */
err_t shard_write(const par_t *part, const char *path, const shard_sheet_t *sheet,
                  const portion_t *portion, bank_shard_t *entry) ERR_MUST_CHECK;

#endif
