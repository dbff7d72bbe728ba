// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/sample_stats.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int stats_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void stats_sort(int64_t n, double *x)
{
    qsort(x, (size_t)n, sizeof *x, stats_compare);
}

double stats_mean(int64_t n, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double stats_variance(int64_t n, const double *x, int ddof)
{
    if (n <= ddof)
        return NAN;
    double mean = stats_mean(n, x), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - ddof);
}

double stats_quantile(int64_t n, const double *sorted, double q)
{
    CHECK(n > 0 && q >= 0 && q <= 1, "quantile %g of %ld values", q, (long)n);
    double at = q * (double)(n - 1);
    int64_t below = (int64_t)floor(at);
    if (below >= n - 1)
        return sorted[n - 1];
    double t = at - (double)below, a = sorted[below], b = sorted[below + 1];
    return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

double stats_median(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return NAN;
    }
    double *copy = MEM_NEW(double, n);
    memcpy(copy, x, (size_t)n * sizeof *x);
    stats_sort(n, copy);
    double median = stats_quantile(n, copy, 0.5);
    free(copy);
    return median;
}
