// SPDX-License-Identifier: Apache-2.0
#include "storage/exchange_text.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

texts_t texts_create(void)
{
    return (texts_t){0};
}

void texts_destroy(texts_t *t)
{
    free(t->first);
    free(t->bytes);
    *t = (texts_t){0};
}

void texts_begin(texts_t *t)
{
    t->first = MEM_GROW(t->first, int64_t, t->n + 1);
    t->first[t->n++] = t->used;
}

void texts_add(texts_t *t, int64_t row, const char *text)
{
    int64_t n = (int64_t)(sizeof row + strlen(text) + 1);
    if (t->used + n > t->cap) {
        t->cap = 2 * (t->used + n);
        t->bytes = MEM_GROW(t->bytes, char, t->cap);
    }
    memcpy(t->bytes + t->used, &row, sizeof row);
    memcpy(t->bytes + t->used + sizeof row, text, (size_t)n - sizeof row);
    t->used += n;
}

texts_t texts_travel(const par_t *par, const texts_t *out)
{
    CHECK(out->n == par->size, "%d lists for %d ranks", out->n, par->size);
    int *counts = MEM_NEW(int, 4 * par->size);
    int *send = counts, *from = send + par->size, *receive = from + par->size,
        *to = receive + par->size;
    for (int r = 0; r < par->size; r++) {
        int64_t end = r + 1 < par->size ? out->first[r + 1] : out->used;
        from[r] = par_count(out->first[r]);
        send[r] = par_count(end - out->first[r]);
    }
    TRY_MPI(MPI_Alltoall(send, 1, MPI_INT, receive, 1, MPI_INT, par->comm));
    texts_t in = texts_create();
    for (int r = 0; r < par->size; r++) {
        to[r] = par_count(in.used);
        in.used += receive[r];
    }
    in.bytes = mem_alloc((size_t)in.used + 1, 1);
    TRY_MPI(MPI_Alltoallv(out->bytes, send, from, MPI_BYTE, in.bytes, receive, to, MPI_BYTE,
                          par->comm));
    free(counts);
    return in;
}

const char *texts_next(const texts_t *t, const char **at, int64_t *row)
{
    const char *record = *at == NULL ? t->bytes : *at + strlen(*at) + 1;
    if (t->used == 0 || record >= t->bytes + t->used)
        return NULL;
    memcpy(row, record, sizeof *row);
    *at = record + sizeof *row;
    return *at;
}
