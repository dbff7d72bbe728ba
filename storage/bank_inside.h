/* SPDX-License-Identifier: Apache-2.0
 *
 * An open bank from inside: for bank_read.c, bank_latest.c and bank_verify.c alone.
 */
#ifndef STORAGE_BANK_INSIDE_H
#define STORAGE_BANK_INSIDE_H

#include "storage/bank_card.h"
#include "storage/catalog.h"
#include "storage/shard.h"

#include <pthread.h>

enum { BANK_OPEN_SHARDS = 65 }; // the first for compressed ones

typedef struct {
    shard_t *shard; // NULL: none
    int64_t number, used;
} open_shard_t;

struct bank {
    char *folder;
    bank_card_t card;
    catalog_t catalog;
    int64_t rows;          // without a gap from 0 on
    pthread_mutex_t mutex; // for what follows
    int64_t uses;
    open_shard_t open[BANK_OPEN_SHARDS];
};

/* Whether each shard lies where its number says and has the model's data sets. ERR_FORMAT. */
err_t bank_check_places(const bank_t *bank, const catalog_t *catalog) ERR_MUST_CHECK;
/* Looks whether the catalog has another version of a shard than the one known; while a campaign is putting one in place it
 * waits, some seconds at most. The entry is the caller's (bank_shard_free). */
bool bank_find_newer(const bank_t *bank, const bank_shard_t *known, bank_shard_t *out);

#endif
