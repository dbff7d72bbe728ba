/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the chains of a Markov chain sampler have come to the same place, and how many independent draws they are worth
 * (Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, "Rank-normalization, folding, and localization: an improved R-hat for
 * assessing convergence of MCMC", Bayesian Analysis 16(2)). Every chain is split into halves first.
 */
#ifndef DIAGNOSTICS_CONVERGENCE_H
#define DIAGNOSTICS_CONVERGENCE_H

#include <stdint.h>

typedef struct {
    double rhat; // the larger of those of normal scores and of normal scores of |x - median|
    double bulk,
        tail; // effective sample sizes: of normal scores; the smaller of those of the 5 % and 95 % quantile
} convergence_t;

/* Draws x (chains, n) of one quantity. All NaN where n < 4 or a value is not finite. Where all draws are equal, R-hat is NaN and the sizes
 * are the number of draws. */
convergence_t convergence(int chains, int64_t n, const double *x);

#endif
