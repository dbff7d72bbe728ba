// SPDX-License-Identifier: Apache-2.0
#include "coordinator/feed_bank.h"

#include "cluster/log.h"
#include "cluster/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { SEAL_SHARDS = 8, READ_ROWS = 1024, DEFLATE_LEVEL = 1 };

static const size_t seal_bytes = (size_t)64
                                 << 20;   // of whole shards that wait to be sealed together
static const double seal_seconds = 10;    // that a whole shard waits
static const double journal_share = 0.02; // of the time of this thread, at most

struct feed_bank {
    par_t self;
    bank_writer_t *writer;
    int64_t first, end, look_ahead, capacity, shard_rows, limit;
    double journal_seconds;
    int64_t n_missing, missing_at; // ranges; the first that may lie beyond `limit`
    const range_t *missing;        // of the writer
    int64_t n_open;
    int64_t *open;  // (n_open) shards to be sealed, ascending
    int64_t *whole; // (n_open) for those that are sealed together
    int batch;
    double whole_since; // a shard is whole and not sealed; INFINITY: none
    double journaled, journal_cost;
    rows_t block, shard; // rows being read; rows of shards being sealed, or journaled
    row_ring_t *ring;
    hub_t *hub;
};

/* ---- opened and closed ---- */

static err_t check_before(const feed_bank_t *b, const study_t *study)
{
    if (b->n_missing > 0 && b->missing[0].begin < b->first)
        return err_fail(ERR_USAGE,
                        "%s: row %" PRId64
                        " of bank %s is missing, and fresh rows begin at %" PRId64
                        ": run `infermill simulate` first",
                        study->path, b->missing[0].begin, study->bank.path, b->first);
    return OK;
}

static void find_open(feed_bank_t *b)
{
    b->n_open = bank_writer_open_shards(b->writer);
    b->open = MEM_NEW(int64_t, b->n_open);
    b->whole = MEM_NEW(int64_t, b->n_open);
    for (int64_t k = 0; k < b->n_open; k++)
        b->open[k] = bank_writer_open_shard(b->writer, k);
}

static int shards_together(const schema_t *schema, int64_t shard_rows)
{
    size_t fit = seal_bytes / (rows_bytes(schema) * (size_t)shard_rows);
    return fit < 1 ? 1 : fit < SEAL_SHARDS ? (int)fit : SEAL_SHARDS;
}

err_t feed_bank_open(const study_t *study, const schema_t *schema, int64_t first, int64_t end,
                     feed_bank_t **out)
{
    feed_bank_t *b = MEM_NEW(feed_bank_t, 1);
    bank_plan_t plan = {.folder = study->bank.path,
                        .schema = schema,
                        .seed = (uint64_t)study->bank.seed,
                        .rows = end,
                        .shard_rows = study->bank.shard_rows,
                        .study = study->name,
                        .compress = study->bank.compress ? DEFLATE_LEVEL : 0};
    *b = (feed_bank_t){.self = par_alone(), .first = first, .end = end, .limit = first};
    b->shard_rows = study->bank.shard_rows;
    b->journal_seconds = study->bank.journal_seconds;
    b->journaled = -INFINITY;
    b->whole_since = INFINITY;
    b->batch = shards_together(schema, b->shard_rows);
    err_t err = bank_writer_open(&b->self, &plan, &b->writer);
    if (err == OK) {
        b->n_missing = bank_writer_missing(b->writer, &b->missing);
        find_open(b);
        b->block = rows_create(schema, READ_ROWS);
        b->shard = rows_create(schema, 1);
        err = check_before(b, study);
    }
    if (err != OK && feed_bank_close(&b) != OK)
        log_warning("%s", err_text());
    *out = b;
    return err;
}

err_t feed_bank_close(feed_bank_t **bank)
{
    feed_bank_t *b = *bank;
    if (b == NULL)
        return OK;
    err_t err = bank_writer_close(&b->writer);
    rows_destroy(&b->block);
    rows_destroy(&b->shard);
    free(b->open);
    free(b->whole);
    free(b);
    *bank = NULL;
    return err;
}

