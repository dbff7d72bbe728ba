// SPDX-License-Identifier: Apache-2.0
#include "coordinator/replay.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One slice of this rank. The newest row lies at place (taken - 1) % places. */
typedef struct {
    int slice;
    rows_t rows;     // (places)
    int64_t *uses;   // (places) of each row
    int64_t *number; // (places) fresh rows of all slices before it
    int64_t *slot;   // (n_slots) places, in the order of use
    int64_t n_slots, next;
    replay_figures_t figures; // but for held
} ring_t;

struct replay {
    replay_config_t config;
    int64_t seen; // fresh rows of all slices, with the running chunk
    ring_t *rings;
};

static ring_t ring_create(const replay_config_t *c, int slice)
{
    return (ring_t){.slice = slice,
                    .rows = rows_create(c->schema, c->places),
                    .uses = MEM_NEW(int64_t, c->places),
                    .number = MEM_NEW(int64_t, c->places)};
}

static void ring_free(ring_t *ring)
{
    rows_destroy(&ring->rows);
    free(ring->uses);
    free(ring->number);
    free(ring->slot);
}

replay_t *replay_create(const replay_config_t *config)
{
    replay_t *r = MEM_NEW(replay_t, 1);
    CHECK(config->places > 0 && config->step_rows > 0 && config->uses > 0,
          "a ring of %" PRId64 " places", config->places);
    r->config = *config;
    r->config.mine = NULL;
    r->rings = MEM_NEW(ring_t, config->n + 1);
    for (int k = 0; k < config->n; k++)
        r->rings[k] = ring_create(config, config->mine[k]);
    return r;
}

void replay_destroy(replay_t **replay)
{
    replay_t *r = *replay;
    if (r == NULL)
        return;
    for (int k = 0; k < r->config.n; k++)
        ring_free(&r->rings[k]);
    free(r->rings);
    free(r);
    *replay = NULL;
}

