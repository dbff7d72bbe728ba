// SPDX-License-Identifier: Apache-2.0
//
// Drift diffusion: evidence starts midway between two boundaries that lie `a` apart, drifts by v a second with unit
// diffusion, and the boundary it meets first is the answer. A trial is a signed reaction time: + the upper boundary.
//
//     y = +-(t0 + T), T the first-passage time; with probability 0.05 (a lapse) |y| ~ U(0, 5), sign by a fair coin
//     v ~ N(0, 2)   a ~ Gamma(6, scale 0.3)   t0 ~ Gamma(4, scale 0.1)   n uniform on 50..400
//
// From the middle the answer does not depend on T and is + with probability 1 / (1 + exp(-a v)); passage.h has T.
#include "workers/simulators/passage.h"
#include "workers/simulators/simulators.h"

#include <math.h>

enum { V, A, T0, N_PARAMETERS };
enum { SMALLEST_N = 50, LARGEST_N = 400 };

static const double sd_v = 2.0, shape_a = 6.0, scale_a = 0.3, shape_t0 = 4.0, scale_t0 = 0.1;
static const double lapse = 0.05, slowest_lapse = 5.0;
static const double log_sqrt_2pi = 0.91893853320467274178;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "v", .lower = -INFINITY, .upper = INFINITY},
    {.name = "a", .lower = 0.0, .upper = INFINITY},
    {.name = "t0", .lower = 0.0, .upper = INFINITY},
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
    theta[V] = sd_v * host->normal(random);
    theta[A] = scale_a * host->gamma(random, shape_a);
    theta[T0] = scale_t0 * host->gamma(random, shape_t0);
}

static int possible(const double *theta)
{
    return isfinite(theta[V] * theta[A]) && theta[A] > 0.0 && isfinite(theta[A]) &&
           theta[T0] >= 0.0 && isfinite(theta[T0]);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state;
    if (!possible(theta)) {
        host->explain(random, "v must be finite, a positive and t0 not negative");
        return 1;
    }
    passage_draws_t draws;
    passage_draws(host, random, &draws);
    passage_law_t law = passage_law(0.5 * theta[A] * fabs(theta[V]));
    double unit = 0.25 * theta[A] * theta[A];
    double upper = lapse + (1.0 - lapse) / (1.0 + exp(-theta[A] * theta[V]));
    int n = (int)design[0];
    for (int i = 0; i < n; i++) {
        double u = passage_uniform(&draws);
        int lapsed = u < lapse, positive = lapsed ? u < 0.5 * lapse : u < upper;
        double time = lapsed ? slowest_lapse * passage_uniform(&draws)
                             : theta[T0] + unit * passage_time(&law, &draws);
        out[0][i] = (float)(positive ? time : -time);
    }
    return 0;
}

static double log_gamma_density(double x, double shape, double scale, double log_gamma_of_shape)
{
    return (shape - 1.0) * log(x) - x / scale - shape * log(scale) - log_gamma_of_shape;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!(possible(theta) && theta[T0] > 0.0))
        return -INFINITY;
    double z = theta[V] / sd_v;
    return -0.5 * z * z - log_sqrt_2pi - log(sd_v) +
           log_gamma_density(theta[A], shape_a, scale_a, log(120.0)) +
           log_gamma_density(theta[T0], shape_t0, scale_t0, log(6.0));
}

// log of the density of one signed reaction time, as the log of a product: returns the factor, adds the rest to *logs.
static double trial_density(const double *theta, double y, double *logs)
{
    double time = fabs(y), m = 0.5 * theta[A] * theta[V], unit = 0.25 * theta[A] * theta[A];
    double x = (time - theta[T0]) / unit, power = 0.0, factor = 0.0;
    if (x > 1e-100 && x < 1e100)
        factor = (1.0 - lapse) * passage_density(x, y < 0.0 ? -m : m, &power) / unit;
    if (time <= slowest_lapse)
        return (factor > 0.0 ? factor * exp(power) : 0.0) + 0.5 * lapse / slowest_lapse;
    *logs += power;
    return factor;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state;
    if (!possible(theta))
        return -INFINITY;
    double logs = 0.0, product = 1.0;
    int n = (int)design[0];
    for (int i = 0; i < n; i++) {
        product *= trial_density(theta, in[0][i], &logs);
        if (!(product > 1e-100 && product < 1e100)) {
            logs += log(product);
            product = 1.0;
        }
    }
    return logs + log(product);
}

const infermill_simulator_t ddm_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "ddm",
    .version = "1",
    .description = "Signed reaction times of two-choice decisions: drift diffusion with 5 % lapses",
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
