// SPDX-License-Identifier: Apache-2.0
//
// Gaussian linear, of the benchmark of Lueckmann et al. 2021 ("Benchmarking simulation-based inference"):
//
//     theta ~ N(0, 0.1 I), x ~ N(theta, 0.1 I), ten numbers each; 0.1 is the variance
//
// Its posterior is N(x / 2, 0.05 I).
#include "workers/simulators/simulators.h"

#include <math.h>

enum { N_PARAMETERS = 10 };

static const double variance = 0.1, sd = 0.31622776601683793320;
static const double log_sqrt_2pi = 0.91893853320467274178, log_sd = -1.15129254649702284201;

#define ANY(parameter)                                                                             \
    {                                                                                              \
        .name = parameter, .lower = -INFINITY, .upper = INFINITY                                   \
    }

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    ANY("theta0"), ANY("theta1"), ANY("theta2"), ANY("theta3"), ANY("theta4"),
    ANY("theta5"), ANY("theta6"), ANY("theta7"), ANY("theta8"), ANY("theta9"),
};

static const infermill_observable_t observables[] = {
    {
        .name = "x",
        .kind = INFERMILL_VECTOR,
        .n_dims = 1,
        .dims = {N_PARAMETERS},
        .dim_design = {-1, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

static double log_density(double squares)
{
    return -0.5 * squares / variance - N_PARAMETERS * (log_sqrt_2pi + log_sd);
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    host->fill_normal(random, N_PARAMETERS, theta);
    for (int j = 0; j < N_PARAMETERS; j++)
        theta[j] *= sd;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    double z[N_PARAMETERS];
    host->fill_normal(random, N_PARAMETERS, z);
    for (int j = 0; j < N_PARAMETERS; j++)
        out[0][j] = (float)(theta[j] + sd * z[j]);
    return 0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    double squares = 0.0;
    for (int j = 0; j < N_PARAMETERS; j++)
        squares += theta[j] * theta[j];
    return isfinite(squares) ? log_density(squares) : -INFINITY;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state, (void)design;
    double squares = 0.0;
    for (int j = 0; j < N_PARAMETERS; j++) {
        double d = in[0][j] - theta[j];
        squares += d * d;
    }
    return isfinite(squares) ? log_density(squares) : -INFINITY;
}

const infermill_simulator_t gaussian_linear_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "gaussian_linear",
    .version = "1",
    .description = "Benchmark: ten numbers with normal noise; the posterior is normal",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .parameters = parameters,
    .observables = observables,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
