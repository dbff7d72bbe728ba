// SPDX-License-Identifier: Apache-2.0
#include "coordinator/row_ring.h"

#include "cluster/mem.h"

#include <stdlib.h>

enum { HERE = 1, USED = 2, SAFE = 4, STORED = 8 };

// Rows in the order in which they came; never more than the ring holds.
typedef struct {
    int64_t *row; // (capacity)
    int64_t n, at;
} queue_t;

struct row_ring {
    row_ring_plan_t plan;
    used_rows_t used; // by this run and earlier ones
    rows_t rows;
    uint8_t *mark; // (capacity)
    int *giver;    // (capacity)
    int64_t low, ready;
    int64_t ready_rows; // of rows from used.position to `ready`, not used
    queue_t came;       // that may be used, by arrival
    int64_t *loose;     // (capacity)
    int64_t n_loose;
    double loose_seconds;
    int64_t *of_shard; // rows put of each shard, from that of `first` on
    row_ring_tally_t tally;
};

row_ring_t *row_ring_create(const row_ring_plan_t *plan)
{
    CHECK(plan->first <= plan->used->position && plan->used->position <= plan->end &&
              plan->capacity >= 1 && plan->shard_rows >= 1,
          "a ring of %ld rows for rows %ld to %ld, used to %ld, in shards of %ld",
          (long)plan->capacity, (long)plan->first, (long)plan->end, (long)plan->used->position,
          (long)plan->shard_rows);
    row_ring_t *r = MEM_NEW(row_ring_t, 1);
    *r = (row_ring_t){.plan = *plan, .low = plan->first};
    r->used = used_rows_create(plan->used->position, plan->used->n, plan->used->beyond);
    r->ready = r->used.position;
    r->rows = rows_create(plan->schema, plan->capacity);
    r->rows.n = plan->capacity;
    r->mark = MEM_NEW(uint8_t, plan->capacity);
    r->giver = MEM_NEW(int, plan->capacity);
    r->came.row = MEM_NEW(int64_t, plan->capacity);
    r->loose = MEM_NEW(int64_t, plan->capacity);
    r->of_shard = MEM_NEW(int64_t, (plan->end - plan->first) / plan->shard_rows + 2);
    return r;
}

void row_ring_destroy(row_ring_t **ring)
{
    row_ring_t *r = *ring;
    if (r == NULL)
        return;
    rows_destroy(&r->rows);
    used_rows_destroy(&r->used);
    free(r->mark);
    free(r->giver);
    free(r->came.row);
    free(r->loose);
    free(r->of_shard);
    free(r);
    *ring = NULL;
}

rows_t *row_ring_rows(row_ring_t *r)
{
    return &r->rows;
}

int64_t row_ring_place(const row_ring_t *r, int64_t row)
{
    return row % r->plan.capacity;
}

static uint8_t *mark_of(const row_ring_t *r, int64_t row)
{
    return &r->mark[row % r->plan.capacity];
}

bool row_ring_has_place(const row_ring_t *r, int64_t row)
{
    return row >= r->low && row < r->low + r->plan.capacity && row < r->plan.end;
}

bool row_ring_has(const row_ring_t *r, int64_t row)
{
    return row_ring_has_place(r, row) && (*mark_of(r, row) & HERE) != 0;
}

bool row_ring_used_before(const row_ring_t *r, int64_t row)
{
    return used_rows_have(&r->used, row);
}

/* ---- put ---- */

static int64_t *shard_count(const row_ring_t *r, int64_t shard)
{
    return &r->of_shard[shard - r->plan.first / r->plan.shard_rows];
}

// Rows at `ready` that are there now join those without a gap.
static void extend_ready(row_ring_t *r)
{
    for (; row_ring_has(r, r->ready); r->ready++)
        r->ready_rows += (*mark_of(r, r->ready) & USED) == 0;
}

static void queue_push(queue_t *q, int64_t capacity, int64_t row)
{
    q->row[(q->at + q->n++) % capacity] = row;
}

void row_ring_put(row_ring_t *r, int64_t row, ring_source_t source, int giver)
{
    CHECK(row_ring_has_place(r, row) && !row_ring_has(r, row), "row %ld put into a ring at %ld",
          (long)row, (long)r->low);
    bool used = row_ring_used_before(r, row), stored = source == RING_FROM_BANK;
    int64_t at = row_ring_place(r, row);
    r->mark[at] = (uint8_t)(HERE | (used ? USED : 0) | (stored ? SAFE | STORED : 0));
    r->giver[at] = giver;
    if (!used && r->plan.arrival)
        queue_push(&r->came, r->plan.capacity, row);
    if (!stored) {
        r->loose[r->n_loose++] = row;
        r->loose_seconds += r->rows.seconds[at];
    }
    ++*shard_count(r, row / r->plan.shard_rows);
    r->tally.put++;
    r->tally.found += stored;
    r->tally.held++;
    r->tally.held_most = r->tally.held > r->tally.held_most ? r->tally.held : r->tally.held_most;
    extend_ready(r);
}

