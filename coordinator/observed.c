// SPDX-License-Identifier: Apache-2.0
#include "coordinator/observed.h"

#include "cluster/mem.h"
#include "coordinator/collect.h"
#include "coordinator/trainer.h"

#include <stdlib.h>

float *observed_summaries(const par_t *par, const trained_t *trained, const rows_t *rows, int64_t n,
                          const int64_t *which)
{
    int width = amortizer_summary_width(trained->amortizer);
    float *out = MEM_NEW(float, n *width);
    const float **fields = MEM_NEW(const float *, rows->schema->n_observables);
    amortizer_work_t *work = amortizer_work_create(trained->amortizer, WORK_EVALUATE, 1, 1);
    for (int64_t b = 0; b < collect_blocks(n); b++) {
        range_t range = collect_range(n, b);
        for (int64_t i = range.begin; i < range.end && collect_owner(par, b) == par->rank; i++) {
            batch_t batch = batch_of_rows(rows, which[i], which[i] + 1, fields);
            amortizer_summaries(work, &batch, out + i * width);
        }
    }
    collect_rows(par, n, (size_t)width * sizeof *out, out);
    amortizer_work_destroy(&work);
    free(fields);
    return out;
}

misfit_t observed_judge(const par_t *par, const trained_t *trained, const rows_t *rows,
                        const double *distance, int64_t draws)
{
    misfit_t m = {0};
    int64_t which[MISFIT_ROWS], n = 0;
    if (par->rank == 0) {
        m = misfit_judge(&trained->distance, rows->n, distance);
        n = misfit_pick(rows->n, distance, which);
    }
    par_broadcast(par, 0, sizeof n, &n);
    par_broadcast(par, 0, sizeof which, which);
    if (n < 2)
        return m;
    float *summaries = observed_summaries(par, trained, rows, n, which);
    if (par->rank == 0)
        misfit_compare(&m, &trained->distance, n, summaries, draws);
    free(summaries);
    return m;
}
