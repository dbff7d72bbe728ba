/* SPDX-License-Identifier: Apache-2.0
 *
 * A bank being written, from inside: for bank_write.c and bank_seal.c alone.
 */
#ifndef STORAGE_BANK_WRITER_H
#define STORAGE_BANK_WRITER_H

#define BANK_WRITE
#include "storage/bank.h"
#include "storage/bank_card.h"
#include "storage/catalog.h"
#include "storage/lock.h"
#include "storage/shard_write.h"

typedef struct {
    int64_t shard, kept_end; // rows [first row, kept_end) are there already
} open_shard_t;

struct bank_writer {
    const par_t *par; // borrowed
    char *folder;
    char run[LOCK_RUN_BYTES];
    bank_card_t card;
    shard_origin_t origin;
    int64_t rows, sealed_rows; // of the plan
    int64_t n_open;
    open_shard_t *open; // (n_open) ascending
    lock_t *lock;       // on rank 0
};

/* The entry of an open shard, or NULL. */
const open_shard_t *bank_writer_find(const bank_writer_t *writer, int64_t shard);

#endif
