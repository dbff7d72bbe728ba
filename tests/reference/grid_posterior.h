/* SPDX-License-Identifier: Apache-2.0
 *
 * The true posterior of the built-in simulator location_scale, on a grid in two dimensions that fits the posterior: along
 * s = log(sigma - 0.05) steps of a fraction of the mode's sd until the density has fallen by exp(-40), and for each
 * sigma the normal posterior of mu, from -6 to 6 of its sd. The trapezoid rule on such a grid is exact to about 1e-9.
 *
 * The Kullback-Leibler divergence of q from the truth is the sum of weight * (log_density - log q(mu, sigma)).
 */
#ifndef TESTS_REFERENCE_GRID_POSTERIOR_H
#define TESTS_REFERENCE_GRID_POSTERIOR_H

#include "cluster/err.h"

#include <stdint.h>

typedef struct {
    int64_t n;             // nodes, about 1,000 at step 0.5
    double *mu, *sigma;    // (n)
    double *weight;        // (n) posterior mass; they sum to 1
    double *log_density;   // (n) log p(mu, sigma | y)
    double log_normaliser; // log p(y)
} grid_posterior_t;

/* y (n), n > 0. `step`: between nodes, in posterior sd; 0.5 is enough for smooth q. ERR_FORMAT where y is not finite. */
err_t grid_posterior(int64_t n, const float *y, double step, grid_posterior_t *out) ERR_MUST_CHECK;
void grid_posterior_free(grid_posterior_t *grid);
/* log p(mu, sigma | y) anywhere; -INFINITY for sigma <= 0.05. */
double grid_posterior_log_density(const grid_posterior_t *grid, int64_t n, const float *y,
                                  double mu, double sigma);

#endif