/* ---- use ---- */

int64_t row_ring_ready(const row_ring_t *r)
{
    return r->plan.arrival ? r->came.n : r->ready_rows;
}

bool row_ring_whole(const row_ring_t *r)
{
    return r->tally.put == r->plan.end - r->plan.first;
}

static int64_t next_to_use(row_ring_t *r, int64_t from)
{
    if (!r->plan.arrival) {
        while (*mark_of(r, from) & USED)
            from++;
        return from;
    }
    int64_t row = r->came.row[r->came.at];
    r->came.at = (r->came.at + 1) % r->plan.capacity;
    r->came.n--;
    return row;
}

void row_ring_use(row_ring_t *r, int64_t n, int64_t *rows)
{
    CHECK(n <= row_ring_ready(r), "%ld rows to be used of %ld", (long)n, (long)row_ring_ready(r));
    for (int64_t i = 0, from = r->used.position; i < n; i++, from = rows[i - 1] + 1) {
        rows[i] = next_to_use(r, from);
        *mark_of(r, rows[i]) |= USED;
        r->ready_rows -= rows[i] < r->ready;
    }
    used_rows_add(&r->used, n, rows);
    r->ready = r->ready > r->used.position ? r->ready : r->used.position;
    extend_ready(r);
}

int64_t row_ring_position(const row_ring_t *r)
{
    return r->used.position;
}

/* ---- safety and the bank ---- */

int64_t row_ring_loose(const row_ring_t *r, const int64_t **rows)
{
    *rows = r->loose;
    return r->n_loose;
}

double row_ring_loose_seconds(const row_ring_t *r)
{
    return r->loose_seconds;
}

// Keeps the loose rows that are not safe.
static void shrink_loose(row_ring_t *r)
{
    int64_t kept = 0;
    r->loose_seconds = 0;
    for (int64_t i = 0; i < r->n_loose; i++)
        if (row_ring_has(r, r->loose[i]) && (*mark_of(r, r->loose[i]) & SAFE) == 0) {
            r->loose_seconds += r->rows.seconds[row_ring_place(r, r->loose[i])];
            r->loose[kept++] = r->loose[i];
        }
    r->n_loose = kept;
}

void row_ring_safe(row_ring_t *r, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        *mark_of(r, r->loose[i]) |= SAFE;
    shrink_loose(r);
}

static void shard_rows_of(const row_ring_t *r, int64_t shard, int64_t *begin, int64_t *end)
{
    *begin = shard * r->plan.shard_rows;
    *end = *begin + r->plan.shard_rows;
    *begin = *begin > r->plan.first ? *begin : r->plan.first;
    *end = *end < r->plan.end ? *end : r->plan.end;
}

bool row_ring_shard_whole(const row_ring_t *r, int64_t shard)
{
    int64_t begin, end;
    shard_rows_of(r, shard, &begin, &end);
    return begin < end && *shard_count(r, shard) == end - begin;
}

bool row_ring_unstored(const row_ring_t *r, int64_t row)
{
    return row_ring_has(r, row) && (*mark_of(r, row) & STORED) == 0;
}

int row_ring_giver(const row_ring_t *r, int64_t row)
{
    return row_ring_has(r, row) ? r->giver[row_ring_place(r, row)] : -1;
}

void row_ring_stored(row_ring_t *r, int64_t shard)
{
    int64_t begin, end;
    shard_rows_of(r, shard, &begin, &end);
    for (int64_t row = begin > r->low ? begin : r->low; row < end; row++)
        *mark_of(r, row) |= SAFE | STORED;
    shrink_loose(r);
}

int64_t row_ring_advance(row_ring_t *r)
{
    for (;
         row_ring_has(r, r->low) && (*mark_of(r, r->low) & USED) && (*mark_of(r, r->low) & STORED);
         r->low++) {
        *mark_of(r, r->low) = 0;
        r->tally.held--;
    }
    extend_ready(r);
    return r->low;
}

int64_t row_ring_low(const row_ring_t *r)
{
    return r->low;
}

row_ring_tally_t row_ring_tally(const row_ring_t *r)
{
    row_ring_tally_t tally = r->tally;
    tally.used = r->used.position - r->plan.first + r->used.n;
    return tally;
}