int64_t feed_bank_room(const feed_bank_t *b)
{
    return (b->batch + 1) * b->shard_rows;
}

void feed_bank_attach(feed_bank_t *b, row_ring_t *ring, hub_t *hub, int64_t look_ahead)
{
    b->ring = ring;
    b->hub = hub;
    b->look_ahead = look_ahead;
    b->capacity = look_ahead + feed_bank_room(b);
}

/* ---- what the bank has already ---- */

// The first row at or beyond `row` that the bank lacked at the opening.
static int64_t next_missing(feed_bank_t *b, int64_t row)
{
    while (b->missing_at < b->n_missing && b->missing[b->missing_at].end <= row)
        b->missing_at++;
    if (b->missing_at == b->n_missing)
        return INT64_MAX;
    return b->missing[b->missing_at].begin > row ? b->missing[b->missing_at].begin : row;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// As many rows of [begin, end) as are of one shard and either all used before or all not.
static int64_t piece_end(const feed_bank_t *b, int64_t begin, int64_t end)
{
    bool used = row_ring_used_before(b->ring, begin);
    int64_t at = begin + 1;
    end = least(end, least(begin + READ_ROWS, (begin / b->shard_rows + 1) * b->shard_rows));
    while (at < end && row_ring_used_before(b->ring, at) == used)
        at++;
    return at;
}

static err_t read_piece(feed_bank_t *b, int64_t begin, int64_t end)
{
    TRY(bank_writer_read(b->writer, begin, end, &b->block));
    for (int64_t row = begin; row < end; row++)
        rows_copy(&b->block, row - begin, row_ring_rows(b->ring), row_ring_place(b->ring, row));
    return OK;
}

// Nobody else writes at these places: the rows lie beyond the limit.
static err_t bring_in(feed_bank_t *b, int64_t begin, int64_t end)
{
    while (begin < end) {
        int64_t next = piece_end(b, begin, end);
        if (!row_ring_used_before(b->ring, begin))
            TRY(read_piece(b, begin, next));
        hub_lock(b->hub);
        hub_claim(b->hub, begin, next);
        for (; begin < next; begin++)
            row_ring_put(b->ring, begin, RING_FROM_BANK, -1);
        hub_unlock(b->hub);
    }
    return OK;
}

/* ---- the window ---- */

// How far rows may be lent: the credit of workers.
static int64_t furthest(const feed_bank_t *b)
{
    int64_t ahead = b->first + row_ring_tally(b->ring).used + b->look_ahead;
    return least(b->end, least(ahead, row_ring_low(b->ring) + b->capacity));
}

err_t feed_bank_move(feed_bank_t *b)
{
    for (int64_t limit = -1;;) {
        hub_lock(b->hub);
        row_ring_advance(b->ring);
        hub_window(b->hub, b->limit); // places that became free here are free there
        int64_t further = furthest(b);
        further = further > b->limit ? further : b->limit;
        hub_unlock(b->hub);
        if (further == limit)
            return OK;
        for (int64_t row = b->limit; row < further;) {
            int64_t missing = least(next_missing(b, row), further);
            TRY(bring_in(b, row, missing));
            for (row = missing; row < further && next_missing(b, row) == row; row++)
                continue;
        }
        hub_lock(b->hub);
        hub_window(b->hub, b->limit = limit = further);
        hub_unlock(b->hub);
    }
}

/* ---- the journal ---- */

static void room_for(feed_bank_t *b, int64_t n)
{
    rows_reserve(&b->shard, n);
    b->shard.n = 0;
}

// Rows of the ring, whose values nobody changes, into a block of their own.
static void collect(feed_bank_t *b, int64_t row)
{
    rows_append(row_ring_rows(b->ring), row_ring_place(b->ring, row), &b->shard);
}

// Tells the givers of the collected rows, in runs. The lock is held.
static void tell_kept(feed_bank_t *b)
{
    const int64_t *row = b->shard.index;
    for (int64_t i = 0, k; i < b->shard.n; i = k) {
        int giver = row_ring_giver(b->ring, row[i]);
        for (k = i + 1; k < b->shard.n && row[k] == row[k - 1] + 1 &&
                        row_ring_giver(b->ring, row[k]) == giver;)
            k++;
        hub_kept(b->hub, giver, row[i], row[k - 1] + 1);
    }
}

static err_t journal(feed_bank_t *b)
{
    const int64_t *loose;
    hub_lock(b->hub);
    int64_t n = row_ring_loose(b->ring, &loose);
    room_for(b, n);
    for (int64_t i = 0; i < n; i++)
        collect(b, loose[i]);
    hub_unlock(b->hub);
    double start = log_clock();
    TRY(bank_journal(b->writer, &b->shard, 0, n));
    b->journaled = log_clock();
    b->journal_cost = b->journaled - start;
    hub_lock(b->hub);
    tell_kept(b);
    row_ring_safe(b->ring, n);
    hub_unlock(b->hub);
    return OK;
}

static bool journal_due(feed_bank_t *b, bool all)
{
    const int64_t *loose;
    hub_lock(b->hub);
    int64_t n = row_ring_loose(b->ring, &loose);
    double seconds = row_ring_loose_seconds(b->ring);
    hub_unlock(b->hub);
    bool due = seconds >= b->journal_seconds &&
               log_clock() - b->journaled >= b->journal_cost / journal_share;
    return n > 0 && (all || due);
}

/* ---- shards ---- */

// Open shards that are whole now, in `whole`.
static int find_whole(feed_bank_t *b)
{
    int n = 0;
    hub_lock(b->hub);
    int64_t top = row_ring_low(b->ring) + b->capacity;
    for (int64_t k = 0; k < b->n_open && b->open[k] * b->shard_rows < top; k++)
        if (row_ring_shard_whole(b->ring, b->open[k]))
            b->whole[n++] = b->open[k];
    hub_unlock(b->hub);
    return n;
}

static bool seal_due(feed_bank_t *b, int n)
{
    double now = log_clock();
    b->whole_since = n == 0 ? INFINITY : fmin(b->whole_since, now);
    hub_lock(b->hub);
    bool full = b->limit == row_ring_low(b->ring) + b->capacity || row_ring_whole(b->ring);
    hub_unlock(b->hub);
    return n >= b->batch || (n > 0 && (full || now - b->whole_since >= seal_seconds));
}

static void collect_shard(feed_bank_t *b, int64_t shard)
{
    range_t rows = bank_writer_range(b->writer, shard);
    for (int64_t row = rows.begin > b->first ? rows.begin : b->first; row < rows.end; row++)
        if (row_ring_unstored(b->ring, row))
            collect(b, row);
}

static void forget_open(feed_bank_t *b, int n)
{
    int64_t kept = 0;
    int at = 0;
    for (int64_t k = 0; k < b->n_open; k++)
        if (at < n && b->open[k] == b->whole[at])
            at++;
        else
            b->open[kept++] = b->open[k];
    b->n_open = kept;
}

static err_t seal(feed_bank_t *b, int n)
{
    room_for(b, n * b->shard_rows);
    hub_lock(b->hub);
    for (int i = 0; i < n; i++)
        collect_shard(b, b->whole[i]);
    hub_unlock(b->hub);
    TRY(bank_seal(b->writer, &b->self, n, b->whole, &b->shard));
    hub_lock(b->hub);
    tell_kept(b);
    for (int i = 0; i < n; i++)
        row_ring_stored(b->ring, b->whole[i]);
    hub_unlock(b->hub);
    forget_open(b, n);
    b->whole_since = INFINITY;
    return OK;
}

err_t feed_bank_keep(feed_bank_t *b, bool all)
{
    int n = find_whole(b);
    bool due = seal_due(b, n);
    for (int left = n; left > 0 && (all || due); left = find_whole(b))
        TRY(seal(b, left < b->batch ? left : b->batch));
    return journal_due(b, all) ? journal(b) : OK;
}

bool feed_bank_full(const feed_bank_t *b)
{
    return b->limit == row_ring_low(b->ring) + b->capacity &&
           row_ring_tally(b->ring).put == b->limit - b->first;
}

bool feed_bank_whole(const feed_bank_t *b)
{
    return b->n_open == 0;
}
