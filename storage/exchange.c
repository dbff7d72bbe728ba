// SPDX-License-Identifier: Apache-2.0
// A row travels packed: rows_pack's bytes, then the name of its host. Counts are in rows, so MPI's int holds them.
#include "storage/exchange.h"

#include "cluster/mem.h"
#include "storage/costs.h"
#include "storage/exchange_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- who stores what ---- */

range_t wave_ranks(const wave_t *wave, int k)
{
    return par_share(wave->group->size, k, wave->n);
}

// Which of `parts` shares of [0, n) holds item i.
static int64_t share_of(int64_t i, int64_t n, int64_t parts)
{
    return ((i + 1) * parts - 1) / n;
}

int wave_shard(const wave_t *wave, int rank)
{
    return (int)share_of(rank, wave->group->size, wave->n);
}

// Of the ranks of a shard, those that store something.
static int64_t storing(const wave_t *wave, range_t ranks)
{
    return wave->alone ? 1 : ranks.end - ranks.begin;
}

static int64_t chunks_of(range_t whole)
{
    return (whole.end - whole.begin + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS;
}

// The shard of a row, or -1.
static int shard_of(const wave_t *wave, int64_t row)
{
    int low = 0, high = wave->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (wave->whole[middle].end <= row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < wave->n && wave->whole[low].begin <= row ? low : -1;
}

// The rank that stores a row, or -1.
static int owner_of(const wave_t *wave, int64_t row)
{
    int k = shard_of(wave, row);
    if (k < 0)
        return -1;
    range_t ranks = wave_ranks(wave, k), whole = wave->whole[k];
    int64_t chunk = (row - whole.begin) / BANK_CHUNK_ROWS;
    return (int)(ranks.begin + share_of(chunk, chunks_of(whole), storing(wave, ranks)));
}

static void portion_room(portion_t *p, const schema_t *schema, int64_t n)
{
    if (p->rows.schema != NULL && n <= p->rows.capacity)
        return;
    portion_destroy(p);
    p->rows = rows_create(schema, n);
    p->hosts = mem_zero((size_t)n, COSTS_HOST_BYTES);
    p->seen = MEM_NEW(uint8_t, n);
}

void portion_begin(portion_t *p, const wave_t *wave, const schema_t *schema)
{
    int k = wave_shard(wave, wave->group->rank);
    range_t ranks = wave_ranks(wave, k), whole = wave->whole[k];
    int64_t chunks = chunks_of(whole), at = wave->group->rank - ranks.begin;
    p->chunks = at < storing(wave, ranks) ? par_share(chunks, (int)at, (int)storing(wave, ranks))
                                          : (range_t){chunks, chunks};
    int64_t begin = whole.begin + p->chunks.begin * BANK_CHUNK_ROWS;
    int64_t end = whole.begin + p->chunks.end * BANK_CHUNK_ROWS;
    p->range = (range_t){begin < whole.end ? begin : whole.end, end < whole.end ? end : whole.end};
    int64_t n = p->range.end - p->range.begin;
    portion_room(p, schema, n);
    p->rows.n = n;
    memset(p->hosts, 0, (size_t)n * COSTS_HOST_BYTES);
    memset(p->seen, 0, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        rows_set_reason(&p->rows, i, NULL);
}

void portion_destroy(portion_t *portion)
{
    rows_destroy(&portion->rows);
    free(portion->hosts);
    free(portion->seen);
    portion->hosts = NULL;
    portion->seen = NULL;
}

err_t portion_check(const portion_t *p)
{
    for (int64_t at = 0; at < p->rows.n; at++)
        if (!p->seen[at] || p->rows.status[at] == ROW_MISSING)
            return err_fail(ERR_FAILED, "row %" PRId64 " was not brought by any rank",
                            p->range.begin + at);
    return OK;
}

static err_t see(portion_t *p, int64_t row, int64_t *at)
{
    *at = row - p->range.begin;
    CHECK(*at >= 0 && *at < p->rows.n, "row %" PRId64 " came to the wrong rank", row);
    if (p->seen[*at]++)
        return err_fail(ERR_FAILED, "row %" PRId64 " was brought twice", row);
    return OK;
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
    parcel->rows = mem_alloc((size_t)total + 1, row_bytes);
}

static void parcel_destroy(parcel_t *parcel)
{
    free(parcel->count);
    free(parcel->first);
    free(parcel->rows);
}

static int *owners_of(const wave_t *wave, const rows_t *mine, int *count)
{
    int *owner = MEM_NEW(int, mine->n);
    for (int64_t i = 0; i < mine->n; i++) {
        owner[i] = owner_of(wave, mine->index[i]);
        if (owner[i] >= 0 && owner[i] != wave->group->rank)
            count[owner[i]]++;
    }
    return owner;
}

// Rows that this rank stores itself do not travel.
static err_t keep_own(int rank, const rows_t *mine, const int *owner, const char *host,
                      portion_t *p)
{
    int64_t at;
    for (int64_t i = 0; i < mine->n; i++) {
        if (owner[i] != rank)
            continue;
        TRY(see(p, mine->index[i], &at));
        rows_copy(mine, i, &p->rows, at);
        memcpy(p->hosts + at * COSTS_HOST_BYTES, host, COSTS_HOST_BYTES);
    }
    return OK;
}

static void pack_rows(const par_t *group, const rows_t *mine, const int *owner, const char *host,
                      size_t row_bytes, parcel_t *out)
{
    int *next = MEM_NEW(int, group->size);
    memcpy(next, out->first, (size_t)group->size * sizeof *next);
    for (int64_t i = 0; i < mine->n; i++) {
        if (owner[i] < 0 || owner[i] == group->rank)
            continue;
        char *at = out->rows + (size_t)next[owner[i]]++ * row_bytes;
        rows_pack(mine, i, at);
        memcpy(at + row_bytes - COSTS_HOST_BYTES, host, COSTS_HOST_BYTES);
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

static err_t take_rows(const parcel_t *in, size_t row_bytes, portion_t *p)
{
    for (int i = 0; i < in->total; i++) {
        const char *packed = in->rows + (size_t)i * row_bytes;
        int64_t index, at;
        memcpy(&index, packed, sizeof index); // rows_pack puts it first
        TRY(see(p, index, &at));
        rows_unpack(packed, &p->rows, at);
        memcpy(p->hosts + at * COSTS_HOST_BYTES, packed + row_bytes - COSTS_HOST_BYTES,
               COSTS_HOST_BYTES);
    }
    return OK;
}

// Few rows have reasons, so they travel apart, and only where there are any.
static void send_reasons(const par_t *group, const rows_t *mine, const int *owner, portion_t *p)
{
    bool any = false;
    for (int64_t i = 0; i < mine->n; i++)
        any = any || (mine->reason[i] != NULL && owner[i] >= 0 && owner[i] != group->rank);
    if (!par_any(group, any))
        return;
    texts_t out = texts_create(), in;
    for (int r = 0; r < group->size; r++) {
        texts_begin(&out);
        for (int64_t i = 0; i < mine->n; i++)
            if (owner[i] == r && r != group->rank && mine->reason[i] != NULL)
                texts_add(&out, mine->index[i], mine->reason[i]);
    }
    in = texts_travel(group, &out);
    int64_t row;
    for (const char *text, *at = NULL; (text = texts_next(&in, &at, &row)) != NULL;)
        rows_set_reason(&p->rows, row - p->range.begin, text);
    texts_destroy(&in);
    texts_destroy(&out);
}

err_t exchange_rows(const wave_t *wave, const rows_t *mine, portion_t *portion)
{
    const par_t *group = wave->group;
    size_t row_bytes = rows_bytes(mine->schema) + COSTS_HOST_BYTES;
    char host[COSTS_HOST_BYTES] = "";
    gethostname(host, sizeof host - 1);
    parcel_t out = parcel_create(group->size), in = parcel_create(group->size);
    int *owner = owners_of(wave, mine, out.count);
    err_t err = keep_own(group->rank, mine, owner, host, portion);
    if (group->size > 1) {
        parcel_lay_out(&out, group->size, row_bytes);
        pack_rows(group, mine, owner, host, row_bytes, &out);
        travel(group, row_bytes, &out, &in);
        if (err == OK)
            err = take_rows(&in, row_bytes, portion);
        err = par_agree(group, err);
        send_reasons(group, mine, owner, portion);
    }
    free(owner);
    parcel_destroy(&in);
    parcel_destroy(&out);
    return err;
}

/* ---- gathered ---- */

// Where each rank's part of an array over rows (or chunks) lies.
static parcel_t layout_gathered(const par_t *part, int64_t mine)
{
    parcel_t all = parcel_create(part->size);
    int count = par_count(mine);
    TRY_MPI(MPI_Allgather(&count, 1, MPI_INT, all.count, 1, MPI_INT, part->comm));
    for (int r = 1; r < part->size; r++)
        all.first[r] = all.first[r - 1] + all.count[r - 1];
    return all;
}

static void gather_reasons(const par_t *part, const portion_t *p, char **reasons)
{
    bool any = false;
    for (int64_t i = 0; i < p->rows.n; i++)
        any = any || p->rows.reason[i] != NULL;
    if (!par_any(part, any))
        return;
    texts_t out = texts_create();
    for (int r = 0; r < part->size; r++) {
        texts_begin(&out);
        for (int64_t i = 0; r == 0 && i < p->rows.n; i++)
            if (p->rows.reason[i] != NULL)
                texts_add(&out, p->chunks.begin * BANK_CHUNK_ROWS + i, p->rows.reason[i]);
    }
    texts_t in = texts_travel(part, &out);
    int64_t row;
    for (const char *text, *at = NULL; (text = texts_next(&in, &at, &row)) != NULL;)
        reasons[row] = mem_copy_text(text);
    texts_destroy(&in);
    texts_destroy(&out);
}

void exchange_costs(const par_t *part, const portion_t *portion, double *seconds, char *hosts,
                    char **reasons)
{
    parcel_t all = layout_gathered(part, portion->rows.n);
    MPI_Datatype host;
    int n = par_count(portion->rows.n);
    TRY_MPI(MPI_Type_contiguous(COSTS_HOST_BYTES, MPI_BYTE, &host));
    TRY_MPI(MPI_Type_commit(&host));
    TRY_MPI(MPI_Gatherv(portion->rows.seconds, n, MPI_DOUBLE, seconds, all.count, all.first,
                        MPI_DOUBLE, 0, part->comm));
    TRY_MPI(MPI_Gatherv(portion->hosts, n, host, hosts, all.count, all.first, host, 0, part->comm));
    TRY_MPI(MPI_Type_free(&host));
    gather_reasons(part, portion, reasons);
    parcel_destroy(&all);
}

void exchange_checks(const par_t *part, const portion_t *portion, bank_shard_t *shard)
{
    int64_t mine[ROW_STATUS_COUNT] = {0}, n = portion->chunks.end - portion->chunks.begin;
    uint64_t *hash = MEM_NEW(uint64_t, n);
    parcel_t all = layout_gathered(part, n);
    for (int64_t i = 0; i < portion->rows.n; i++)
        mine[portion->rows.status[i]]++;
    for (int64_t c = 0; c < n; c++) {
        int64_t begin = c * BANK_CHUNK_ROWS, end = begin + BANK_CHUNK_ROWS;
        hash[c] = rows_hash(&portion->rows, begin, end < portion->rows.n ? end : portion->rows.n);
    }
    TRY_MPI(MPI_Allgatherv(hash, par_count(n), MPI_UINT64_T, shard->chunk_hash, all.count,
                           all.first, MPI_UINT64_T, part->comm));
    TRY_MPI(
        MPI_Allreduce(mine, shard->by_status, ROW_STATUS_COUNT, MPI_INT64_T, MPI_SUM, part->comm));
    parcel_destroy(&all);
    free(hash);
}
