// SPDX-License-Identifier: Apache-2.0
#include "coordinator/observed.h"

#include "cluster/mem.h"
#include "coordinator/collect.h"
#include "coordinator/real_sets.h"
#include "coordinator/trainer.h"

#include <stdlib.h>

/* Those blocks of them that are this rank's. */
static err_t my_summaries(const par_t *par, const trained_t *trained, const real_data_t *data,
                          int64_t n, const int64_t *which, float *out)
{
    int width = amortizer_summary_width(trained->amortizer);
    const float **fields = MEM_NEW(const float *, data->schema->n_observables);
    amortizer_work_t *work = amortizer_work_create(trained->amortizer, WORK_EVALUATE, 1, 1);
    real_sets_t set = real_sets_create(data, 1);
    err_t err = OK;
    for (int64_t b = 0; b < collect_blocks(n) && err == OK; b++) {
        range_t range = collect_range(n, b);
        for (int64_t i = range.begin;
             i < range.end && collect_owner(par, b) == par->rank && err == OK; i++) {
            err = real_sets_load(data, 1, &which[i], &set);
            if (err != OK)
                break;
            batch_t batch = batch_of_rows(&set.rows, 0, 1, fields);
            amortizer_summaries(work, &batch, out + i * width);
        }
    }
    real_sets_free(&set);
    amortizer_work_destroy(&work);
    free(fields);
    return err;
}

err_t observed_summaries(const par_t *par, const trained_t *trained, const real_data_t *data,
                         int64_t n, const int64_t *which, float **out)
{
    int width = amortizer_summary_width(trained->amortizer);
    float *summaries = MEM_NEW(float, n *width);
    err_t err = par_agree(par, my_summaries(par, trained, data, n, which, summaries));
    if (err != OK) {
        free(summaries);
        *out = NULL;
        return err;
    }
    collect_rows(par, n, (size_t)width * sizeof *summaries, summaries);
    *out = summaries;
    return OK;
}

err_t observed_judge(const par_t *par, const trained_t *trained, const real_data_t *data,
                     const double *distance, int64_t draws, misfit_t *out)
{
    int64_t which[MISFIT_ROWS], n = 0;
    float *summaries;
    *out = (misfit_t){0};
    if (par->rank == 0) {
        *out = misfit_judge(&trained->distance, data->n, distance);
        n = misfit_pick(data->n, distance, which);
    }
    par_broadcast(par, 0, sizeof n, &n);
    par_broadcast(par, 0, sizeof which, which);
    if (n < 2)
        return OK;
    TRY(observed_summaries(par, trained, data, n, which, &summaries));
    if (par->rank == 0)
        misfit_compare(out, &trained->distance, n, summaries, draws);
    free(summaries);
    return OK;
}
