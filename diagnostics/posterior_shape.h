/* SPDX-License-Identifier: Apache-2.0
 *
 * What some posteriors look like: which parameters move together, and which have several modes. From draws of a few data
 * sets (posteriors of simulated ones); the numbers that advice is given by.
 */
#ifndef DIAGNOSTICS_POSTERIOR_SHAPE_H
#define DIAGNOSTICS_POSTERIOR_SHAPE_H

#include "diagnostics/exchange_symmetry.h"

#include <stdint.h>

/* Above so many parameters nothing is computed. */
enum { SHAPE_MOST_PARAMETERS = EXCHANGE_MOST_PARAMETERS };

typedef struct {
    int64_t n; // data sets
    int d;
    double *
        correlation; // (D, D) mean over data sets of the Pearson correlation of draws; 0 where there is no spread
    double *bimodal;            // (D) share of data sets whose marginal has two modes
    exchange_count_t *exchange; // exchange_pairs(D)
} posterior_shape_t;

/* Draws (N, S, D), truth (N, D), finite; S >= 20. A marginal has two modes when of its histogram of about sqrt(S) bins
 * (10 to 40; from the 1st to the 99th percentile, smoothed over three bins) the valley between two peaks is below half of
 * the lower one, and each side holds a tenth of the draws. With N = 0 or more than SHAPE_MOST_PARAMETERS the arrays are
 * NULL. */
posterior_shape_t posterior_shape(int64_t n, int64_t s, int d, const double *draws,
                                  const double *truth);
void posterior_shape_free(posterior_shape_t *shape);

/* Whether these draws (S), which are sorted here, have two modes. */
int shape_is_bimodal(int64_t s, double *draws);

#endif
