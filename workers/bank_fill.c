// SPDX-License-Identifier: Apache-2.0
// Shards are sealed a few at a time; of each missing range a rank reads its contiguous share.
#include "workers/bank_fill.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"

#include <stdlib.h>

enum { BATCH_SHARDS = 8, BATCH_BYTES = 128 << 20 };

typedef struct {
    const par_t *par;
    const bank_plan_t *plan;
    bank_writer_t *writer;
    bank_filler_t filler;
    void *user;
    int64_t n_missing, next; // ranges; the first that is not written
    const range_t *missing;
    progress_t progress;
    int64_t written;
} filling_t;

// Shards of one batch, from open shard k on.
static int batch_size(const filling_t *f, int64_t k)
{
    int64_t bytes = f->plan->shard_rows * (int64_t)rows_bytes(f->plan->schema);
    int64_t n = BATCH_BYTES / (bytes > 0 ? bytes : 1),
            left = bank_writer_open_shards(f->writer) - k;
    n = n < 1 ? 1 : (n < BATCH_SHARDS ? n : BATCH_SHARDS);
    return (int)(n < left ? n : left);
}

static range_t share_of(const filling_t *f, range_t range)
{
    range_t share = par_share(range.end - range.begin, f->par->rank, f->par->size);
    return (range_t){range.begin + share.begin, range.begin + share.end};
}

// This rank's part of missing ranges [begin, end).
static err_t read_ranges(const filling_t *f, int64_t begin, int64_t end, rows_t *rows)
{
    err_t err = OK;
    for (int64_t k = begin; k < end && err == OK; k++) {
        range_t share = share_of(f, f->missing[k]);
        rows_t part = rows_create(f->plan->schema, share.end - share.begin);
        if (share.end > share.begin)
            err = f->filler(f->user, share.begin, share.end, &part);
        for (int64_t i = 0; i < part.n && err == OK; i++)
            rows_append(&part, i, rows);
        rows_destroy(&part);
    }
    return err;
}

// Seals open shards [k, k + n).
static err_t fill_batch(filling_t *f, int64_t k, int n)
{
    int64_t shards[BATCH_SHARDS], begin = f->next, mine = 0, all = 0;
    for (int i = 0; i < n; i++)
        shards[i] = bank_writer_open_shard(f->writer, k + i);
    int64_t last = bank_writer_range(f->writer, shards[n - 1]).end;
    for (; f->next < f->n_missing && f->missing[f->next].begin < last; f->next++) {
        range_t share = share_of(f, f->missing[f->next]);
        mine += share.end - share.begin;
        all += f->missing[f->next].end - f->missing[f->next].begin;
    }
    rows_t rows = rows_create(f->plan->schema, mine);
    err_t err = par_agree(f->par, read_ranges(f, begin, f->next, &rows));
    if (err == OK)
        err = bank_seal(f->writer, f->par, n, shards, &rows);
    rows_destroy(&rows);
    f->written += err == OK ? all : 0;
    return err;
}

static err_t fill_all(filling_t *f)
{
    int64_t n_open = bank_writer_open_shards(f->writer);
    int64_t sealed = bank_writer_sealed_rows(f->writer);
    f->n_missing = bank_writer_missing(f->writer, &f->missing);
    for (int64_t k = 0; k < n_open;) {
        int n = batch_size(f, k);
        if (par_any(f->par, stop_requested()))
            return err_fail(ERR_STOPPED,
                            "stopped on request: %ld rows are sealed, the same command goes on",
                            (long)(sealed + f->written));
        TRY(fill_batch(f, k, n));
        k += n;
        if (f->par->rank == 0)
            progress_show(&f->progress, sealed + f->written, NULL);
    }
    if (f->par->rank == 0 && n_open > 0)
        progress_end(&f->progress, sealed + f->written, NULL);
    return OK;
}

err_t bank_fill(const par_t *par, const bank_plan_t *plan, const char *what, bank_filler_t filler,
                void *user, int64_t *written)
{
    filling_t f = {.par = par, .plan = plan, .filler = filler, .user = user};
    *written = 0;
    TRY(bank_writer_open(par, plan, &f.writer));
    f.progress = progress_start(what, "rows", bank_writer_sealed_rows(f.writer), plan->rows);
    err_t err = fill_all(&f), closed = bank_writer_close(&f.writer);
    *written = f.written;
    return err != OK ? err : closed;
}
