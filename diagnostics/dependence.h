/* SPDX-License-Identifier: Apache-2.0
 *
 * Can the ranks be told from the data? Under a right posterior the rank of the truth among the draws is independent of the
 * data set (Talts et al. 2018, arXiv:1804.06788; Modrak et al. 2023, arXiv:2211.02383, section 3: a posterior that ignores
 * the data passes plain calibration, coverage and TARP, and only quantities that depend on the data find it). So the ranks
 * are regressed on what is known of the data: learned summaries, plain statistics of the observables, the design.
 *
 *     location   normal scores of the ranks: where the posterior lies is wrong, depending on the data
 *     spread     normal scores of |rank - 1/2|: how wide it is is wrong, depending on the data
 *
 * Features are normal scores too, so that their scales and outliers do not matter; the regression is ridge, R2 is that of
 * leave-one-out prediction, the largest over five penalties and none at all (so 0 at least). A shift of the posterior that
 * varies over data sets with a standard deviation of 1/3 posterior sd has a location R2 of 0.1; a posterior sd that is wrong
 * by a factor which varies between 0.7 and 1.4 a spread R2 of about 0.1.
 */
#ifndef DIAGNOSTICS_DEPENDENCE_H
#define DIAGNOSTICS_DEPENDENCE_H

#include "diagnostics/digest.h"

enum {
    DEPENDENCE_SETS = 2000, // most data sets that are used, evenly chosen
    DEPENDENCE_FEATURES = 200,
    DEPENDENCE_PERMUTATIONS = 999
};

typedef struct {
    double location, spread; // R2, 0 .. 1
    double location_p,
        spread_p; // of so large a value where ranks are independent of the data, by permutation
    double
        attainable; // R2 of the truth itself: a right posterior explains this share of the prior variance at least
} dependence_t;

/* Features (N, F) of the data, the first DEPENDENCE_FEATURES of them; those that are constant are left out, and where none is
 * left every number is 0 and every p 1. out (D). */
void dependence_compute(const digest_t *digest, int n_features, const float *features,
                        dependence_t *out);

#endif
