/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks of simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): where the true value falls among the
 * draws. Uniform when the posterior is calibrated.
 */
#ifndef DIAGNOSTICS_RANKS_H
#define DIAGNOSTICS_RANKS_H

#include "diagnostics/digest.h"

#include <stdint.h>

void ranks_integer(const marginal_t *m, int64_t *out);   // (N): draws below the truth, 0 .. S
void ranks_fractional(const marginal_t *m, double *out); // (N): the same divided by S
/* max over z of |ECDF(z) - z| of values in [0, 1]: the Kolmogorov-Smirnov distance from the uniform. */
double ranks_deviation(int64_t n, const double *fractional);

enum { RANK_BINS = 10 };

/* Histogram of fractional ranks in RANK_BINS equal bins of [0, 1] (the last holds 1 too); the band holds the central
 * 99 % of Binomial(N, 1 / RANK_BINS). */
typedef struct {
    int64_t count[RANK_BINS];
    int64_t low, high;
} rank_histogram_t;
rank_histogram_t rank_histogram(int64_t n, const double *fractional);

#endif
