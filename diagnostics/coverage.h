/* SPDX-License-Identifier: Apache-2.0
 *
 * How often central credible intervals hold the truth: the calibration error over 20 levels, and the whole curve with
 * its uncertainty.
 */
#ifndef DIAGNOSTICS_COVERAGE_H
#define DIAGNOSTICS_COVERAGE_H

#include "diagnostics/digest.h"

#include <stdint.h>

/* median_k |cov_k - alpha_k| over alpha_k = 20 levels linear in [0.005, 0.995], cov_k the share of data sets whose truth
 * lies in [q_(1-alpha)/2, q_1-(1-alpha)/2] of the draws. */
double calibration_error(const marginal_t *m);
/* The share of data sets whose truth lies in the central interval of digest_level(bit), both ends included. */
double coverage_share(const marginal_t *m, int bit);
/* And between what it may lie: the central 95 % of Beta(hits + 1, misses + 1). */
typedef struct {
    double share, low, high;
} coverage_range_t;
coverage_range_t coverage_range(const marginal_t *m, int bit);

/* Intervals between order statistics: width j / (S + 1), j = 0 .. S + 1, holds the sorted draws low .. high with
 * low = round(S/2 - j/2) (half to even), high = low + j - 1, both cut to 0 .. S - 1. */
typedef struct {
    int64_t points;     // S + 2
    double *width;      // what the interval represents: (high - low + 1) / (S + 1)
    double *share;      // of data sets inside
    double *low, *high; // central 95 % of Beta(hits + 1, misses + 1)
} coverage_t;

coverage_t coverage_create(const marginal_t *m);
void coverage_free(coverage_t *c);

#endif
