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

/* `deviation` (P, n) gets the draws less their mean; `sorted` is scratch of n. */
static void one_parameter(int64_t n, int P, int p, const double *draws, double *sorted,
                          double *deviation, double *out)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = draws[i * P + p];
        sum += sorted[i];
    }
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        deviation[p * n + i] = sorted[i] - mean;
        squares += deviation[p * n + i] * deviation[p * n + i];
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    out[SUMMARY_MEAN] = mean;
    out[SUMMARY_SD] = sqrt(squares / (double)(n - 1));
    out[SUMMARY_MEDIAN] = posterior_quantile(n, sorted, 0.5);
    out[SUMMARY_Q025] = posterior_quantile(n, sorted, 0.025);
    out[SUMMARY_Q975] = posterior_quantile(n, sorted, 0.975);
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

void posterior_summarize(int64_t n, int P, const double *draws, double *summary,
                         double *correlation)
{
    fill(P * SUMMARY_COUNT, NAN, summary);
    fill((int64_t)P * P, NAN, correlation);
    if (n < 2 || !all_numbers(n * P, draws))
        return;
    double *sorted = MEM_NEW(double, n), *deviation = MEM_NEW(double, n *P);
    for (int p = 0; p < P; p++)
        one_parameter(n, P, p, draws, sorted, deviation, summary + p * SUMMARY_COUNT);
    for (int p = 0; p < P; p++)
        for (int q = 0; q < P; q++)
            correlation[p * P + q] =
                p == q ? 1 : correlate(n, deviation + p * n, deviation + q * n);
    free(sorted);
    free(deviation);
}
