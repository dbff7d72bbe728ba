// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_compare.h"

#include "cluster/mem.h"
#include "coordinator/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOISES = 16 }; // that a random loss of a data set is averaged over

static double loss_of(const refinement_t *r, amortizer_work_t *work, const rows_t *rows, int64_t at,
                      const float **fields)
{
    int n = amortizer_has_density(r->trained.amortizer) ? 1 : NOISES;
    batch_t batch = batch_of_rows(rows, at, at + 1, fields);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        rng_t noise = rng_at((uint64_t)r->job->study.refine.seed, RNG_VALIDATE,
                             (uint64_t)at * NOISES + (uint64_t)i);
        sum += amortizer_loss(work, &batch, 1.0, &noise, NULL);
    }
    return sum / n;
}

/* (n) on every rank. Collective. */
static double *losses_of(const refinement_t *r, const rows_t *rows)
{
    const par_t *par = r->job->par;
    double *loss = MEM_NEW(double, rows->n + 1);
    const float **fields = MEM_NEW(const float *, rows->schema->n_observables);
    amortizer_work_t *work = amortizer_work_create(r->trained.amortizer, WORK_LOSS, 1, 1);
    for (int64_t b = 0; b < collect_blocks(rows->n); b++) {
        range_t range = collect_range(rows->n, b);
        for (int64_t i = range.begin; i < range.end && collect_owner(par, b) == par->rank; i++)
            loss[i] = loss_of(r, work, rows, i, fields);
    }
    collect_rows(par, rows->n, sizeof *loss, loss);
    par_broadcast(par, 0, (size_t)rows->n * sizeof *loss, loss);
    amortizer_work_destroy(&work);
    free(fields);
    return loss;
}

static refine_gain_t gain_of(int64_t n, const double *offline, const double *refined)
{
    refine_gain_t g = {.data_sets = n};
    double squares = 0, count = (double)n;
    for (int64_t i = 0; i < n; i++) {
        g.offline_loss += offline[i] / count;
        g.refined_loss += refined[i] / count;
    }
    g.gain = g.offline_loss - g.refined_loss;
    for (int64_t i = 0; i < n; i++)
        squares += pow(offline[i] - refined[i] - g.gain, 2);
    g.error = sqrt(squares / (count - 1) / count);
    return g;
}

refine_gain_t refine_compare(refinement_t *r, rows_t *held_out)
{
    params_t *params = amortizer_params(r->trained.amortizer);
    size_t bytes = (size_t)params_size(params) * sizeof(float);
    deal_observables(r->job->par, held_out->n, held_out);
    double *refined = losses_of(r, held_out);
    memcpy(params_value(params), r->offline, bytes);
    double *offline = losses_of(r, held_out);
    memcpy(params_value(params), r->best, bytes);
    refine_gain_t gain = gain_of(held_out->n, offline, refined);
    free(offline);
    free(refined);
    return gain;
}
