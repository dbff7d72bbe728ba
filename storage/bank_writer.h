/* SPDX-License-Identifier: Apache-2.0
 *
 * A bank being written, from inside: for bank_write.c, bank_missing.c and bank_seal.c alone.
 */
#ifndef STORAGE_BANK_WRITER_H
#define STORAGE_BANK_WRITER_H

#define BANK_WRITE
#include "storage/bank.h"
#include "storage/bank_card.h"
#include "storage/catalog.h"
#include "storage/journal.h"
#include "storage/lock.h"
#include "storage/shard_write.h"

typedef struct {
    int64_t n, cap;
    range_t *at; // (n) of rows, ascending, each inside one shard
} ranges_t;

void ranges_add(ranges_t *ranges, int64_t begin, int64_t end); // nothing where it is empty
bool ranges_have(const ranges_t *ranges, int64_t row);

struct bank_writer {
    const par_t *par; // borrowed
    char *folder;
    char run[LOCK_RUN_BYTES];
    bank_card_t card;
    shard_origin_t origin;
    int compress;
    bool retry;
    int64_t rows;       // of the plan
    catalog_t *earlier; // as it stood at the opening; NULL: not looked at yet
    ranges_t lacking;   // rows of the plan that no sealed shard has, or not to be kept
    ranges_t missing;   // the lacking ones that are in no journal either
    int64_t lacking_rows, recovered_rows;
    journal_list_t recovered; // lacking rows in journals of earlier runs
    int64_t n_open;
    int64_t *open;      // (n_open) shards with lacking rows, ascending
    journal_t *journal; // of this rank
    lock_t *lock;       // on rank 0
};

/* bank_missing.c, rank 0: what the sealed shards lack, from the catalog and the files. */
err_t writer_find_lacking(bank_writer_t *writer, const catalog_t *catalog) ERR_MUST_CHECK;
/* Rank 0: what journals hold of it; journals that hold nothing of it are removed. */
err_t writer_find_recovered(bank_writer_t *writer) ERR_MUST_CHECK;
/* Rank 0 tells all; each then knows what is missing and open. Collective. */
void writer_share_lacking(bank_writer_t *writer);

#endif
