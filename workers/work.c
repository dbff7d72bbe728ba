// SPDX-License-Identifier: Apache-2.0
#include "workers/work.h"

#include "cluster/mem.h"

#include <stdlib.h>

static void line_up(work_t *w)
{
    for (int64_t i = 0; i < w->n_ranges; i++) {
        w->start[i] = w->positions;
        w->positions += w->range[i].end - w->range[i].begin;
    }
}

work_t work_create(const bank_writer_t *writer)
{
    work_t w = {.n = par_count(bank_writer_open_shards(writer))};
    w.n_ranges = bank_writer_missing(writer, &w.range);
    w.shard = MEM_NEW(int64_t, w.n);
    w.end = MEM_NEW(int64_t, w.n);
    w.start = MEM_NEW(int64_t, w.n_ranges);
    line_up(&w);
    int64_t at = 0;
    for (int k = 0; k < w.n; k++) {
        w.shard[k] = bank_writer_open_shard(writer, k);
        int64_t last = bank_writer_range(writer, w.shard[k]).end;
        while (at < w.n_ranges && w.range[at].begin < last)
            at++;
        w.end[k] = at < w.n_ranges ? w.start[at] : w.positions;
    }
    return w;
}

void work_destroy(work_t *w)
{
    free(w->shard);
    free(w->end);
    free(w->start);
    *w = (work_t){0};
}

range_t work_rows(const work_t *w, int64_t begin, int64_t end)
{
    int64_t low = 0, high = w->n_ranges; // the range of `begin` is in [low, high)
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (w->start[middle] <= begin)
            low = middle;
        else
            high = middle;
    }
    range_t all = w->range[low], out = {all.begin + begin - w->start[low], all.end};
    int64_t most = out.begin + end - begin;
    out.end = out.end < most ? out.end : most;
    return out;
}
