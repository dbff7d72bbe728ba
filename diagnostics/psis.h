/* SPDX-License-Identifier: Apache-2.0
 *
 * Pareto smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling",
 * JMLR 25(72)): draws of an approximate posterior, weighted so that they stand for the exact one, and k-hat, which tells
 * whether that can be trusted.
 *
 * The largest ceil(min(n / 5, 3 sqrt n)) weights are replaced by quantiles of a generalized Pareto distribution fitted to them
 * by the empirical Bayes estimate of Zhang and Stephens (2009, "A new and efficient estimation method for the generalized
 * Pareto distribution"), with the paper's weak prior on its shape (ten observations at 1/2).
 */
#ifndef DIAGNOSTICS_PSIS_H
#define DIAGNOSTICS_PSIS_H

#include <stdint.h>

typedef struct {
    double
        khat; // shape of the tail; INFINITY where fewer than 5 weights make it, or no weight is finite
    double effective; // sample size: 1 / sum of squared weights; 0 where no weight is finite
} psis_t;

/* Above this the weighted draws are not to be trusted: min(1 - 1 / log10 n, 0.7) (section 3.2.4 of the paper). */
double psis_threshold(int64_t n);

/* Log ratios (n) of exact to approximate density, up to a constant, become normalised weights: exact / approximate, smoothed,
 * summing to 1. -INFINITY is a weight of 0; NaN counts as that. Where no ratio is finite all weights are 1 / n. */
psis_t psis_smooth(int64_t n, double *ratio);

/* Indices (m) of draws taken by their weights with one uniform number u in [0, 1): systematic resampling (Carpenter,
 * Clifford and Fearnhead 1999, "Improved particle filter for nonlinear problems"); ascending, index i within one of m w_i times. */
void psis_resample(int64_t n, const double *weight, double u, int64_t m, int64_t *index);

#endif
