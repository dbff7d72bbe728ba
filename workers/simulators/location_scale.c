// SPDX-License-Identifier: Apache-2.0
//
// y_i ~ N(mu, sigma), i = 1..n;  mu ~ N(0, 1);  sigma ~ 0.05 + Gamma(2, scale 0.5);  n uniform on 20..200.
#include "workers/simulators/simulators.h"

#include <math.h>

enum { MU, SIGMA, N_PARAMETERS };
enum { SMALLEST_N = 20, LARGEST_N = 200 };

static const double floor_sigma = 0.05, scale_sigma = 0.5;
static const double log_sqrt_2pi = 0.91893853320467274178;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "mu", .lower = -INFINITY, .upper = INFINITY},
    {.name = "sigma", .lower = 0.05, .upper = INFINITY},
};

static const infermill_design_t designs[] = {
    {.name = "n", .lower = SMALLEST_N, .upper = LARGEST_N, .integer = 1},
};

static const infermill_observable_t observables[] = {
    {
        .name = "y",
        .kind = INFERMILL_SET,
        .n_dims = 2,
        .dims = {LARGEST_N, 1},
        .dim_design = {0, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    theta[MU] = host->normal(random);
    theta[SIGMA] = floor_sigma + scale_sigma * host->gamma(random, 2.0);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state;
    double z[LARGEST_N];
    int n = (int)design[0];
    host->fill_normal(random, n, z);
    for (int i = 0; i < n; i++)
        out[0][i] = (float)(theta[MU] + theta[SIGMA] * z[i]);
    return 0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    double excess = theta[SIGMA] - floor_sigma;
    if (!(excess > 0.0 && isfinite(excess) && isfinite(theta[MU])))
        return -INFINITY;
    return -0.5 * theta[MU] * theta[MU] - log_sqrt_2pi + log(excess) - excess / scale_sigma -
           2.0 * log(scale_sigma);
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state;
    double mu = theta[MU], sigma = theta[SIGMA], squares = 0.0;
    int n = (int)design[0];
    if (!(sigma > floor_sigma && isfinite(sigma) && isfinite(mu)))
        return -INFINITY;
    for (int i = 0; i < n; i++) {
        double z = (in[0][i] - mu) / sigma;
        squares += z * z;
    }
    return -0.5 * squares - n * (log(sigma) + log_sqrt_2pi);
}

const infermill_simulator_t location_scale_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "location_scale",
    .version = "1",
    .description = "Numbers from a normal distribution of unknown mean and scale",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .n_design = 1,
    .parameters = parameters,
    .observables = observables,
    .design = designs,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
