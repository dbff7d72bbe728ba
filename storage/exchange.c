// SPDX-License-Identifier: Apache-2.0
// A row travels packed: rows_pack's bytes, then the name of its host. Counts are in rows, so MPI's int holds them.
#include "storage/exchange.h"

#include "cluster/mem.h"
#include "storage/shard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t chunks_of(int64_t rows)
{
    return (rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS;
}

// The rows of the shard that `rank` stores.
static range_t range_of(range_t whole, int rank, int size, range_t *chunks)
{
    int64_t n = whole.end - whole.begin;
    *chunks = par_share(chunks_of(n), rank, size);
    int64_t begin = chunks->begin * BANK_CHUNK_ROWS, end = chunks->end * BANK_CHUNK_ROWS;
    begin = begin < n ? begin : n;
    end = end < n ? end : n;
    return (range_t){whole.begin + begin, whole.begin + end};
}

portion_t portion_create(const par_t *group, const schema_t *schema, range_t whole)
{
    portion_t p;
    p.range = range_of(whole, group->rank, group->size, &p.chunks);
    int64_t n = p.range.end - p.range.begin;
    p.rows = rows_create(schema, n);
    p.rows.n = n;
    p.hosts = mem_zero((size_t)n, SHARD_HOST_BYTES);
    return p;
}

void portion_destroy(portion_t *portion)
{
    rows_destroy(&portion->rows);
    free(portion->hosts);
    portion->hosts = NULL;
}

/* ---- sent ---- */

typedef struct {
    int *count, *first; // (ranks)
    int total;
    char *rows; // (total, bytes of a packed row)
} parcel_t;

static parcel_t parcel_create(int ranks)
{
    return (parcel_t){.count = MEM_NEW(int, ranks), .first = MEM_NEW(int, ranks)};
}

static void parcel_lay_out(parcel_t *parcel, int ranks, size_t row_bytes)
{
    int64_t total = 0;
    for (int r = 0; r < ranks; r++) {
        parcel->first[r] = par_count(total);
        total += parcel->count[r];
    }
    parcel->total = par_count(total);
    parcel->rows = mem_zero((size_t)total, row_bytes);
}

static void parcel_destroy(parcel_t *parcel)
{
    free(parcel->count);
    free(parcel->first);
    free(parcel->rows);
}

static int owner_of(int64_t index, range_t whole, int size)
{
    range_t chunks;
    int low = 0, high = size - 1;
    while (low < high) { // ranges ascend with the rank; the first that ends beyond the row
        int middle = (low + high) / 2;
        if (range_of(whole, middle, size, &chunks).end > index)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static err_t count_rows(range_t whole, int n_sources, const row_source_t *sources, int size,
                        parcel_t *out)
{
    for (int s = 0; s < n_sources; s++)
        for (int64_t i = 0; i < sources[s].rows->n; i++) {
            int64_t index = sources[s].rows->index[i];
            if (index < whole.begin || index >= whole.end)
                return err_fail(ERR_FAILED,
                                "row %" PRId64 " was brought to the shard of rows %" PRId64
                                " to %" PRId64,
                                index, whole.begin, whole.end - 1);
            out->count[owner_of(index, whole, size)]++;
        }
    return OK;
}

static void pack_rows(range_t whole, int n_sources, const row_source_t *sources, int size,
                      size_t row_bytes, parcel_t *out)
{
    char self[SHARD_HOST_BYTES] = "";
    int *next = MEM_NEW(int, size);
    gethostname(self, sizeof self - 1);
    memcpy(next, out->first, (size_t)size * sizeof *next);
    for (int s = 0; s < n_sources; s++)
        for (int64_t i = 0; i < sources[s].rows->n; i++) {
            int rank = owner_of(sources[s].rows->index[i], whole, size);
            char *at = out->rows + (size_t)next[rank]++ * row_bytes;
            rows_pack(sources[s].rows, i, at);
            memcpy(at + row_bytes - SHARD_HOST_BYTES,
                   sources[s].hosts ? sources[s].hosts + i * SHARD_HOST_BYTES : self,
                   SHARD_HOST_BYTES);
        }
    free(next);
}

static void travel(const par_t *group, size_t row_bytes, const parcel_t *out, parcel_t *in)
{
    MPI_Datatype row;
    TRY_MPI(MPI_Alltoall(out->count, 1, MPI_INT, in->count, 1, MPI_INT, group->comm));
    parcel_lay_out(in, group->size, row_bytes);
    TRY_MPI(MPI_Type_contiguous(par_count((int64_t)row_bytes), MPI_BYTE, &row));
    TRY_MPI(MPI_Type_commit(&row));
    TRY_MPI(MPI_Alltoallv(out->rows, out->count, out->first, row, in->rows, in->count, in->first,
                          row, group->comm));
    TRY_MPI(MPI_Type_free(&row));
}

/* ---- received ---- */

static err_t take_rows(const parcel_t *in, size_t row_bytes, portion_t *portion)
{
    int64_t n = portion->rows.n;
    uint8_t *seen = MEM_NEW(uint8_t, n);
    err_t err = OK;
    for (int i = 0; i < in->total && err == OK; i++) {
        const char *packed = in->rows + (size_t)i * row_bytes;
        int64_t index;
        memcpy(&index, packed, sizeof index); // rows_pack puts it first
        int64_t at = index - portion->range.begin;
        CHECK(at >= 0 && at < n, "row %" PRId64 " came to the wrong rank", index);
        if (seen[at]++)
            err = err_fail(ERR_FAILED, "row %" PRId64 " was brought twice", index);
        rows_unpack(packed, &portion->rows, at);
        memcpy(portion->hosts + at * SHARD_HOST_BYTES, packed + row_bytes - SHARD_HOST_BYTES,
               SHARD_HOST_BYTES);
    }
    for (int64_t at = 0; at < n && err == OK; at++)
        if (!seen[at] || portion->rows.status[at] == ROW_MISSING)
            err = err_fail(ERR_FAILED, "row %" PRId64 " was not brought by any rank",
                           portion->range.begin + at);
    free(seen);
    return err;
}

err_t exchange_rows(const par_t *group, range_t whole, int n_sources, const row_source_t *sources,
                    portion_t *portion)
{
    size_t row_bytes = rows_bytes(portion->rows.schema) + SHARD_HOST_BYTES;
    parcel_t out = parcel_create(group->size), in = parcel_create(group->size);
    err_t err = par_agree(group, count_rows(whole, n_sources, sources, group->size, &out));
    if (err == OK) {
        parcel_lay_out(&out, group->size, row_bytes);
        pack_rows(whole, n_sources, sources, group->size, row_bytes, &out);
        travel(group, row_bytes, &out, &in);
        err = par_agree(group, take_rows(&in, row_bytes, portion));
    }
    parcel_destroy(&in);
    parcel_destroy(&out);
    return err;
}

/* ---- gathered ---- */

// Where each rank's part of an array over rows (or chunks) lies.
static parcel_t layout_gathered(const par_t *group, int64_t mine)
{
    parcel_t all = parcel_create(group->size);
    int count = par_count(mine);
    TRY_MPI(MPI_Allgather(&count, 1, MPI_INT, all.count, 1, MPI_INT, group->comm));
    for (int r = 1; r < group->size; r++)
        all.first[r] = all.first[r - 1] + all.count[r - 1];
    return all;
}

void exchange_costs(const par_t *group, const portion_t *portion, double *seconds, char *hosts)
{
    parcel_t all = layout_gathered(group, portion->rows.n);
    MPI_Datatype host;
    int n = par_count(portion->rows.n);
    TRY_MPI(MPI_Type_contiguous(SHARD_HOST_BYTES, MPI_BYTE, &host));
    TRY_MPI(MPI_Type_commit(&host));
    TRY_MPI(MPI_Gatherv(portion->rows.seconds, n, MPI_DOUBLE, seconds, all.count, all.first,
                        MPI_DOUBLE, 0, group->comm));
    TRY_MPI(
        MPI_Gatherv(portion->hosts, n, host, hosts, all.count, all.first, host, 0, group->comm));
    TRY_MPI(MPI_Type_free(&host));
    parcel_destroy(&all);
}

void exchange_checks(const par_t *group, const portion_t *portion, bank_shard_t *shard)
{
    int64_t mine[ROW_STATUS_COUNT] = {0}, n = portion->chunks.end - portion->chunks.begin;
    uint64_t *hash = MEM_NEW(uint64_t, n);
    parcel_t all = layout_gathered(group, n);
    for (int64_t i = 0; i < portion->rows.n; i++)
        mine[portion->rows.status[i]]++;
    for (int64_t c = 0; c < n; c++) {
        int64_t begin = c * BANK_CHUNK_ROWS, end = begin + BANK_CHUNK_ROWS;
        hash[c] = rows_hash(&portion->rows, begin, end < portion->rows.n ? end : portion->rows.n);
    }
    TRY_MPI(MPI_Allgatherv(hash, par_count(n), MPI_UINT64_T, shard->chunk_hash, all.count,
                           all.first, MPI_UINT64_T, group->comm));
    TRY_MPI(
        MPI_Allreduce(mine, shard->by_status, ROW_STATUS_COUNT, MPI_INT64_T, MPI_SUM, group->comm));
    parcel_destroy(&all);
    free(hash);
}
