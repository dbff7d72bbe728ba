/* SPDX-License-Identifier: Apache-2.0
 *
 * Fresh rows between the hub that gets them, the training that uses them and the bank that stores them: a ring with a place
 * for each of `capacity` rows from the first one on that somebody still needs. So memory is bounded: where training or the
 * bank is slow, the ring does not move, and nothing beyond it is asked for.
 *
 *     low .................. low + capacity        row i lies at i % capacity
 *     first row that is not both used and stored
 *
 * One thread puts rows and another uses them. What is written here is changed under a lock of theirs; the values of a row
 * are written before it is put and read after, without it.
 */
#ifndef COORDINATOR_ROW_RING_H
#define COORDINATOR_ROW_RING_H

#include "coordinator/used_rows.h"
#include "storage/rows.h"

#include <stdbool.h>

typedef struct {
    const schema_t *schema; // borrowed
    int64_t first, end;     // rows that go through it
    int64_t capacity;
    int64_t shard_rows;      // of the bank
    bool arrival;            // rows are used as they came, else in order
    const used_rows_t *used; // by earlier runs; copied
} row_ring_plan_t;

typedef enum {
    RING_FROM_WORKER, // neither stored nor safe
    RING_FROM_BANK    // the bank has it
} ring_source_t;

typedef struct row_ring row_ring_t; // opaque

row_ring_t *row_ring_create(const row_ring_plan_t *plan);
void row_ring_destroy(row_ring_t **ring);

/* The values: row i stands at place i % capacity. Write those of a row that has a place and is not there yet. */
rows_t *row_ring_rows(row_ring_t *ring);
int64_t row_ring_place(const row_ring_t *ring, int64_t row);
bool row_ring_has_place(const row_ring_t *ring, int64_t row); // low <= row < low + capacity
bool row_ring_has(const row_ring_t *ring, int64_t row);       // it has a place and was put
/* Whether an earlier run used the row: then it is not used again, and one that the bank has needs no values. */
bool row_ring_used_before(const row_ring_t *ring, int64_t row);

/* Its values are there. `giver` is told when it becomes safe (0 or more; -1: nobody). */
void row_ring_put(row_ring_t *ring, int64_t row, ring_source_t source, int giver);

/* ---- use ---- */
/* Rows that could be used now: in order without a gap, or all that came. */
int64_t row_ring_ready(const row_ring_t *ring);
bool row_ring_whole(const row_ring_t *ring); // all rows [first, end) were put
/* Marks the next n of them as used and says which, in the order of use. Their values stay until row_ring_advance. */
void row_ring_use(row_ring_t *ring, int64_t n, int64_t *rows);
int64_t row_ring_position(const row_ring_t *ring); // the first row that was not used

/* ---- safety and the bank ---- */
/* Rows that are neither safe nor stored, as they came, valid until the ring is changed; and what they cost. */
int64_t row_ring_loose(const row_ring_t *ring, const int64_t **rows);
double row_ring_loose_seconds(const row_ring_t *ring);
/* The n oldest loose ones are safe now (in a journal). */
void row_ring_safe(row_ring_t *ring, int64_t n);
/* Whether all rows of this shard within [first, end) were put. */
bool row_ring_shard_whole(const row_ring_t *ring, int64_t shard);
/* Whether the row is there and the bank lacks it; its giver, or -1. */
bool row_ring_unstored(const row_ring_t *ring, int64_t row);
int row_ring_giver(const row_ring_t *ring, int64_t row);
/* The rows of this whole shard are in the bank now, and safe. */
void row_ring_stored(row_ring_t *ring, int64_t shard);

/* Gives up the places of rows that are used and stored. Returns the new `low`. */
int64_t row_ring_advance(row_ring_t *ring);
int64_t row_ring_low(const row_ring_t *ring);
typedef struct {
    int64_t put, found;      // rows so far; of them from the bank
    int64_t used;            // by this run and earlier ones
    int64_t held, held_most; // in it, now and at most
} row_ring_tally_t;
row_ring_tally_t row_ring_tally(const row_ring_t *ring);

#endif
