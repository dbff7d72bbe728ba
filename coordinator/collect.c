// SPDX-License-Identifier: Apache-2.0
#include "coordinator/collect.h"

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

void collect_rows(const par_t *par, int64_t n, size_t row_bytes, void *data)
{
    for (int64_t b = 0; b < collect_blocks(n); b++) {
        int owner = collect_owner(par, b);
        if (owner == 0 || (par->rank != 0 && par->rank != owner))
            continue;
        range_t range = collect_range(n, b);
        char *at = (char *)data + (size_t)range.begin * row_bytes;
        int bytes = par_count((range.end - range.begin) * (int64_t)row_bytes);
        int code = par->rank == 0 ? MPI_Recv(at, bytes, MPI_BYTE, owner, COLLECT_TAG, par->comm,
                                             MPI_STATUS_IGNORE)
                                  : MPI_Send(at, bytes, MPI_BYTE, 0, COLLECT_TAG, par->comm);
        CHECK(code == MPI_SUCCESS, "MPI failed to collect block %ld of rank %d", (long)b, owner);
    }
}

/* Messages of at most this many bytes: their number is an int. */
static int64_t message_rows(size_t row_bytes)
{
    const int64_t most = INT64_C(1) << 26;
    int64_t rows = most / (int64_t)row_bytes;
    return rows > 0 ? rows : 1;
}

static void collect_share(const par_t *par, int owner, range_t share, size_t row_bytes, char *data)
{
    int64_t step = message_rows(row_bytes);
    for (int64_t i = share.begin; i < share.end; i += step) {
        int64_t rows = i + step < share.end ? step : share.end - i;
        char *at = data + (size_t)i * row_bytes;
        int bytes = par_count(rows * (int64_t)row_bytes);
        if (par->rank == 0)
            TRY_MPI(
                MPI_Recv(at, bytes, MPI_BYTE, owner, COLLECT_TAG, par->comm, MPI_STATUS_IGNORE));
        else
            TRY_MPI(MPI_Send(at, bytes, MPI_BYTE, 0, COLLECT_TAG, par->comm));
    }
}

void collect_shares(const par_t *par, const range_t *share, size_t row_bytes, void *data)
{
    for (int owner = 1; owner < par->size && row_bytes > 0; owner++) {
        if (par->rank == 0 || par->rank == owner)
            collect_share(par, owner, share[owner], row_bytes, data);
    }
}
