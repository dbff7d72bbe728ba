// SPDX-License-Identifier: Apache-2.0
#include "coordinator/collect.h"

#include <stdbool.h>

enum { COLLECT_TAG = 71 };

int64_t collect_blocks(int64_t n)
{
    return (n + COLLECT_BLOCK - 1) / COLLECT_BLOCK;
}

range_t collect_range(int64_t n, int64_t block)
{
    int64_t begin = block * COLLECT_BLOCK, end = begin + COLLECT_BLOCK;
    return (range_t){begin, end < n ? end : n};
}

int collect_owner(const par_t *par, int64_t block)
{
    return (int)(block % par->size);
}

typedef enum { TO_ROOT, FROM_ROOT } way_t;

/* Messages of at most this many bytes: their number is an int. */
static int64_t message_rows(size_t row_bytes)
{
    const int64_t most = INT64_C(1) << 26;
    int64_t rows = most / (int64_t)row_bytes;
    return rows > 0 ? rows : 1;
}

/* Between rank 0 and `owner`, who alone calls it: rows of the range. */
static void pass_range(const par_t *par, way_t way, int owner, range_t range, size_t row_bytes,
                       char *data)
{
    bool sends = (par->rank == 0) == (way == FROM_ROOT);
    int other = par->rank == 0 ? owner : 0;
    int64_t step = message_rows(row_bytes);
    for (int64_t i = range.begin; i < range.end; i += step) {
        int64_t rows = i + step < range.end ? step : range.end - i;
        char *at = data + (size_t)i * row_bytes;
        int bytes = par_count(rows * (int64_t)row_bytes);
        if (sends)
            TRY_MPI(MPI_Send(at, bytes, MPI_BYTE, other, COLLECT_TAG, par->comm));
        else
            TRY_MPI(
                MPI_Recv(at, bytes, MPI_BYTE, other, COLLECT_TAG, par->comm, MPI_STATUS_IGNORE));
    }
}

static void pass_rows(const par_t *par, way_t way, int64_t n, size_t row_bytes, void *data)
{
    for (int64_t b = 0; b < collect_blocks(n) && row_bytes > 0; b++) {
        int owner = collect_owner(par, b);
        if (owner != 0 && (par->rank == 0 || par->rank == owner))
            pass_range(par, way, owner, collect_range(n, b), row_bytes, data);
    }
}

static void pass_shares(const par_t *par, way_t way, const range_t *share, size_t row_bytes,
                        void *data)
{
    for (int owner = 1; owner < par->size && row_bytes > 0; owner++)
        if (par->rank == 0 || par->rank == owner)
            pass_range(par, way, owner, share[owner], row_bytes, data);
}

void collect_rows(const par_t *par, int64_t n, size_t row_bytes, void *data)
{
    pass_rows(par, TO_ROOT, n, row_bytes, data);
}

void collect_shares(const par_t *par, const range_t *share, size_t row_bytes, void *data)
{
    pass_shares(par, TO_ROOT, share, row_bytes, data);
}

static size_t observable_bytes(const rows_t *rows, int o)
{
    return (size_t)schema_size(&rows->schema->observables[o]) * sizeof(float);
}

void deal_observables(const par_t *par, int64_t n, rows_t *rows)
{
    for (int o = 0; o < rows->schema->n_observables; o++)
        pass_rows(par, FROM_ROOT, n, observable_bytes(rows, o), rows->observables[o]);
}

void deal_observables_shares(const par_t *par, const range_t *share, rows_t *rows)
{
    for (int o = 0; o < rows->schema->n_observables; o++)
        pass_shares(par, FROM_ROOT, share, observable_bytes(rows, o), rows->observables[o]);
}
