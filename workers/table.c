// SPDX-License-Identifier: Apache-2.0
#include "workers/table.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

table_t table_create(int n_observables, int n_design)
{
    return (table_t){.n_observables = n_observables,
                     .n_design = n_design,
                     .features = MEM_NEW(int64_t, n_observables + 1)};
}

/* One piece of memory for all that a data set has from the beginning: there may be millions. */
static table_set_t set_create(const table_t *t, const char *id)
{
    size_t O = (size_t)t->n_observables, D = (size_t)t->n_design,
           numbers = (2 * O + D) * sizeof(int64_t), text = strlen(id) + 1;
    char *piece = mem_resize(NULL, numbers + text, 1);
    memset(piece, 0, numbers);
    memcpy(piece + numbers, id, text);
    int64_t *n = (int64_t *)(void *)piece;
    return (table_set_t){.id = piece + numbers,
                         .group = -1,
                         .n = n,
                         .hash = (uint64_t *)(n + O),
                         .design = (double *)(n + 2 * O)};
}

static void set_free(table_set_t *set, int n_observables)
{
    for (int o = 0; set->values && o < n_observables; o++)
        free(set->values[o]);
    free(set->values);
    free(set->n);
    free(set->problem);
}

void table_free(table_t *table)
{
    for (int64_t i = 0; i < table->n; i++)
        set_free(&table->sets[i], table->n_observables);
    for (int g = 0; g < table->n_groups; g++)
        free(table->groups[g]);
    free(table->groups);
    free(table->sets);
    free(table->features);
    *table = (table_t){0};
}

int64_t table_add(table_t *t, const char *id)
{
    if ((t->n & (t->n - 1)) == 0) // a power of two: room for as many again
        t->sets = MEM_GROW(t->sets, table_set_t, t->n ? 2 * t->n : 1);
    t->sets[t->n] = set_create(t, id);
    return t->n++;
}

int table_group(table_t *t, const char *name)
{
    for (int g = 0; g < t->n_groups; g++)
        if (strcmp(t->groups[g], name) == 0)
            return g;
    if (name[0] == '\0' || t->n_groups == TABLE_MOST_GROUPS)
        return -1;
    t->groups = MEM_GROW(t->groups, char *, t->n_groups + 1);
    t->groups[t->n_groups] = mem_copy_text(name);
    return t->n_groups++;
}

/* Elements that so many have room in. */
static int64_t room_for(int64_t n)
{
    int64_t room = 64;
    while (room < n)
        room *= 2;
    return n == 0 ? 0 : room;
}

void table_keep(table_t *t, int64_t i, int o, int64_t n, const float *values)
{
    table_set_t *s = &t->sets[i];
    int64_t have = s->n[o], features = t->features[o];
    if (s->values == NULL)
        s->values = MEM_NEW(float *, t->n_observables);
    if (room_for(have + n) > room_for(have))
        s->values[o] = MEM_GROW(s->values[o], float, room_for(have + n) * features);
    if (n > 0)
        memcpy(s->values[o] + have * features, values, (size_t)(n * features) * sizeof *values);
}

static err_t keep(void *to, int64_t i, int o, int64_t first, int64_t n, const float *values)
{
    (void)first;
    table_keep(to, i, o, n, values);
    return OK;
}

table_sink_t table_keeper(table_t *table)
{
    return (table_sink_t){keep, table};
}

uint64_t table_hash(uint64_t hash, int64_t n, const float *values)
{
    for (int64_t k = 0; k < n; k++)
        hash = XXH3_64bits_withSeed(&values[k], sizeof *values, hash);
    return hash;
}

/* ---- a data set whose rows stand twice ---- */

enum { FEWEST_REPEATED = 10, FEWEST_DISTINCT = 5 };

static bool halves_agree(const table_t *t, const table_set_t *s)
{
    for (int o = 0; o < t->n_observables; o++) {
        int64_t half = s->n[o] / 2 * t->features[o];
        if (half > 0 &&
            memcmp(s->values[o], s->values[o] + half, (size_t)half * sizeof(float)) != 0)
            return false;
    }
    return true;
}

/* Coins may come up the same twice; numbers that take several values do not. */
static bool has_distinct(const float *values, int64_t n)
{
    float seen[FEWEST_DISTINCT];
    int found = 0;
    for (int64_t i = 0; i < n && found < FEWEST_DISTINCT; i++) {
        bool before = false;
        for (int k = 0; k < found; k++)
            before |= seen[k] == values[i];
        if (!before)
            seen[found++] = values[i];
    }
    return found == FEWEST_DISTINCT;
}

char *table_repeats(const table_t *t, int64_t i)
{
    const table_set_t *s = &t->sets[i];
    int64_t half = s->n[0] / 2;
    if (s->n[0] != 2 * half || half < FEWEST_REPEATED || !halves_agree(t, s) ||
        !has_distinct(s->values[0], half * t->features[0]))
        return NULL;
    return mem_format("its rows stand twice in the file: from its row %" PRId64
                      " on the same values come again",
                      half + 1);
}
