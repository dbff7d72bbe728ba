// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/posterior_shape.h"

#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPE_FEWEST_BINS = 10, SHAPE_MOST_BINS = 40 };

/* Smoothed counts of sorted draws between their 1st and 99th percentile; 0: they have no spread. */
static int shape_histogram(int64_t s, const double *sorted, double *out)
{
    double low = stats_quantile(s, sorted, 0.01), high = stats_quantile(s, sorted, 0.99);
    int bins = (int)fmin(SHAPE_MOST_BINS, fmax(SHAPE_FEWEST_BINS, sqrt((double)s)));
    double count[SHAPE_MOST_BINS] = {0};
    if (!(high > low))
        return 0;
    for (int64_t i = 0; i < s; i++) {
        int k = (int)floor((sorted[i] - low) / (high - low) * bins);
        if (k >= 0 && k < bins)
            count[k]++;
    }
    for (int k = 0; k < bins; k++)
        out[k] = (count[k > 0 ? k - 1 : 0] + count[k] + count[k < bins - 1 ? k + 1 : k]) / 3;
    return bins;
}

/* The place of the valley that is deepest against the lower of the peaks on its two sides. */
static int shape_valley(int bins, const double *count)
{
    int best = -1;
    double depth = 0.5;
    for (int k = 1; k < bins - 1; k++) {
        double left = 0, right = 0;
        for (int j = 0; j < k; j++)
            left = fmax(left, count[j]);
        for (int j = k + 1; j < bins; j++)
            right = fmax(right, count[j]);
        double ratio = count[k] / fmin(left, right);
        if (ratio < depth) {
            depth = ratio;
            best = k;
        }
    }
    return best;
}

int shape_is_bimodal(int64_t s, double *draws)
{
    double count[SHAPE_MOST_BINS];
    stats_sort(s, draws);
    int bins = shape_histogram(s, draws, count);
    int valley = bins > 0 ? shape_valley(bins, count) : -1;
    double left = 0, all = 0;
    for (int k = 0; k < bins; k++) {
        all += count[k];
        left += k < valley ? count[k] : k == valley ? count[k] / 2 : 0;
    }
    return valley >= 0 && left > 0.1 * all && left < 0.9 * all;
}

static void shape_column(int64_t s, int d, const double *draws, int k, double *out)
{
    for (int64_t i = 0; i < s; i++)
        out[i] = draws[i * d + k];
}

/* Centred and of length 1, or 0. */
static void shape_standardise(int64_t s, double *x)
{
    double mean = stats_mean(s, x), square = 0;
    for (int64_t i = 0; i < s; i++) {
        x[i] -= mean;
        square += x[i] * x[i];
    }
    for (int64_t i = 0; i < s; i++)
        x[i] = square > 0 ? x[i] / sqrt(square) : 0;
}

size_t shape_sums(int64_t s, int d)
{
    return s < SHAPE_FEWEST_DRAWS || d > SHAPE_MOST_PARAMETERS ? 0 : (size_t)(d * (d + 1) / 2);
}

/* sums: (D) of the marginals, then of the pairs by exchange_pair. */
void shape_add(int64_t s, int d, const double *draws, double *sums)
{
    if (shape_sums(s, d) == 0)
        return;
    double *work = MEM_NEW(double, s *d);
    for (int k = 0; k < d; k++) {
        shape_column(s, d, draws, k, work + k * s);
        sums[k] += shape_is_bimodal(s, work + k * s);
        shape_column(s, d, draws, k, work + k * s);
        shape_standardise(s, work + k * s);
    }
    for (int a = 0; a < d; a++)
        for (int b = a + 1; b < d; b++) {
            double r = 0;
            for (int64_t i = 0; i < s; i++)
                r += work[a * s + i] * work[b * s + i];
            sums[d + exchange_pair(d, a, b)] += r;
        }
    free(work);
}

posterior_shape_t posterior_shape(int64_t n, int64_t s, int d, const double *sums,
                                  const exchange_count_t *exchange)
{
    posterior_shape_t shape = {.n = n, .d = d};
    if (n == 0 || shape_sums(s, d) == 0)
        return shape;
    shape.correlation = MEM_NEW(double, d *d);
    shape.bimodal = MEM_NEW(double, d);
    shape.exchange = exchange;
    for (int a = 0; a < d; a++) {
        shape.bimodal[a] = sums[a] / (double)n;
        for (int b = a + 1; b < d; b++)
            shape.correlation[a * d + b] = shape.correlation[b * d + a] =
                sums[d + exchange_pair(d, a, b)] / (double)n;
        shape.correlation[a * d + a] = 1;
    }
    return shape;
}

void posterior_shape_free(posterior_shape_t *shape)
{
    free(shape->correlation);
    free(shape->bimodal);
    memset(shape, 0, sizeof *shape);
}
