// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/convergence.h"

#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Halves of chains, side by side: (m, n).
typedef struct {
    int64_t m, n;
    double *x;
} halves_t;

// An odd draw in the middle is left out.
static halves_t halves(int chains, int64_t n, const double *x)
{
    halves_t h = {2 * (int64_t)chains, n / 2,
                  MEM_NEW(double, 2 * (size_t)chains * (size_t)(n / 2))};
    for (int64_t k = 0; k < h.m; k++)
        memcpy(h.x + k * h.n, x + (k / 2) * n + (k % 2 ? n - h.n : 0), (size_t)h.n * sizeof *x);
    return h;
}

static bool usable(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static double split_rhat(const halves_t *h)
{
    double within = 0.0, *mean = MEM_NEW(double, h->m);
    for (int64_t k = 0; k < h->m; k++) {
        mean[k] = stats_mean(h->n, h->x + k * h->n);
        within += stats_variance(h->n, h->x + k * h->n, 1) / (double)h->m;
    }
    double between = stats_variance(h->m, mean, 1), n = (double)h->n;
    free(mean);
    return sqrt(((n - 1.0) / n * within + between) / within);
}

// Mean over chains of the autocovariance at a lag, divided by n.
static double autocovariance(const halves_t *h, const double *mean, int64_t lag)
{
    double sum = 0.0;
    for (int64_t k = 0; k < h->m; k++) {
        const double *x = h->x + k * h->n;
        for (int64_t i = 0; i + lag < h->n; i++)
            sum += (x[i] - mean[k]) * (x[i + lag] - mean[k]);
    }
    return sum / (double)(h->n * h->m);
}

typedef struct {
    const halves_t *halves;
    double *mean;
    double within, variance; // of a chain, divided by n - 1; of all
} series_t;

// Autocorrelation over all chains (equation 10 of the paper).
static double correlation(const series_t *s, int64_t lag)
{
    return 1.0 - (s->within - autocovariance(s->halves, s->mean, lag)) / s->variance;
}

// Geyer's initial monotone sequence: sums of pairs of autocorrelations, until one is negative, made to descend.
static double correlation_time(const series_t *s)
{
    int64_t n = s->halves->n, lag = 0;
    double even = 1.0, odd = correlation(s, 1), pair = even + odd, sum = 0.0, least = INFINITY;
    while (lag < n - 4 && pair > 0.0) {
        least = pair < least ? pair : least;
        sum += least;
        lag += 2;
        even = correlation(s, lag);
        odd = correlation(s, lag + 1);
        pair = even + odd;
    }
    double rest =
        even > 0.0 ? even : 0.0; // the last even one is kept (an improvement for antithetic chains)
    return 2.0 * sum - 1.0 + rest;
}

static double effective(const halves_t *h)
{
    series_t s = {.halves = h, .mean = MEM_NEW(double, h->m)};
    double n = (double)h->n, all = (double)(h->m * h->n);
    for (int64_t k = 0; k < h->m; k++)
        s.mean[k] = stats_mean(h->n, h->x + k * h->n);
    s.within = autocovariance(h, s.mean, 0) * n / (n - 1.0);
    s.variance = s.within * (n - 1.0) / n + stats_variance(h->m, s.mean, 1);
    double time = s.variance > 0.0 ? correlation_time(&s) : 1.0;
    free(s.mean);
    return all / fmax(time, 1.0 / log10(all));
}

static halves_t scores(const halves_t *h)
{
    halves_t out = {h->m, h->n, MEM_NEW(double, h->m * h->n)};
    stats_normal_scores(h->m * h->n, h->x, 3.0 / 8.0, out.x); // Blom's, as the paper
    return out;
}

static halves_t folded(const halves_t *h)
{
    halves_t out = {h->m, h->n, MEM_NEW(double, h->m * h->n)};
    double median = stats_median(h->m * h->n, h->x);
    for (int64_t i = 0; i < h->m * h->n; i++)
        out.x[i] = fabs(h->x[i] - median);
    return out;
}

// Of the draws' being at most so large.
static double effective_below(const halves_t *h, double limit)
{
    halves_t below = {h->m, h->n, MEM_NEW(double, h->m * h->n)};
    for (int64_t i = 0; i < h->m * h->n; i++)
        below.x[i] = h->x[i] <= limit;
    double size = effective(&below);
    free(below.x);
    return size;
}

// The quantiles are those of all draws x (n), a middle one too.
static double smaller_tail(const halves_t *h, int64_t n, const double *x)
{
    double *sorted = MEM_NEW(double, n);
    memcpy(sorted, x, (size_t)n * sizeof *sorted);
    stats_sort(n, sorted);
    double low = effective_below(h, stats_quantile(n, sorted, 0.05));
    double high = effective_below(h, stats_quantile(n, sorted, 0.95));
    free(sorted);
    return fmin(low, high);
}

static double larger_rhat(const halves_t *bulk, const halves_t *h)
{
    halves_t distance = folded(h), spread = scores(&distance);
    double rhat = fmax(split_rhat(bulk), split_rhat(&spread));
    free(spread.x);
    free(distance.x);
    return rhat;
}

static bool constant(const halves_t *h)
{
    for (int64_t i = 1; i < h->m * h->n; i++)
        if (h->x[i] != h->x[0])
            return false;
    return true;
}

convergence_t convergence(int chains, int64_t n, const double *x)
{
    convergence_t out = {NAN, NAN, NAN};
    if (n < 4 || !usable(chains * n, x))
        return out;
    halves_t h = halves(chains, n, x);
    if (constant(&h)) {
        out.bulk = out.tail = (double)(h.m * h.n);
    } else {
        halves_t bulk = scores(&h);
        out.rhat = larger_rhat(&bulk, &h);
        out.bulk = effective(&bulk);
        out.tail = smaller_tail(&h, chains * n, x);
        free(bulk.x);
    }
    free(h.x);
    return out;
}
