// SPDX-License-Identifier: Apache-2.0
//
// Simple likelihood, complex posterior: of the benchmark of Lueckmann et al. 2021 ("Benchmarking simulation-based
// inference"), after Papamakarios et al. 2019:
//
//     theta ~ U(-3, 3)^5    s_1 = theta2^2    s_2 = theta3^2    rho = tanh theta4
//     x_1 .. x_4 ~ N((theta0, theta1), [[s_1^2, rho s_1 s_2], [rho s_1 s_2, s_2^2]] + 1e-6 I)
//
// Signs of theta2 and theta3 cannot be told, so its posterior has four modes.
#include "workers/simulators/simulators.h"

#include <math.h>

enum { N_PARAMETERS = 5, N_DRAWS = 4, N_VALUES = 2 };

static const double half_range = 3.0, ridge = 1e-6;
static const double log_2pi = 1.83787706640934548356, log_6 = 1.79175946922805500081;

#define BETWEEN_3(parameter)                                                                       \
    {                                                                                              \
        .name = parameter, .lower = -3.0, .upper = 3.0                                             \
    }

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    BETWEEN_3("theta0"), BETWEEN_3("theta1"), BETWEEN_3("theta2"),
    BETWEEN_3("theta3"), BETWEEN_3("theta4"),
};

static const infermill_observable_t observables[] = {
    {
        .name = "x",
        .kind = INFERMILL_SET,
        .n_dims = 2,
        .dims = {N_DRAWS, N_VALUES},
        .dim_design = {-1, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

// The covariance is L L^T, L lower triangular.
typedef struct {
    double l11, l21, l22;
} factor_t;

static factor_t factor(const double *theta)
{
    double s1 = theta[2] * theta[2], s2 = theta[3] * theta[3], rho = tanh(theta[4]);
    factor_t L = {.l11 = sqrt(s1 * s1 + ridge)};
    L.l21 = rho * s1 * s2 / L.l11;
    L.l22 = sqrt(s2 * s2 + ridge - L.l21 * L.l21);
    return L;
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    for (int j = 0; j < N_PARAMETERS; j++)
        theta[j] = half_range * (2.0 * host->uniform(random) - 1.0);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    factor_t L = factor(theta);
    double z[N_DRAWS * N_VALUES];
    host->fill_normal(random, N_DRAWS * N_VALUES, z);
    for (int i = 0; i < N_DRAWS; i++) {
        const double *zi = z + N_VALUES * i;
        out[0][N_VALUES * i] = (float)(theta[0] + L.l11 * zi[0]);
        out[0][N_VALUES * i + 1] = (float)(theta[1] + L.l21 * zi[0] + L.l22 * zi[1]);
    }
    return 0;
}

static int inside(const double *theta)
{
    for (int j = 0; j < N_PARAMETERS; j++)
        if (!(fabs(theta[j]) < half_range))
            return 0;
    return 1;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    return inside(theta) ? -N_PARAMETERS * log_6 : -INFINITY;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state, (void)design;
    if (!inside(theta))
        return -INFINITY;
    factor_t L = factor(theta);
    double squares = 0.0;
    for (int i = 0; i < N_DRAWS; i++) {
        double z1 = (in[0][N_VALUES * i] - theta[0]) / L.l11;
        double z2 = (in[0][N_VALUES * i + 1] - theta[1] - L.l21 * z1) / L.l22;
        squares += z1 * z1 + z2 * z2;
    }
    return -0.5 * squares - N_DRAWS * (log_2pi + log(L.l11 * L.l22));
}

const infermill_simulator_t slcp_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "slcp",
    .version = "1",
    .description = "Benchmark: four points of a normal distribution; the posterior has four modes",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .parameters = parameters,
    .observables = observables,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
