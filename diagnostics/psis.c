// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/psis.h"

#include "cluster/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { FEWEST_IN_TAIL = 5, GRID = 30 };

typedef struct {
    double value;
    int64_t at;
} entry_t;

typedef struct {
    double shape, scale;
} pareto_t;

double psis_threshold(int64_t n)
{
    return n > 1 ? fmin(1.0 - 1.0 / log10((double)n), 0.7) : -INFINITY;
}

static int by_value(const void *a, const void *b)
{
    const entry_t *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

// Mean of log(1 - b x): the shape that belongs to b.
static double shape_of(double b, int64_t n, const double *x)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += log1p(-b * x[i]);
    return sum / (double)n;
}

// Values (n) ascending and positive. The posterior mean of b = -shape / scale over a grid of Zhang and Stephens, weighted by the
// profile likelihood.
static pareto_t pareto_fit(int64_t n, const double *x)
{
    const double grid_spread = 3.0, prior_weight = 10.0, prior_shape = 0.5;
    int64_t m = GRID + (int64_t)sqrt((double)n);
    double quartile = x[(int64_t)((double)n / 4.0 + 0.5) - 1], total = 0.0, mean = 0.0,
           best = -INFINITY;
    double *b = MEM_NEW(double, m), *level = MEM_NEW(double, m);
    for (int64_t j = 0; j < m; j++) {
        b[j] =
            1.0 / x[n - 1] + (1.0 - sqrt((double)m / ((double)j + 0.5))) / (grid_spread * quartile);
        double shape = shape_of(b[j], n, x);
        level[j] = (double)n * (log(-b[j] / shape) - shape - 1.0);
        best = level[j] > best ? level[j] : best;
    }
    for (int64_t j = 0; j < m; j++) {
        double weight = exp(level[j] - best);
        total += weight > 0.0 ? weight : 0.0;
        mean += weight > 0.0 ? weight * b[j] : 0.0;
    }
    mean /= total;
    double shape = shape_of(mean, n, x);
    free(level);
    free(b);
    return (pareto_t){.shape = ((double)n * shape + prior_weight * prior_shape) /
                               ((double)n + prior_weight),
                      .scale = -shape / mean};
}

static double pareto_quantile(pareto_t p, double probability)
{
    double beyond = -log1p(-probability);
    return p.scale * (fabs(p.shape) < DBL_EPSILON ? beyond : expm1(p.shape * beyond) / p.shape);
}

// Entries (n) ascending, the largest is 0: those above the cut are smoothed.
static double smooth_tail(int64_t n, entry_t *entry)
{
    int64_t tail = (int64_t)ceil(fmin((double)n / 5.0, 3.0 * sqrt((double)n))), first = n;
    double cut = fmax(tail < n ? entry[n - tail - 1].value : -INFINITY, log(DBL_MIN)),
           base = exp(cut);
    while (first > 0 && entry[first - 1].value > cut)
        first--;
    tail = n - first;
    if (tail < FEWEST_IN_TAIL)
        return INFINITY;
    double *excess = MEM_NEW(double, tail);
    for (int64_t i = 0; i < tail; i++)
        excess[i] = exp(entry[first + i].value) - base;
    pareto_t fit = pareto_fit(tail, excess);
    for (int64_t i = 0; i < tail && isfinite(fit.shape) && fit.scale > 0.0; i++) {
        double smoothed = log(base + pareto_quantile(fit, ((double)i + 0.5) / (double)tail));
        entry[first + i].value = fmin(smoothed, 0.0); // never above the largest that was seen
    }
    free(excess);
    return isfinite(fit.shape) ? fit.shape : INFINITY;
}

static double normalise(int64_t n, const entry_t *entry, double *weight)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double w = exp(entry[i].value);
        weight[entry[i].at] = w;
        sum += w;
        squares += w * w;
    }
    for (int64_t i = 0; i < n; i++)
        weight[i] /= sum;
    return sum * sum / squares;
}

psis_t psis_smooth(int64_t n, double *ratio)
{
    psis_t out = {.khat = INFINITY};
    double largest = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        largest = ratio[i] > largest ? ratio[i] : largest;
    if (!isfinite(largest)) {
        for (int64_t i = 0; i < n; i++)
            ratio[i] = 1.0 / (double)n;
        return out;
    }
    entry_t *entry = MEM_NEW(entry_t, n);
    for (int64_t i = 0; i < n; i++)
        entry[i] = (entry_t){isnan(ratio[i]) ? -INFINITY : ratio[i] - largest, i};
    qsort(entry, (size_t)n, sizeof *entry, by_value);
    out.khat = smooth_tail(n, entry);
    out.effective = normalise(n, entry, ratio);
    free(entry);
    return out;
}

void psis_resample(int64_t n, const double *weight, double u, int64_t m, int64_t *index)
{
    double total = 0.0, below = weight[0];
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        total += weight[i];
    for (int64_t k = 0; k < m; k++) {
        double place = ((double)k + u) / (double)m * total;
        while (at < n - 1 && below <= place)
            below += weight[++at];
        index[k] = at;
    }
}
