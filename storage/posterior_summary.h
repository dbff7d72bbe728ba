/* SPDX-License-Identifier: Apache-2.0
 *
 * Posterior draws of one data set in a few numbers. Quantiles interpolate linearly between order statistics (definition 7
 * of Hyndman and Fan 1996, "Sample quantiles in statistical packages"; NumPy's and R's default); sd divides by n - 1.
 */
#ifndef STORAGE_POSTERIOR_SUMMARY_H
#define STORAGE_POSTERIOR_SUMMARY_H

#include <stdint.h>

typedef enum {
    SUMMARY_MEAN,
    SUMMARY_SD,
    SUMMARY_MEDIAN,
    SUMMARY_Q025,
    SUMMARY_Q975,
    SUMMARY_COUNT
} posterior_summary_t;

const char *summary_name(posterior_summary_t which); // "mean", "sd", "median", "q025", "q975"

/* Of draws (n, P): summary (P, SUMMARY_COUNT). All are NaN when n < 2 or a draw is NaN. */
void posterior_summarize(int64_t n, int n_parameters, const double *draws, double *summary);

/* Of the S parameters `which` of draws (n, P): correlation (S, S; 0 where a parameter does not vary, 1 on the diagonal). NaN
 * likewise. */
void posterior_correlate(int64_t n, int n_parameters, const double *draws, int n_which,
                         const int *which, double *correlation);

/* Quantile p of n ascending values, n > 0; only the two that it lies between have to stand in their places. */
double posterior_quantile(int64_t n, const double *sorted, double p);

#endif