static int64_t above(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t replay_steps(const replay_config_t *c, int64_t rows)
{
    return above(c->uses * above(rows, c->slices), c->step_rows);
}

/* ---- a chunk ---- */

static int64_t ring_held(const replay_t *r, const ring_t *ring)
{
    return ring->figures.taken < r->config.places ? ring->figures.taken : r->config.places;
}

static void evict(ring_t *ring, int64_t place)
{
    ring->figures.evicted++;
    ring->figures.once += ring->uses[place] == 1;
}

static void ring_add(const replay_t *r, ring_t *ring, const rows_t *chunk, int64_t at,
                     int64_t before)
{
    int64_t place = ring->figures.taken % r->config.places;
    if (ring->figures.taken >= r->config.places)
        evict(ring, place);
    rows_copy(chunk, at, &ring->rows, place);
    ring->uses[place] = 0;
    ring->number[place] = before + at;
    ring->figures.taken++;
}

/* The new rows first, then draws from the ring; then all in a random order. */
static void ring_lay_out(const replay_t *r, ring_t *ring, int64_t added, int64_t chunk,
                         int64_t slots)
{
    uint64_t index = (uint64_t)chunk * (uint64_t)r->config.slices + (uint64_t)ring->slice;
    rng_t rng = rng_at(r->config.seed, RNG_REPLAY, index);
    uint64_t held = (uint64_t)ring_held(r, ring);
    CHECK(added <= slots, "%" PRId64 " new rows in %" PRId64 " slots", added, slots);
    ring->slot = MEM_GROW(ring->slot, int64_t, slots + 1);
    for (int64_t i = 0; i < added; i++)
        ring->slot[i] = (ring->figures.taken - added + i) % r->config.places;
    for (int64_t i = added; i < slots; i++)
        ring->slot[i] = (int64_t)rng_below(&rng, held);
    rng_shuffle(&rng, (size_t)slots, ring->slot);
    ring->n_slots = slots;
    ring->next = 0;
}

static int64_t rows_of_slice(const replay_t *r, int64_t rows, int slice)
{
    return rows > slice ? above(rows - slice, r->config.slices) : 0;
}

err_t replay_take(replay_t *r, const rows_t *chunk, int64_t number, int64_t before, int64_t steps)
{
    int slices = r->config.slices;
    CHECK(above(chunk->n, slices) <= r->config.places,
          "a chunk of %" PRId64 " rows, rings of %" PRId64, chunk->n, r->config.places);
    if (before == 0 && chunk->n < slices) // later chunks may be as small as they like
        return err_fail(ERR_FORMAT,
                        "of the first fresh rows only %" PRId64
                        " are done, fewer than a batch has slices (%d): the simulator refuses "
                        "nearly all parameters; set refine.chunk_rows larger",
                        chunk->n, slices);
    for (int k = 0; k < r->config.n; k++) {
        ring_t *ring = &r->rings[k];
        for (int64_t at = ring->slice; at < chunk->n; at += slices)
            ring_add(r, ring, chunk, at, before);
        ring_lay_out(r, ring, rows_of_slice(r, chunk->n, ring->slice), number,
                     steps * r->config.step_rows);
    }
    r->seen = before + chunk->n;
    return OK;
}

static void count_use(const replay_t *r, ring_t *ring, int64_t place)
{
    replay_figures_t *f = &ring->figures;
    int64_t age = r->seen - 1 - ring->number[place];
    ring->uses[place]++;
    f->used++;
    f->most_uses = ring->uses[place] > f->most_uses ? ring->uses[place] : f->most_uses;
    f->age_sum += age;
    f->age_most = age > f->age_most ? age : f->age_most;
}

void replay_next(replay_t *r, int k, rows_t *out)
{
    ring_t *ring = &r->rings[k];
    CHECK(ring->next + r->config.step_rows <= ring->n_slots, "slice %d: all %" PRId64 " slots used",
          ring->slice, ring->n_slots);
    for (int64_t i = 0; i < r->config.step_rows; i++) {
        int64_t place = ring->slot[ring->next++];
        rows_append(&ring->rows, place, out);
        count_use(r, ring, place);
    }
}

/* ---- what is known of it ---- */

replay_figures_t replay_figures(const replay_t *r)
{
    replay_figures_t all = {0};
    for (int k = 0; k < r->config.n; k++) {
        const replay_figures_t *f = &r->rings[k].figures;
        all.taken += f->taken;
        all.held += ring_held(r, &r->rings[k]);
        all.used += f->used;
        all.evicted += f->evicted;
        all.once += f->once;
        all.age_sum += f->age_sum;
        all.most_uses = f->most_uses > all.most_uses ? f->most_uses : all.most_uses;
        all.age_most = f->age_most > all.age_most ? f->age_most : all.age_most;
    }
    return all;
}

int64_t replay_held(const replay_t *r, int k)
{
    return ring_held(r, &r->rings[k]);
}

void replay_parameters(const replay_t *r, int k, double *out)
{
    size_t width = (size_t)r->config.schema->n_parameters;
    memcpy(out, r->rings[k].rows.parameters, (size_t)replay_held(r, k) * width * sizeof *out);
}

/* ---- as bytes ---- */

enum { HEAD_WORDS = 8, ROW_WORDS = 2, WORD = sizeof(int64_t) };

static size_t state_bytes(const replay_t *r, int64_t held)
{
    return HEAD_WORDS * WORD + (size_t)held * (ROW_WORDS * WORD + rows_bytes(r->config.schema));
}

size_t replay_bytes(const replay_t *r, int k)
{
    return state_bytes(r, replay_held(r, k));
}

static void head_of(const replay_t *r, const ring_t *ring, int64_t head[HEAD_WORDS])
{
    const replay_figures_t *f = &ring->figures;
    const int64_t words[HEAD_WORDS] = {f->taken, f->used,    f->most_uses, f->evicted,
                                       f->once,  f->age_sum, f->age_most,  ring_held(r, ring)};
    memcpy(head, words, sizeof words);
}

void replay_to_bytes(const replay_t *r, int k, void *out)
{
    const ring_t *ring = &r->rings[k];
    int64_t head[HEAD_WORDS];
    head_of(r, ring, head);
    char *at = out;
    memcpy(at, head, sizeof head);
    at += sizeof head;
    for (int64_t i = 0; i < ring_held(r, ring); i++) {
        const int64_t words[ROW_WORDS] = {ring->uses[i], ring->number[i]};
        memcpy(at, words, sizeof words);
        rows_pack(&ring->rows, i, at + sizeof words);
        at += sizeof words + rows_bytes(r->config.schema);
    }
}

static err_t check_head(const replay_t *r, const int64_t head[HEAD_WORDS], size_t n)
{
    int64_t taken = head[0], held = head[HEAD_WORDS - 1];
    for (int i = 0; i < HEAD_WORDS; i++)
        if (head[i] < 0)
            return err_fail(ERR_FORMAT, "reservoir: number %d is %" PRId64, i, head[i]);
    int64_t expected = taken < r->config.places ? taken : r->config.places;
    if (held != expected)
        return err_fail(ERR_FORMAT, "reservoir: %" PRId64 " rows held, expected %" PRId64, held,
                        expected);
    if (n != state_bytes(r, held))
        return err_fail(ERR_FORMAT, "reservoir: %zu bytes, expected %zu", n, state_bytes(r, held));
    return OK;
}

static void take_head(ring_t *ring, const int64_t head[HEAD_WORDS])
{
    ring->figures = (replay_figures_t){.taken = head[0],
                                       .used = head[1],
                                       .most_uses = head[2],
                                       .evicted = head[3],
                                       .once = head[4],
                                       .age_sum = head[5],
                                       .age_most = head[6]};
    ring->n_slots = ring->next = 0;
}

err_t replay_from_bytes(replay_t *r, int k, size_t n, const void *bytes)
{
    ring_t *ring = &r->rings[k];
    int64_t head[HEAD_WORDS];
    const char *at = bytes;
    if (n < sizeof head)
        return err_fail(ERR_FORMAT, "reservoir: %zu bytes, expected %zu or more", n, sizeof head);
    memcpy(head, at, sizeof head);
    TRY(check_head(r, head, n));
    take_head(ring, head);
    at += sizeof head;
    for (int64_t i = 0; i < head[HEAD_WORDS - 1]; i++) {
        int64_t words[ROW_WORDS];
        memcpy(words, at, sizeof words);
        ring->uses[i] = words[0];
        ring->number[i] = words[1];
        rows_unpack(at + sizeof words, &ring->rows, i);
        at += sizeof words + rows_bytes(r->config.schema);
    }
    return OK;
}
