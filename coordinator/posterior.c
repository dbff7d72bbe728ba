// SPDX-License-Identifier: Apache-2.0
#include "coordinator/posterior.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/collect.h"
#include "coordinator/trainer.h"

#include <stdlib.h>

static void draw_block(amortizer_work_t *work, const rows_t *rows, range_t range, int64_t draws,
                       uint64_t seed, const float **fields, double *out)
{
    rng_t rng[COLLECT_BLOCK];
    for (int64_t i = range.begin; i < range.end; i++)
        rng[i - range.begin] = rng_at(seed, RNG_DIAGNOSE, (uint64_t)i);
    batch_t batch = batch_of_rows(rows, range.begin, range.end, fields);
    amortizer_sample(work, &batch, draws, rng, out, NULL);
}

double *posterior_draws(const par_t *par, amortizer_t *a, const rows_t *rows, int64_t draws,
                        uint64_t seed, const char *what)
{
    int64_t n = rows->n, row_values = draws * adapter_kept(amortizer_adapter(a), NULL);
    double *out = mem_alloc((size_t)(n * row_values), sizeof *out);
    const float **fields = MEM_NEW(const float *, rows->schema->n_observables);
    amortizer_work_t *work =
        amortizer_work_create(a, WORK_EVALUATE, COLLECT_BLOCK, COLLECT_BLOCK * draws);
    progress_t progress = {0};
    if (par->rank == 0)
        progress = progress_start(what, "data sets", 0, n);
    for (int64_t b = 0; b < collect_blocks(n); b++) {
        if (collect_owner(par, b) != par->rank)
            continue;
        range_t range = collect_range(n, b);
        draw_block(work, rows, range, draws, seed, fields, out + range.begin * row_values);
        if (par->rank == 0)
            progress_show(&progress, range.end, NULL);
    }
    collect_rows(par, n, (size_t)row_values * sizeof *out, out);
    if (par->rank == 0)
        progress_end(&progress, n, NULL);
    amortizer_work_destroy(&work);
    free(fields);
    if (par->rank != 0) {
        free(out);
        out = NULL;
    }
    return out;
}
