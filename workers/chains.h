/* SPDX-License-Identifier: Apache-2.0
 *
 * Many short Markov chains that start from draws of an approximate posterior, so that there is little way to go: what is
 * learned of the target's shape is learned from all chains together.
 *
 * With a gradient: Hamiltonian Monte Carlo (Neal 2011, "MCMC using Hamiltonian dynamics"), whitened by the covariance of all
 * chains, with a path length drawn anew for each step (uniform up to half a turn of a Gaussian, which no period of the target
 * can resonate with) and one step size for all chains, adapted to their mean acceptance by dual averaging (Hoffman and Gelman
 * 2014, "The No-U-Turn sampler").
 *
 * Without: the stretch move of an affine-invariant ensemble (Goodman and Weare 2010, "Ensemble samplers with affine
 * invariance"): each half of the chains moves on lines through chains of the other half.
 */
#ifndef WORKERS_CHAINS_H
#define WORKERS_CHAINS_H

#include "cluster/rng.h"

#include <stdbool.h>
#include <stdint.h>

/* log density up to a constant at z (d), on a space without bounds; -INFINITY or NaN is never gone to. Where `gradient` is
 * not NULL it gets the derivatives (d). */
typedef double chains_density_t(void *user, const double *z, double *gradient);

typedef struct {
    int d;
    chains_density_t *density;
    void *user;
    bool has_gradient;
} chains_target_t;

typedef struct {
    int chains;            // without a gradient an even number of at least 2 d + 2
    int64_t warmup, draws; // steps of each chain
    int64_t thin;          // steps for one draw that is kept, 1 or more
} chains_config_t;

/* With a gradient 16 chains, 100 steps of warm-up and 300 draws; without 32 or more, 1,000 steps and 300 draws, one of 20
 * steps kept. (R-hat squared is about 1 + 1 / the effective size of half a chain: short ones are never told to agree.) */
chains_config_t chains_config_default(int d, bool has_gradient);

typedef struct {
    double acceptance; // mean, after the warm-up
    double step;       // size; 0 without a gradient
    int64_t evaluations;
} chains_report_t;

/* `start` (chains, d): points of finite density, not all the same; `out` (chains, draws, d). A function of its arguments and the
 * state of `rng` alone. */
chains_report_t chains_run(const chains_target_t *target, const chains_config_t *config,
                           const double *start, rng_t *rng, double *out);

#endif
