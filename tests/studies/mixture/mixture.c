// SPDX-License-Identifier: Apache-2.0
//
// A mixture of two normal distributions in equal shares, whose means nobody can tell apart:
//
//     mu1, mu2 ~ N(0, 2)      y_i ~ N(mu1, 1) or N(mu2, 1), by a fair coin;   n of them, 30 to 100
//
// Prior and likelihood stay what they are when mu1 and mu2 are exchanged, so every posterior has each of its modes twice.
// With -DORDERED the two are sorted: mu1 < mu2, the same distribution of data, and each mode once.
#include <infermill/simulator.h>

#include <math.h>

#ifdef ORDERED
enum { SORTED = 1 };
#define NAME        "ordered_mixture"
#define DESCRIPTION "Two normal distributions in equal shares, the lower mean first"
#else
enum { SORTED = 0 };
#define NAME        "mixture"
#define DESCRIPTION "Two normal distributions in equal shares, their means in no order"
#endif

enum { MU1, MU2, N_PARAMETERS };
enum { SMALLEST_N = 30, LARGEST_N = 100 };

static const double prior_sd = 2.0;
static const double log_sqrt_2pi = 0.91893853320467274178;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "mu1", .lower = -INFINITY, .upper = INFINITY},
    {.name = "mu2", .lower = -INFINITY, .upper = INFINITY},
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
    double a = prior_sd * host->normal(random), b = prior_sd * host->normal(random);
    theta[MU1] = SORTED ? fmin(a, b) : a;
    theta[MU2] = SORTED ? fmax(a, b) : b;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state;
    for (int i = 0; i < (int)design[0]; i++)
        out[0][i] = (float)(theta[host->uniform(random) < 0.5 ? MU1 : MU2] + host->normal(random));
    return 0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!isfinite(theta[MU1]) || !isfinite(theta[MU2]) || (SORTED && theta[MU1] > theta[MU2]))
        return -INFINITY;
    double a = theta[MU1] / prior_sd, b = theta[MU2] / prior_sd;
    return -0.5 * (a * a + b * b) - 2.0 * (log_sqrt_2pi + log(prior_sd)) +
           (SORTED ? log(2.0) : 0.0);
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state;
    double sum = 0.0;
    for (int i = 0; i < (int)design[0]; i++) {
        double a = in[0][i] - theta[MU1], b = in[0][i] - theta[MU2];
        double near = -0.5 * fmin(a * a, b * b), far = -0.5 * fmax(a * a, b * b);
        sum += near + log1p(exp(far - near)) + log(0.5) - log_sqrt_2pi;
    }
    return sum;
}

const infermill_simulator_t *infermill_simulator(void)
{
    static const infermill_simulator_t table = {
        .abi = INFERMILL_ABI,
        .size = sizeof table,
        .name = NAME,
        .version = "1",
        .description = DESCRIPTION,
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
    return &table;
}
