// SPDX-License-Identifier: Apache-2.0
#include "storage/text_index.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static int64_t slot_of(const text_index_t *t, const char *text)
{
    uint64_t mask = (uint64_t)t->n_slots - 1, k = XXH3_64bits(text, strlen(text)) & mask;
    while (t->slots[k] >= 0 && strcmp(t->texts[t->slots[k]], text) != 0)
        k = (k + 1) & mask;
    return (int64_t)k;
}

static void grow(text_index_t *t)
{
    free(t->slots);
    t->n_slots = t->n_slots ? 2 * t->n_slots : 64;
    t->slots = MEM_NEW(int64_t, t->n_slots);
    t->texts = MEM_GROW(t->texts, char *, t->n_slots / 2);
    for (int64_t k = 0; k < t->n_slots; k++)
        t->slots[k] = -1;
    for (int64_t i = 0; i < t->n; i++)
        t->slots[slot_of(t, t->texts[i])] = i;
}

int64_t text_index_put(text_index_t *t, const char *text)
{
    if (2 * t->n >= t->n_slots)
        grow(t);
    int64_t k = slot_of(t, text);
    if (t->slots[k] < 0) {
        t->slots[k] = t->n;
        t->texts[t->n++] = mem_copy_text(text);
    }
    return t->slots[k];
}

void text_index_free(text_index_t *t)
{
    for (int64_t i = 0; i < t->n; i++)
        free(t->texts[i]);
    free(t->texts);
    free(t->slots);
    *t = (text_index_t){0};
}
