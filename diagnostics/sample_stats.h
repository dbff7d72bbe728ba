/* SPDX-License-Identifier: Apache-2.0
 *
 * Small statistics of an array, with NumPy's conventions.
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
/* Quantile q in (0, 1) of the standard normal distribution; absolute error below 1e-9. */
double stats_normal_quantile(double q);
/* Normal scores: the quantile at (r - offset) / (n + 1 - 2 offset) of each value's rank r among the n, equal values sharing
 * their mean rank; NaN counts as smallest. The offset is 1/2 (Hazen) or 3/8 (Blom). Returns how many different values there
 * are. */
int64_t stats_normal_scores(int64_t n, const double *x, double offset, double *out);

#endif
