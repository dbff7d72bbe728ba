// SPDX-License-Identifier: Apache-2.0
#include "coordinator/used_rows.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

// Takes rows that follow the position without a gap off the list.
static void advance(used_rows_t *u)
{
    int64_t k = 0;
    for (; k < u->n && u->beyond[k] == u->position; k++)
        u->position++;
    u->n -= k;
    if (k > 0)
        memmove(u->beyond, u->beyond + k, (size_t)u->n * sizeof *u->beyond);
}

used_rows_t used_rows_create(int64_t position, int64_t n, const int64_t *beyond)
{
    used_rows_t u = {.position = position, .n = n, .cap = n};
    u.beyond = MEM_NEW(int64_t, n);
    if (n > 0)
        memcpy(u.beyond, beyond, (size_t)n * sizeof *beyond);
    advance(&u);
    return u;
}

void used_rows_destroy(used_rows_t *u)
{
    free(u->beyond);
    *u = (used_rows_t){0};
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void used_rows_add(used_rows_t *u, int64_t n, const int64_t *rows)
{
    if (u->n + n > u->cap) {
        u->cap = 2 * (u->n + n);
        u->beyond = MEM_GROW(u->beyond, int64_t, u->cap);
    }
    if (n > 0)
        memcpy(u->beyond + u->n, rows, (size_t)n * sizeof *rows);
    u->n += n;
    if (u->n > 0)
        qsort(u->beyond, (size_t)u->n, sizeof *u->beyond, compare);
    advance(u);
}

bool used_rows_have(const used_rows_t *u, int64_t row)
{
    int64_t low = 0, high = u->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (u->beyond[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return row < u->position || (low < u->n && u->beyond[low] == row);
}
