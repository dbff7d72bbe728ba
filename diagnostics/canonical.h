/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical correlations (Hotelling 1936, doi:10.1093/biomet/28.3-4.321) of learned summaries with parameters: how much
 * the summaries know of them, along the directions in which they know most. 1: a direction of the parameters is a linear
 * function of the summaries. 0: nothing linear. They are the singular values of
 *
 *     Sigma_ss^(-1/2) Sigma_st Sigma_tt^(-1/2)        covariances with ddof 1 and 1e-8 added to the diagonals of both
 */
#ifndef DIAGNOSTICS_CANONICAL_H
#define DIAGNOSTICS_CANONICAL_H

#include <stdint.h>

/* An open struct; free with canonical_free. */
typedef struct {
    int d, k;            // summaries; k = min(d, parameters)
    double *correlation; // (k) descending
    double *mean;        // (d) of the summaries
    double *direction;   // (k, d): direction j times (summaries - mean) has variance 1 and is what
                         // correlation j is of; of zeros where the summaries do not vary at all
} canonical_t;

/* Summaries (n, d) and parameters (n, p), row-major, all finite; n > 1. Takes (d + p)^2 doubles. */
canonical_t canonical_fit(int64_t n, int d, const float *summaries, int p,
                          const double *parameters);
void canonical_free(canonical_t *c);

/* The k canonical variates of one data set's summaries (d). */
void canonical_apply(const canonical_t *c, const float *summaries, double *out);

#endif
