// SPDX-License-Identifier: Apache-2.0
#include "workers/row_sample.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static size_t entry_words(const row_sample_t *s)
{
    return 2 + (size_t)s->width;
}

row_sample_t row_sample_create(int width, int64_t capacity)
{
    return (row_sample_t){.width = width, .capacity = capacity, .limit = UINT64_MAX};
}

void row_sample_free(row_sample_t *s)
{
    free(s->entries);
    *s = (row_sample_t){0};
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

void row_sample_settle(row_sample_t *s)
{
    if (s->n > 0)
        qsort(s->entries, (size_t)s->n, entry_words(s) * sizeof(uint64_t), by_key);
    if (s->n < s->capacity)
        return;
    s->n = s->capacity;
    s->limit = s->entries[(size_t)(s->n - 1) * entry_words(s)];
}

static void make_room(row_sample_t *s)
{
    if (s->n < s->room)
        return;
    if (s->n >= 2 * s->capacity) {
        row_sample_settle(s);
        return;
    }
    s->room = s->room ? 2 * s->room : 16;
    s->room = s->room < 2 * s->capacity ? s->room : 2 * s->capacity;
    s->entries = MEM_GROW(s->entries, uint64_t, (size_t)s->room * entry_words(s));
}

void row_sample_add(row_sample_t *s, int64_t index, const double *values)
{
    uint64_t key = XXH3_64bits(&index, sizeof index);
    if (key > s->limit)
        return;
    make_room(s);
    uint64_t *entry = s->entries + (size_t)s->n++ * entry_words(s);
    entry[0] = key;
    entry[1] = (uint64_t)index;
    memcpy(entry + 2, values, (size_t)s->width * sizeof *values);
}

int64_t row_sample_index(const row_sample_t *s, int64_t i)
{
    return (int64_t)s->entries[(size_t)i * entry_words(s) + 1];
}

double row_sample_value(const row_sample_t *s, int64_t i, int column)
{
    double value;
    memcpy(&value, s->entries + (size_t)i * entry_words(s) + 2 + column, sizeof value);
    return value;
}
