/* SPDX-License-Identifier: Apache-2.0
 *
 * Adaptive random-walk Metropolis in a few dimensions (Haario, Saksman and Tamminen 2001), and what its chains tell.
 * The proposal's covariance and scale are learned during the warm-up only, so that the kept draws are a Markov chain.
 */
#ifndef TESTS_REFERENCE_MCMC_H
#define TESTS_REFERENCE_MCMC_H

#include <stdint.h>

enum { MCMC_MAX_DIMS = 8 };

/* Up to a constant; -INFINITY outside the support, never NaN. */
typedef double (*mcmc_log_density_t)(const void *context, const double *x);

typedef struct {
    int dims, chains;
    int64_t warm_up, draws; // of each chain
    uint64_t seed, index;   // of the random streams; chain c takes index * chains + c
} mcmc_config_t;

/* start (chains, dims): points of finite density. scale (dims): a first guess of the sd. out (chains, draws, dims).
 * Returns the share of accepted proposals after the warm-up. */
double mcmc_run(const mcmc_config_t *config, const double *start, const double *scale,
                mcmc_log_density_t log_density, const void *context, double *out);

typedef struct {
    double mean, sd;
    double rhat; // of split chains (Gelman et al. 2013, Bayesian Data Analysis, 11.4)
    double
        ess; // effective sample size by Geyer's initial monotone sequence (1992), chains combined as there
} chain_stats_t;

/* x (chains, draws); draws >= 8. */
chain_stats_t chain_stats(int chains, int64_t draws, const double *x);

#endif
