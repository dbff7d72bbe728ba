/* SPDX-License-Identifier: Apache-2.0
 *
 * What posteriors look like: which parameters move together, and which have several modes. Over many data sets (simulated
 * ones), whose draws are looked at as they are made and forgotten; the numbers that advice is given by.
 */
#ifndef DIAGNOSTICS_POSTERIOR_SHAPE_H
#define DIAGNOSTICS_POSTERIOR_SHAPE_H

#include "diagnostics/exchange_symmetry.h"

#include <stddef.h>
#include <stdint.h>

/* Above so many parameters, or with fewer draws, nothing is computed. */
enum { SHAPE_MOST_PARAMETERS = EXCHANGE_MOST_PARAMETERS, SHAPE_FEWEST_DRAWS = 20 };

typedef struct {
    int64_t n; // data sets
    int d;
    double *
        correlation; // (D, D) mean over data sets of the Pearson correlation of draws; 0 where there is no spread
    double *bimodal;                  // (D) share of data sets whose marginal has two modes
    const exchange_count_t *exchange; // exchange_pairs(D), borrowed
} posterior_shape_t;

/* Numbers of the sums over data sets of S draws: 0 where nothing is computed, else one for each parameter and each pair. */
size_t shape_sums(int64_t s, int d);
/* Adds one data set's draws (S, D), finite, to the sums, which add up over leaves and ranks. A marginal has two modes when of
 * its histogram of about sqrt(S) bins (10 to 40; from the 1st to the 99th percentile, smoothed over three bins) the valley
 * between two peaks is below half of the lower one, and each side holds a tenth of the draws. */
void shape_add(int64_t s, int d, const double *draws, double *sums);
/* From the sums over n data sets, and their counts. Where nothing was computed the arrays are NULL. */
posterior_shape_t posterior_shape(int64_t n, int64_t s, int d, const double *sums,
                                  const exchange_count_t *exchange);
void posterior_shape_free(posterior_shape_t *shape);

/* Whether these draws (S), which are sorted here, have two modes. */
int shape_is_bimodal(int64_t s, double *draws);

#endif
