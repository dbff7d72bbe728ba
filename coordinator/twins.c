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
    const rows_t *rows;
    int64_t n_slots; // a power of two
    int64_t *slot;   // (n_slots) held-out row, -1: free; of rows of equal parameters the first
    int64_t a, b;    // the first twins among them; -1: none
    bool chance;     // parameters take few values
};

static uint64_t key_of(const rows_t *rows, int64_t at)
{
    int P = rows->schema->n_parameters;
    return XXH3_64bits(rows->parameters + at * P, (size_t)P * sizeof(double));
}

static bool same_parameters(const rows_t *a, int64_t i, const rows_t *b, int64_t j)
{
    int P = a->schema->n_parameters;
    return memcmp(a->parameters + i * P, b->parameters + j * P, (size_t)P * sizeof(double)) == 0;
}

static bool same_data(const rows_t *a, int64_t i, const rows_t *b, int64_t j)
{
    const schema_t *s = a->schema;
    int D = s->n_design, O = s->n_observables;
    if (memcmp(a->design + i * D, b->design + j * D, (size_t)D * sizeof(double)) != 0 ||
        memcmp(a->length + i * O, b->length + j * O, (size_t)O * sizeof(int32_t)) != 0)
        return false;
    for (int o = 0; o < O; o++) {
        int64_t size = schema_size(&s->observables[o]);
        if (memcmp(a->observables[o] + i * size, b->observables[o] + j * size,
                   (size_t)size * sizeof(float)) != 0)
            return false;
    }
    return true;
}

static int64_t first_slot(const twins_t *t, const rows_t *rows, int64_t at)
{
    return (int64_t)(key_of(rows, at) & (uint64_t)(t->n_slots - 1));
}

static int64_t next_slot(const twins_t *t, int64_t k)
{
    return (k + 1) & (t->n_slots - 1);
}

static void add(twins_t *t, int64_t row)
{
    int64_t k = first_slot(t, t->rows, row);
    while (t->slot[k] >= 0 && !same_parameters(t->rows, t->slot[k], t->rows, row))
        k = next_slot(t, k);
    if (t->slot[k] < 0) {
        t->slot[k] = row;
    } else if (!same_data(t->rows, t->slot[k], t->rows, row)) {
        t->chance = true;
    } else if (t->a < 0) {
        t->a = t->slot[k];
        t->b = row;
    }
}

twins_t *twins_create(const rows_t *held_out)
{
    twins_t *t = MEM_NEW(twins_t, 1);
    *t = (twins_t){.rows = held_out, .n_slots = 4, .a = -1};
    while (t->n_slots < 2 * held_out->n)
        t->n_slots *= 2;
    t->slot = MEM_NEW(int64_t, t->n_slots);
    for (int64_t k = 0; k < t->n_slots; k++)
        t->slot[k] = -1;
    for (int64_t i = 0; i < held_out->n; i++)
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
                    t->rows->index[t->a], t->rows->index[t->b], TWINS_CURE);
}

static int64_t find(const twins_t *t, const rows_t *rows, int64_t at, bool data)
{
    if (t->chance)
        return -1;
    for (int64_t k = first_slot(t, rows, at); t->slot[k] >= 0; k = next_slot(t, k))
        if (same_parameters(t->rows, t->slot[k], rows, at) &&
            (!data || same_data(t->rows, t->slot[k], rows, at)))
            return t->slot[k];
    return -1;
}

int64_t twins_parameters(const twins_t *t, const rows_t *rows, int64_t at)
{
    return find(t, rows, at, false);
}

int64_t twins_find(const twins_t *t, const rows_t *rows, int64_t at)
{
    return find(t, rows, at, true);
}
