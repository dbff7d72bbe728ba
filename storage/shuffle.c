// SPDX-License-Identifier: Apache-2.0
#include "storage/shuffle.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "storage/rows.h"

#include <stdlib.h>

/* Indices of RNG_SHUFFLE: an epoch's block order is (epoch << 20), its slice s (epoch << 20) + s + 1, and the key of a
 * row is (1 << 63) + row. */
enum { EPOCH_SHIFT = 20 };
#define ROW_KEYS (UINT64_C(1) << 63)

struct shuffle {
    shuffle_config_t config;
    int64_t usable, blocks;
    uint64_t *bits;      // one a row: usable
    int64_t *in_block;   // (blocks) usable rows of each
    int64_t *validation; // (validation_rows) ascending
    int64_t *held_out;   // (held_out_rows) ascending
};

shuffle_config_t shuffle_config_default(void)
{
    return (shuffle_config_t){
        .block_rows = 256, .window_rows = 65536, .slices = 1, .slice_rows = 16};
}

bool shuffle_is_usable(const shuffle_t *s, int64_t row)
{
    return (s->bits[row / 64] >> (row % 64)) & 1;
}

static void set_usable(shuffle_t *s, int64_t row, bool usable)
{
    uint64_t bit = UINT64_C(1) << (row % 64);
    s->bits[row / 64] = usable ? s->bits[row / 64] | bit : s->bits[row / 64] & ~bit;
    s->usable += usable ? 1 : -1;
    s->in_block[row / s->config.block_rows] += usable ? 1 : -1;
}

/* ---- rows held back: a heap of the V + H smallest keys, largest on top ---- */
typedef struct {
    uint64_t key;
    int64_t row;
} keyed_t;

static bool key_less(keyed_t a, keyed_t b)
{
    return a.key < b.key || (a.key == b.key && a.row < b.row);
}

