// SPDX-License-Identifier: Apache-2.0
#include "storage/posterior_summary.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

const char *summary_name(summary_t which)
{
    static const char *const names[SUMMARY_COUNT] = {[SUMMARY_MEAN] = "mean",
                                                     [SUMMARY_SD] = "sd",
                                                     [SUMMARY_MEDIAN] = "median",
                                                     [SUMMARY_Q025] = "q025",
                                                     [SUMMARY_Q975] = "q975"};
    return names[which];
}

double posterior_quantile(int64_t n, const double *sorted, double p)
{
    CHECK(n > 0 && p >= 0 && p <= 1, "quantile %g of %ld values", p, (long)n);
    double at = p * (double)(n - 1);
    int64_t below = (int64_t)floor(at);
    if (below >= n - 1)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `sorted` is scratch of n. */
static void one_parameter(int64_t n, int P, int p, const double *draws, double *sorted, double *out)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = draws[i * P + p];
        sum += sorted[i];
    }
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (sorted[i] - mean) * (sorted[i] - mean);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    out[SUMMARY_MEAN] = mean;
    out[SUMMARY_SD] = sqrt(squares / (double)(n - 1));
    out[SUMMARY_MEDIAN] = posterior_quantile(n, sorted, 0.5);
    out[SUMMARY_Q025] = posterior_quantile(n, sorted, 0.025);
    out[SUMMARY_Q975] = posterior_quantile(n, sorted, 0.975);
}

/* The draws less their mean. */
static void deviations(int64_t n, int P, int p, const double *draws, double *out)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += draws[i * P + p];
    for (int64_t i = 0; i < n; i++)
        out[i] = draws[i * P + p] - sum / (double)n;
}

static double correlate(int64_t n, const double *a, const double *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : 0;
}

static bool all_numbers(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return false;
    return true;
}

static void fill(int64_t n, double value, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

void posterior_summarize(int64_t n, int P, const double *draws, double *summary)
{
    fill((int64_t)P * SUMMARY_COUNT, NAN, summary);
    if (n < 2 || !all_numbers(n * P, draws))
        return;
    double *sorted = MEM_NEW(double, n);
    for (int p = 0; p < P; p++)
        one_parameter(n, P, p, draws, sorted, summary + (int64_t)p * SUMMARY_COUNT);
    free(sorted);
}

void posterior_correlate(int64_t n, int P, const double *draws, int S, const int *which,
                         double *correlation)
{
    fill((int64_t)S * S, NAN, correlation);
    if (n < 2 || !all_numbers(n * P, draws))
        return;
    double *deviation = MEM_NEW(double, n *S);
    for (int a = 0; a < S; a++)
        deviations(n, P, which[a], draws, deviation + a * n);
    for (int a = 0; a < S; a++)
        for (int b = 0; b < S; b++)
            correlation[a * S + b] =
                a == b ? 1 : correlate(n, deviation + a * n, deviation + b * n);
    free(deviation);
}
