/* SPDX-License-Identifier: Apache-2.0
 *
 * Small statistics of an array, with NumPy's conventions, and the view of one parameter that the other numbers take.
 */
#ifndef DIAGNOSTICS_SAMPLE_STATS_H
#define DIAGNOSTICS_SAMPLE_STATS_H

#include <stdint.h>

void stats_sort(int64_t n, double *x); // ascending, in place; no NaN
double stats_mean(int64_t n, const double *x);
double stats_variance(int64_t n, const double *x, int ddof); // NaN for n <= ddof
/* Quantile q in [0, 1] of sorted values, linear between order statistics (numpy.quantile's default, with its way of
 * rounding). */
double stats_quantile(int64_t n, const double *sorted, double q);
double stats_median(int64_t n, const double *x); // makes a sorted copy; NaN when any value is NaN

/* Everything about one parameter: N data sets, S draws each. */
typedef struct {
    int64_t n, s;
    const double *raw;  // draw s of data set i: raw[(i * S + s) * raw_stride]; borrowed
    int64_t raw_stride; // D
    double *sorted;     // (N, S), each row ascending
    double *truth;      // (N)
    double *mean, *sd;  // (N) of the draws; sd with ddof 1
} marginal_t;

/* Parameter `column` of draws (N, S, D) and truth (N, D), all finite; takes N * S doubles of memory and borrows `draws`
 * until marginal_free. */
marginal_t marginal_create(int64_t n, int64_t s, int d, const double *draws, const double *truth,
                           int column);
void marginal_free(marginal_t *m);

#endif
