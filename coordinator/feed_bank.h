/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank's side of a feed, on rank 0: rows of the ring become durable (journal) and part of the bank (sealed shards), and
 * rows that the bank had already come into the ring from it.
 */
#ifndef COORDINATOR_FEED_BANK_H
#define COORDINATOR_FEED_BANK_H

#define BANK_WRITE
#include "coordinator/hub.h"
#include "coordinator/row_ring.h"
#include "coordinator/study.h"
#include "storage/bank.h"

typedef struct feed_bank feed_bank_t; // opaque

/* Takes the bank's lock. ERR_USAGE where rows before `first` are missing; else as bank_writer_open. Not collective: this
 * process alone. */
err_t feed_bank_open(const study_t *study, const schema_t *schema, int64_t first, int64_t end,
                     feed_bank_t **out) ERR_MUST_CHECK;
/* Gives the lock back. NULL is fine. */
err_t feed_bank_close(feed_bank_t **bank) ERR_MUST_CHECK;

/* Rows of shards that may be whole and not sealed: the ring needs room for them beside the look-ahead. */
int64_t feed_bank_room(const feed_bank_t *bank);
/* Before anything that follows; both outlive the bank. */
void feed_bank_attach(feed_bank_t *bank, row_ring_t *ring, hub_t *hub, int64_t look_ahead);

/* Moves the window as far as use and bank allow, and brings in what the bank has of it. ERR_IO, ERR_FORMAT. */
err_t feed_bank_move(feed_bank_t *bank) ERR_MUST_CHECK;
/* Journals and seals what is due, or (`all`) everything. ERR_IO, ERR_LOCKED: nothing on disk is lost. */
err_t feed_bank_keep(feed_bank_t *bank, bool all) ERR_MUST_CHECK;
/* No more rows can come before some are used: all that may be lent have come, and the ring has no place for others. The
 * hub's lock is held. */
bool feed_bank_full(const feed_bank_t *bank);
/* All rows [first, end) are in sealed shards. */
bool feed_bank_whole(const feed_bank_t *bank);

#endif
