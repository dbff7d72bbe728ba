// SPDX-License-Identifier: Apache-2.0
//
// A stationary autoregression of order 2 around a level, 309 years long:
//
//     y_t = level + phi1 (y_(t-1) - level) + phi2 (y_(t-2) - level) + sigma e_t,   e_t ~ N(0, 1)
//
// in its partial autocorrelations pac1, pac2, which fill the square (-1, 1)^2 where phi1, phi2 fill a triangle (Barndorff-Nielsen
// and Schou 1973): phi2 = pac2, phi1 = pac1 (1 - pac2). The prior is uniform over the triangle (Jones 1987, "Randomly choosing
// parameters from the stationarity and invertibility region"): pac1 is uniform, (1 + pac2) / 2 ~ Beta(1, 2). The first two
// years come from the stationary distribution, so prior and likelihood are exact.
//
// y is the square root of a yearly sunspot number, whose spread hardly depends on its size (Morris 1977); level ~ N(6, 3),
// sigma ~ LogNormal(ln 1.5, 0.5).
#include <infermill/simulator.h>

#include <math.h>

enum { PAC1, PAC2, LEVEL, SIGMA, N_PARAMETERS };
enum { YEARS = 309 };

static const double level_mean = 6.0, level_sd = 3.0, sigma_median = 1.5, sigma_sd = 0.5;
static const double log_sqrt_2pi = 0.91893853320467274178;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "pac1", .lower = -1.0, .upper = 1.0},
    {.name = "pac2", .lower = -1.0, .upper = 1.0},
    {.name = "level", .lower = -INFINITY, .upper = INFINITY},
    {.name = "sigma", .lower = 0.0, .upper = INFINITY},
};

static const infermill_observable_t observables[] = {
    {
        .name = "y",
        .kind = INFERMILL_SERIES,
        .n_dims = 2,
        .dims = {YEARS, 1},
        .dim_design = {-1, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

// y_1 = level + first e_1, y_2 = level + pac1 (y_1 - level) + second e_2: the stationary distribution.
typedef struct {
    double phi1, phi2, first, second;
} process_t;

static process_t process_of(const double *theta)
{
    double a = theta[PAC1], b = theta[PAC2];
    double second = theta[SIGMA] / sqrt(1.0 - b * b);
    return (process_t){a * (1.0 - b), b, second / sqrt(1.0 - a * a), second};
}

static int possible(const double *theta)
{
    return fabs(theta[PAC1]) < 1.0 && fabs(theta[PAC2]) < 1.0 && isfinite(theta[LEVEL]) &&
           theta[SIGMA] > 0.0 && isfinite(theta[SIGMA]);
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    theta[PAC1] = 2.0 * host->uniform(random) - 1.0;
    theta[PAC2] = 1.0 - 2.0 * sqrt(host->uniform(random)); // 1 - (1 + pac2) / 2 ~ Beta(2, 1)
    theta[LEVEL] = level_mean + level_sd * host->normal(random);
    theta[SIGMA] = sigma_median * exp(sigma_sd * host->normal(random));
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    if (!possible(theta)) {
        host->explain(random, "pac1 and pac2 must lie between -1 and 1, sigma above 0");
        return 1;
    }
    process_t p = process_of(theta);
    double before = p.first * host->normal(random),
           last = theta[PAC1] * before + p.second * host->normal(random);
    out[0][0] = (float)(theta[LEVEL] + before);
    out[0][1] = (float)(theta[LEVEL] + last);
    for (int t = 2; t < YEARS; t++) {
        double next = p.phi1 * last + p.phi2 * before + theta[SIGMA] * host->normal(random);
        before = last;
        last = next;
        out[0][t] = (float)(theta[LEVEL] + last);
    }
    return 0;
}

static double log_normal(double x, double mean, double sd)
{
    double z = (x - mean) / sd;
    return -0.5 * z * z - log(sd) - log_sqrt_2pi;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!possible(theta))
        return -INFINITY;
    double log_sigma = log(theta[SIGMA]);
    return log(0.5) + log(0.5 * (1.0 - theta[PAC2])) +
           log_normal(theta[LEVEL], level_mean, level_sd) +
           log_normal(log_sigma, log(sigma_median), sigma_sd) - log_sigma;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state, (void)design;
    if (!possible(theta))
        return -INFINITY;
    process_t p = process_of(theta);
    double before = in[0][0] - theta[LEVEL], last = in[0][1] - theta[LEVEL];
    double sum =
        log_normal(before, 0.0, p.first) + log_normal(last, theta[PAC1] * before, p.second);
    for (int t = 2; t < YEARS; t++) {
        double next = in[0][t] - theta[LEVEL];
        sum += log_normal(next, p.phi1 * last + p.phi2 * before, theta[SIGMA]);
        before = last;
        last = next;
    }
    return sum;
}

const infermill_simulator_t *infermill_simulator(void)
{
    static const infermill_simulator_t table = {
        .abi = INFERMILL_ABI,
        .size = sizeof table,
        .name = "ar2",
        .version = "1",
        .description = "A stationary autoregression of order 2, 309 years long",
        .n_parameters = N_PARAMETERS,
        .n_observables = 1,
        .parameters = parameters,
        .observables = observables,
        .prior = prior,
        .simulate = simulate,
        .log_prior = log_prior,
        .log_likelihood = log_likelihood,
    };
    return &table;
}
