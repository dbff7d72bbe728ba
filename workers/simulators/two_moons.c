// SPDX-License-Identifier: Apache-2.0
//
// Two moons, of the benchmark of Lueckmann et al. 2021 ("Benchmarking simulation-based inference"):
//
//     theta ~ U(-1, 1)^2    a ~ U(-pi/2, pi/2)    r ~ N(0.1, 0.01)
//     x = (r cos a + 0.25, r sin a) + (-|theta0 + theta1|, theta1 - theta0) / sqrt(2)
//
// Its posterior is two crescents. With u = x - (0.25, 0) - the shift, |u| is |r| and r has the sign of u_0, so
// p(x | theta) = N(+-|u|; 0.1, 0.01) / (pi |u|).
#include "workers/simulators/simulators.h"

#include <math.h>

enum { N_PARAMETERS = 2, N_VALUES = 2 };

static const double centre = 0.25, mean_r = 0.1, sd_r = 0.01;
static const double pi = 3.14159265358979323846, half_sqrt_2 = 0.70710678118654752440;
static const double log_sqrt_2pi = 0.91893853320467274178, log_2 = 0.69314718055994530942;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "theta0", .lower = -1.0, .upper = 1.0},
    {.name = "theta1", .lower = -1.0, .upper = 1.0},
};

static const infermill_observable_t observables[] = {
    {
        .name = "x",
        .kind = INFERMILL_VECTOR,
        .n_dims = 1,
        .dims = {N_VALUES},
        .dim_design = {-1, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

// Where the half circle is centred.
static void shift(const double *theta, double *at)
{
    at[0] = centre - half_sqrt_2 * fabs(theta[0] + theta[1]);
    at[1] = half_sqrt_2 * (theta[1] - theta[0]);
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    for (int j = 0; j < N_PARAMETERS; j++)
        theta[j] = 2.0 * host->uniform(random) - 1.0;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    double at[N_VALUES];
    shift(theta, at);
    double a = pi * (host->uniform(random) - 0.5), r = mean_r + sd_r * host->normal(random);
    out[0][0] = (float)(at[0] + r * cos(a));
    out[0][1] = (float)(at[1] + r * sin(a));
    return 0;
}

static int inside(const double *theta)
{
    return fabs(theta[0]) < 1.0 && fabs(theta[1]) < 1.0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    return inside(theta) ? -2.0 * log_2 : -INFINITY;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state, (void)design;
    if (!inside(theta))
        return -INFINITY;
    double at[N_VALUES];
    shift(theta, at);
    double u0 = in[0][0] - at[0], u1 = in[0][1] - at[1];
    double radius = fmax(sqrt(u0 * u0 + u1 * u1), 1e-300),
           z = (copysign(radius, u0) - mean_r) / sd_r;
    return -0.5 * z * z - log_sqrt_2pi - log(sd_r * pi * radius);
}

const infermill_simulator_t two_moons_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "two_moons",
    .version = "1",
    .description = "Benchmark: a point of a half circle; the posterior is two crescents",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .parameters = parameters,
    .observables = observables,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