static void sift_down(keyed_t *heap, int64_t n, int64_t at)
{
    for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && key_less(heap[child], heap[child + 1]))
            child++;
        if (!key_less(heap[at], heap[child]))
            return;
        keyed_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static int compare_rows(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_keys(const void *a, const void *b)
{
    keyed_t x = *(const keyed_t *)a, y = *(const keyed_t *)b;
    return key_less(y, x) - key_less(x, y);
}

/* The rows with the `want` smallest keys, in any order. */
static void smallest_keys(const shuffle_t *s, int64_t want, keyed_t *heap)
{
    int64_t n = 0;
    for (int64_t row = 0; row < s->config.rows; row++) {
        if (!shuffle_is_usable(s, row))
            continue;
        rng_t r = rng_at(s->config.seed, RNG_SHUFFLE, ROW_KEYS + (uint64_t)row);
        keyed_t candidate = {rng_u64(&r), row};
        if (n < want) {
            heap[n++] = candidate;
            for (int64_t at = n == want ? want / 2 - 1 : -1; at >= 0; at--)
                sift_down(heap, want, at);
        } else if (key_less(candidate, heap[0])) {
            heap[0] = candidate;
            sift_down(heap, want, 0);
        }
    }
}

static int64_t *hold_back(shuffle_t *s, int64_t n, const keyed_t *keyed)
{
    int64_t *rows = MEM_NEW(int64_t, n + 1);
    for (int64_t i = 0; i < n; i++) {
        rows[i] = keyed[i].row;
        set_usable(s, rows[i], false);
    }
    qsort(rows, (size_t)n, sizeof *rows, compare_rows);
    return rows;
}

static void choose_held_back(shuffle_t *s)
{
    int64_t validation = s->config.validation_rows, held_out = s->config.held_out_rows;
    keyed_t *keyed = MEM_NEW(keyed_t, validation + held_out + 1);
    if (validation + held_out > 0)
        smallest_keys(s, validation + held_out, keyed);
    qsort(keyed, (size_t)(validation + held_out), sizeof *keyed, compare_keys);
    s->validation = hold_back(s, validation, keyed);
    s->held_out = hold_back(s, held_out, keyed + validation);
    free(keyed);
}

static err_t check(const shuffle_config_t *c)
{
    if (c->rows < 0 || c->validation_rows < 0 || c->held_out_rows < 0)
        return err_fail(ERR_USAGE, "shuffle: %ld rows with %ld for validation and %ld held out",
                        (long)c->rows, (long)c->validation_rows, (long)c->held_out_rows);
    if (c->block_rows < 1 || c->slice_rows < 1 || c->window_rows < 1)
        return err_fail(
            ERR_USAGE,
            "shuffle: blocks of %ld, slices of %ld, a window of %ld rows: expected 1 or more",
            (long)c->block_rows, (long)c->slice_rows, (long)c->window_rows);
    if (c->slices < 1 || c->slices >= SHUFFLE_MAX_SLICES)
        return err_fail(ERR_USAGE, "shuffle: %d slices, expected 1 to %d", c->slices,
                        SHUFFLE_MAX_SLICES - 1);
    return OK;
}

err_t shuffle_create(const shuffle_config_t *config, shuffle_t **out)
{
    TRY(check(config));
    shuffle_t *s = MEM_NEW(shuffle_t, 1);
    s->config = *config;
    s->config.status = NULL;
    s->blocks = (config->rows + config->block_rows - 1) / config->block_rows;
    s->bits = MEM_NEW(uint64_t, config->rows / 64 + 1);
    s->in_block = MEM_NEW(int64_t, s->blocks + 1);
    for (int64_t row = 0; row < config->rows; row++)
        if (!config->status || config->status[row] == ROW_DONE)
            set_usable(s, row, true);
    int64_t need = config->slices * config->slice_rows,
            held_back = config->validation_rows + config->held_out_rows;
    if (s->usable - held_back < need) {
        err_t err = err_fail(ERR_USAGE,
                             "the bank has %ld finished rows, and %ld are held back for "
                             "validation and diagnosis: one step of training "
                             "takes %ld (%d slices of %ld)",
                             (long)s->usable, (long)held_back, (long)need, config->slices,
                             (long)config->slice_rows);
        shuffle_destroy(&s);
        return err;
    }
    choose_held_back(s);
    *out = s;
    return OK;
}

void shuffle_destroy(shuffle_t **shuffle)
{
    if (!*shuffle)
        return;
    free((*shuffle)->bits);
    free((*shuffle)->in_block);
    free((*shuffle)->validation);
    free((*shuffle)->held_out);
    free(*shuffle);
    *shuffle = NULL;
}

const shuffle_config_t *shuffle_config(const shuffle_t *s)
{
    return &s->config;
}

int64_t shuffle_usable(const shuffle_t *s)
{
    return s->usable;
}

int64_t shuffle_steps(const shuffle_t *s)
{
    return s->usable / s->config.slices / s->config.slice_rows;
}

const int64_t *shuffle_validation(const shuffle_t *s, int64_t *n)
{
    *n = s->config.validation_rows;
    return s->validation;
}

const int64_t *shuffle_held_out(const shuffle_t *s, int64_t *n)
{
    *n = s->config.held_out_rows;
    return s->held_out;
}

/* ---- the order of one slice ---- */
struct shuffle_cursor {
    const shuffle_t *shuffle;
    int64_t blocks;   // of the stretch
    int64_t *block;   // (blocks) in the epoch's order
    int64_t block_at; // which of them the next row comes from
    int64_t row;      // where to look for it next
    int64_t incoming; // rows of the stretch that have not been taken
    int64_t places, filled;
    int64_t *window; // (places) row at a place
    int64_t *place;  // (places) a permutation: the first `filled` hold rows, the others are free
    rng_t rng;
};

static int64_t block_end(const shuffle_t *s, int64_t block)
{
    int64_t end = (block + 1) * s->config.block_rows;
    return end < s->config.rows ? end : s->config.rows;
}

static int64_t next_incoming(shuffle_cursor_t *c)
{
    const shuffle_t *s = c->shuffle;
    for (;;) {
        int64_t end = block_end(s, c->block[c->block_at]);
        while (c->row < end && !shuffle_is_usable(s, c->row))
            c->row++;
        if (c->row < end)
            return c->row++;
        c->block_at++;
        c->row = c->block[c->block_at] * s->config.block_rows;
    }
}

/* The epoch's order of blocks, cut down to those that hold the sequence's rows [begin, end); the cursor is set to the
 * first of these rows. */
static void cut_stretch(shuffle_cursor_t *c, rng_t order, int64_t begin, int64_t end)
{
    const shuffle_t *s = c->shuffle;
    int64_t *block = MEM_NEW(int64_t, s->blocks), before = 0, kept = 0, skip = 0;
    for (int64_t b = 0; b < s->blocks; b++)
        block[b] = b;
    rng_shuffle(&order, (size_t)s->blocks, block);
    for (int64_t i = 0; i < s->blocks && before < end; i++) {
        int64_t n = s->in_block[block[i]];
        if (n > 0 && before + n > begin) {
            if (kept == 0)
                skip = begin - before;
            block[kept++] = block[i];
        }
        before += n;
    }
    c->block = MEM_GROW(block, int64_t, kept + 1);
    c->block[kept] = 0;
    c->blocks = kept;
    c->row = c->block[0] * s->config.block_rows;
    while (skip-- > 0)
        next_incoming(c);
    c->incoming = end - begin;
}

shuffle_cursor_t *shuffle_cursor_create(const shuffle_t *s, int64_t epoch, int slice, int64_t step)
{
    const shuffle_config_t *config = &s->config;
    CHECK(epoch >= 0 && slice >= 0 && slice < config->slices, "epoch %ld, slice %d of %d",
          (long)epoch, slice, config->slices);
    CHECK(step >= 0 && step <= shuffle_steps(s), "step %ld of %ld", (long)step,
          (long)shuffle_steps(s));
    shuffle_cursor_t *c = MEM_NEW(shuffle_cursor_t, 1);
    c->shuffle = s;
    uint64_t index = (uint64_t)epoch << EPOCH_SHIFT;
    // equal stretches up to one row; the products are split so that they can not overflow
    int64_t whole = s->usable / config->slices, rest = s->usable % config->slices;
    int64_t begin = whole * slice + rest * slice / config->slices;
    int64_t end = whole * (slice + 1) + rest * (slice + 1) / config->slices;
    cut_stretch(c, rng_at(config->seed, RNG_SHUFFLE, index), begin, end);
    c->rng = rng_at(config->seed, RNG_SHUFFLE, index + (uint64_t)slice + 1);
    int64_t share = config->window_rows / config->slices;
    c->places = share > config->slice_rows ? share : config->slice_rows;
    if (c->places > end - begin)
        c->places = end - begin;
    c->window = MEM_NEW(int64_t, c->places);
    c->place = MEM_NEW(int64_t, c->places);
    for (int64_t i = 0; i < c->places; i++)
        c->place[i] = i;
    shuffle_cursor_rows(c, step * config->slice_rows, NULL);
    return c;
}

void shuffle_cursor_destroy(shuffle_cursor_t **cursor)
{
    if (!*cursor)
        return;
    free((*cursor)->block);
    free((*cursor)->window);
    free((*cursor)->place);
    free(*cursor);
    *cursor = NULL;
}

int64_t shuffle_cursor_places(const shuffle_cursor_t *c)
{
    return c->places;
}

bool shuffle_cursor_take(shuffle_cursor_t *c, int64_t *row, int64_t *place)
{
    if (c->filled == c->places || c->incoming == 0)
        return false;
    *place = c->place[c->filled++];
    *row = c->window[*place] = next_incoming(c);
    c->incoming--;
    return true;
}

void shuffle_cursor_pick(shuffle_cursor_t *c, int64_t *row, int64_t *place)
{
    CHECK(c->filled > 0, "the slice has no rows left");
    int64_t k = (int64_t)rng_below(&c->rng, (uint64_t)c->filled);
    *place = c->place[k];
    *row = c->window[*place];
    c->place[k] = c->place[--c->filled];
    c->place[c->filled] = *place;
}

int64_t shuffle_cursor_ahead(const shuffle_cursor_t *c, int64_t ahead)
{
    return c->block_at + ahead < c->blocks ? c->block[c->block_at + ahead] : -1;
}

int64_t shuffle_cursor_filled(const shuffle_cursor_t *c)
{
    return c->filled;
}

void shuffle_cursor_at(const shuffle_cursor_t *c, int64_t k, int64_t *row, int64_t *place)
{
    *place = c->place[k];
    *row = c->window[*place];
}

void shuffle_cursor_rows(shuffle_cursor_t *c, int64_t n, int64_t *rows)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t row, place;
        while (shuffle_cursor_take(c, &row, &place))
            continue;
        shuffle_cursor_pick(c, &row, &place);
        if (rows)
            rows[i] = row;
    }
}
