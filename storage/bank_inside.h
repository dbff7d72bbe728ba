/* SPDX-License-Identifier: Apache-2.0
 *
 * An open bank from inside: for bank_read.c and bank_verify.c alone.
 */
#ifndef STORAGE_BANK_INSIDE_H
#define STORAGE_BANK_INSIDE_H

#include "storage/bank_card.h"
#include "storage/catalog.h"
#include "storage/shard.h"

#include <pthread.h>

struct bank {
    char *folder;
    bank_card_t card;
    catalog_t catalog;
    int64_t rows;          // without a gap from 0 on
    pthread_mutex_t mutex; // for what follows
    shard_t *open;         // the shard read last, or NULL
    int64_t open_number;
};

#endif
