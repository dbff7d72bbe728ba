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

static void sort_few(int64_t n, double *x)
{
    for (int64_t i = 1; i < n; i++) {
        double value = x[i];
        int64_t at = i;
        for (; at > 0 && x[at - 1] > value; at--)
            x[at] = x[at - 1];
        x[at] = value;
    }
}

static double median_of_three(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* Hoare's quicksort; where `depth` parts have not made it small, the library's. */
static void sort_part(int64_t n, double *x, int depth)
{
    enum { FEW = 24 };
    while (n > FEW && depth-- > 0) {
        double pivot = median_of_three(x[0], x[n / 2], x[n - 1]);
        int64_t i = -1, j = n;
        for (;;) {
            while (x[++i] < pivot)
                ;
            while (x[--j] > pivot)
                ;
            if (i >= j)
                break;
            double t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
        sort_part(j + 1, x, depth);
        x += j + 1;
        n -= j + 1;
    }
    if (n <= FEW)
        sort_few(n, x);
    else
        qsort(x, (size_t)n, sizeof *x, stats_compare);
}

void stats_sort(int64_t n, double *x)
{
    int depth = 0;
    for (int64_t part = n; part > 0; part /= 2)
        depth += 2;
    sort_part(n, x, depth);
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

/* Of the lower half by Acklam's rational approximation (2003), then one step of Halley's method. */
static double normal_quantile_low(double q)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
                               -2.759285104469687e+02, 1.383577518672690e+02,
                               -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
                               -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
                               -2.400758277161838e+00, -2.549732539343734e+00,
                               4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00};
    const double tail = 0.02425;
    double x, r, t = sqrt(-2 * log(q));
    if (q < tail) {
        x = (((((c[0] * t + c[1]) * t + c[2]) * t + c[3]) * t + c[4]) * t + c[5]) /
            ((((d[0] * t + d[1]) * t + d[2]) * t + d[3]) * t + 1);
    } else {
        t = q - 0.5;
        r = t * t;
        x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * t /
            (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
    }
    double e = 0.5 * erfc(-x / sqrt(2)) - q,
           u = e * sqrt(2 * 3.14159265358979323846) * exp(x * x / 2);
    return x - u / (1 + x * u / 2);
}

double stats_normal_quantile(double q)
{
    CHECK(q > 0 && q < 1, "normal quantile at %g", q);
    return q <= 0.5 ? normal_quantile_low(q) : -normal_quantile_low(1 - q);
}

typedef struct {
    double value;
    int64_t at;
} place_t;

static int place_compare(const void *a, const void *b)
{
    double x = ((const place_t *)a)->value, y = ((const place_t *)b)->value;
    return (x > y) - (x < y);
}

int64_t stats_normal_scores(int64_t n, const double *x, double offset, double *out)
{
    place_t *place = MEM_NEW(place_t, n);
    int64_t different = 0;
    for (int64_t i = 0; i < n; i++)
        place[i] = (place_t){isnan(x[i]) ? -INFINITY : x[i], i};
    qsort(place, (size_t)n, sizeof *place, place_compare);
    for (int64_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && place[end].value == place[begin].value;)
            end++;
        double rank = 0.5 * (double)(begin + 1 + end);
        double score = stats_normal_quantile((rank - offset) / ((double)n + 1 - 2 * offset));
        for (int64_t i = begin; i < end; i++)
            out[place[i].at] = score;
        different++;
    }
    free(place);
    return different;
}
