// SPDX-License-Identifier: Apache-2.0
#include "coordinator/twins.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char TWINS_CURE[] = "a simulator must take all its randomness from the row's own seed, and a "
                          "file is to be imported "
                          "once. Mend that and begin another bank";

struct twins {
    int64_t n;
    const twin_key_t *keys;
    int64_t n_slots; // a power of two
    int64_t *slot;   // (n_slots) held-out row, -1: free; of rows of equal parameters the first
    int64_t a, b;    // the first twins among them; -1: none
    bool chance;     // parameters take few values
};

/* ---- keys ---- */

static void hash_parameters(const rows_t *rows, int64_t at, uint64_t out[2])
{
    int P = rows->schema->n_parameters;
    XXH128_hash_t h = XXH3_128bits(rows->parameters + at * P, (size_t)P * sizeof(double));
    out[0] = h.low64;
    out[1] = h.high64;
}

static void hash_data(const rows_t *rows, int64_t at, uint64_t out[2])
{
    const schema_t *s = rows->schema;
    int D = s->n_design, O = s->n_observables;
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL, "out of memory");
    XXH3_128bits_reset(state);
    if (D > 0)
        XXH3_128bits_update(state, rows->design + at * D, (size_t)D * sizeof(double));
    XXH3_128bits_update(state, rows->length + at * O, (size_t)O * sizeof(int32_t));
    for (int o = 0; o < O; o++) {
        int64_t size = schema_size(&s->observables[o]);
        XXH3_128bits_update(state, rows->observables[o] + at * size, (size_t)size * sizeof(float));
    }
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    out[0] = h.low64;
    out[1] = h.high64;
}

twin_key_t twins_key(const rows_t *rows, int64_t at)
{
    twin_key_t key = {.index = rows->index[at]};
    hash_parameters(rows, at, key.parameters);
    hash_data(rows, at, key.data);
    return key;
}

twin_key_t *twins_keys(const rows_t *rows)
{
    twin_key_t *keys = MEM_NEW(twin_key_t, rows->n + 1);
    for (int64_t i = 0; i < rows->n; i++)
        keys[i] = twins_key(rows, i);
    return keys;
}

static bool same(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

/* ---- the table ---- */

/* The slot of rows with these parameters, or the free one where they would stand. */
static int64_t slot_of(const twins_t *t, const uint64_t parameters[2])
{
    int64_t k = (int64_t)(parameters[0] & (uint64_t)(t->n_slots - 1));
    while (t->slot[k] >= 0 && !same(t->keys[t->slot[k]].parameters, parameters))
        k = (k + 1) & (t->n_slots - 1);
    return k;
}

static void add(twins_t *t, int64_t row)
{
    int64_t *slot = &t->slot[slot_of(t, t->keys[row].parameters)];
    if (*slot < 0) {
        *slot = row;
    } else if (!same(t->keys[*slot].data, t->keys[row].data)) {
        t->chance = true;
    } else if (t->a < 0) {
        t->a = *slot;
        t->b = row;
    }
}

twins_t *twins_create(int64_t n, const twin_key_t *keys)
{
    twins_t *t = MEM_NEW(twins_t, 1);
    *t = (twins_t){.n = n, .keys = keys, .n_slots = 4, .a = -1};
    while (t->n_slots < 2 * n)
        t->n_slots *= 2;
    t->slot = MEM_NEW(int64_t, t->n_slots);
    for (int64_t k = 0; k < t->n_slots; k++)
        t->slot[k] = -1;
    for (int64_t i = 0; i < n; i++)
        add(t, i);
    return t;
}

void twins_destroy(twins_t **twins)
{
    if (*twins == NULL)
        return;
    free((*twins)->slot);
    free(*twins);
    *twins = NULL;
}

err_t twins_among(const twins_t *t, const char *who)
{
    if (t->a < 0 || t->chance)
        return OK;
    return err_fail(ERR_FORMAT, "%s %" PRId64 " and %" PRId64 " are the same simulation: %s", who,
                    t->keys[t->a].index, t->keys[t->b].index, TWINS_CURE);
}

int64_t twins_parameters(const twins_t *t, const rows_t *rows, int64_t at)
{
    uint64_t parameters[2];
    hash_parameters(rows, at, parameters);
    return t->chance ? -1 : t->slot[slot_of(t, parameters)];
}

int64_t twins_find(const twins_t *t, const rows_t *rows, int64_t at)
{
    uint64_t data[2];
    int64_t found = twins_parameters(t, rows, at);
    if (found < 0)
        return -1;
    hash_data(rows, at, data);
    return same(t->keys[found].data, data) ? found : -1;
}
