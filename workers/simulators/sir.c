// SPDX-License-Identifier: Apache-2.0
//
// An epidemic, of the benchmark of Lueckmann et al. 2021 ("Benchmarking simulation-based inference"):
//
//     beta ~ LogNormal(log 0.4, 0.5)    gamma ~ LogNormal(log 0.125, 0.2)
//     S' = -beta S I / N    I' = beta S I / N - gamma I    S(0) = N - 1    I(0) = 1    N = 1e6
//     x_k ~ Binomial(1000, I(17 k) / N), k = 0 .. 9
//
// The equations are solved for y = (ln S / N, ln I / N): y' = (-beta exp y_1, beta exp y_0 - gamma). An absolute
// tolerance on y is a relative one on S and I, and while hardly anybody has been infected y is a straight line. The
// method is that of Dormand and Prince 1980 ("A family of embedded Runge-Kutta formulae"), of order 5 with an error of
// order 4.
#include "workers/simulators/simulators.h"

#include <math.h>
#include <stdbool.h>

enum { BETA, GAMMA, N_PARAMETERS };
enum { N_DAYS = 10, DAYS_BETWEEN = 17, PEOPLE = 1000000, SAMPLED = 1000 };
enum { STAGES = 7, MOST_STEPS = 200000 };

static const double mean_log[N_PARAMETERS] = {-0.91629073187415506518,
                                              -2.07944154167983592825}; // ln 0.4, ln 0.125
static const double sd_log[N_PARAMETERS] = {0.5, 0.2};
static const double log_sqrt_2pi = 0.91893853320467274178;
static const double tolerance = 1e-9;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "beta", .lower = 0.0, .upper = INFINITY, .unit = "1/day"},
    {.name = "gamma", .lower = 0.0, .upper = INFINITY, .unit = "1/day"},
};

static const infermill_observable_t observables[] = {
    {
        .name = "x",
        .kind = INFERMILL_VECTOR,
        .n_dims = 1,
        .dims = {N_DAYS},
        .dim_design = {-1, -1, -1},
        .lower = 0.0,
        .upper = SAMPLED,
    },
};

typedef struct {
    double s, i; // ln S / N, ln I / N, or their slopes
} curve_t;

static curve_t slope(const double *theta, curve_t y)
{
    return (curve_t){-theta[BETA] * exp(y.i), theta[BETA] * exp(y.s) - theta[GAMMA]};
}

// Row r makes stage r + 1 of the stages before it; the last row is the solution of order 5.
static const double weights[STAGES - 1][STAGES - 1] = {
    {1.0 / 5.0},
    {3.0 / 40.0, 9.0 / 40.0},
    {44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0},
    {19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0},
    {9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0},
    {35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0},
};
// Order 5 minus order 4.
static const double error_weights[STAGES] = {
    71.0 / 57600.0,      0.0,          -71.0 / 16695.0, 71.0 / 1920.0,
    -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0};

static curve_t weighted(int n, const double *weight, const curve_t *k)
{
    curve_t sum = {0.0, 0.0};
    for (int r = 0; r < n; r++) {
        sum.s += weight[r] * k[r].s;
        sum.i += weight[r] * k[r].i;
    }
    return sum;
}

// One step of h from y, whose slope is k[0], to *next, whose slope is k[STAGES - 1]. Returns its error over the tolerance.
static double step(const double *theta, double h, curve_t y, curve_t *k, curve_t *next)
{
    for (int r = 0; r < STAGES - 1; r++) {
        curve_t sum = weighted(r + 1, weights[r], k);
        *next = (curve_t){y.s + h * sum.s, y.i + h * sum.i};
        k[r + 1] = slope(theta, *next);
    }
    curve_t error = weighted(STAGES, error_weights, k);
    return h * fmax(fabs(error.s), fabs(error.i)) / tolerance;
}

static double next_size(double h, double error)
{
    double factor = error > 0.0 ? 0.9 * pow(error, -0.2) : 5.0;
    return h * fmin(5.0, fmax(0.2, factor));
}

// ln I / N on each day. Returns 0, or 1 where the steps that it needs are too many.
static int solve(const double *theta, double *log_infected)
{
    curve_t y = {log1p(-1.0 / PEOPLE), -log(PEOPLE)}, k[STAGES], next;
    double time = 0.0, h = 1.0;
    k[0] = slope(theta, y);
    for (int day = 0, steps = 0; day < N_DAYS; steps++) {
        double left = (double)day * DAYS_BETWEEN - time;
        if (left <= 0.0) {
            log_infected[day++] = y.i;
            continue;
        }
        if (steps == MOST_STEPS)
            return 1;
        double used = fmin(h, left), error = step(theta, used, y, k, &next);
        bool accepted = error <= 1.0;
        if (accepted) {
            time = used < left ? time + used : (double)day * DAYS_BETWEEN;
            y = next;
            k[0] = k[STAGES - 1];
        }
        if (!accepted || used == h)
            h = next_size(used, isfinite(error) ? error : 1e9);
    }
    return 0;
}

static int possible(const double *theta)
{
    return theta[BETA] > 0.0 && isfinite(theta[BETA]) && theta[GAMMA] > 0.0 &&
           isfinite(theta[GAMMA]);
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    for (int j = 0; j < N_PARAMETERS; j++)
        theta[j] = exp(mean_log[j] + sd_log[j] * host->normal(random));
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    double log_infected[N_DAYS];
    if (!possible(theta) || solve(theta, log_infected)) {
        host->explain(random, "beta and gamma must be positive, and slow enough to be solved");
        return 1;
    }
    for (int day = 0; day < N_DAYS; day++)
        out[0][day] = (float)host->binomial(random, SAMPLED, fmin(1.0, exp(log_infected[day])));
    return 0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!possible(theta))
        return -INFINITY;
    double sum = 0.0;
    for (int j = 0; j < N_PARAMETERS; j++) {
        double x = log(theta[j]), z = (x - mean_log[j]) / sd_log[j];
        sum += -0.5 * z * z - log_sqrt_2pi - log(sd_log[j]) - x;
    }
    return sum;
}

// ln Binomial(k; SAMPLED, exp log_p)
static double log_binomial(double k, double log_p)
{
    if (!(k >= 0.0 && k <= SAMPLED && k == floor(k)))
        return -INFINITY;
    double ways = lgamma(SAMPLED + 1.0) - lgamma(k + 1.0) - lgamma(SAMPLED - k + 1.0);
    double hits = k > 0.0 ? k * log_p : 0.0;
    double misses = k < SAMPLED ? (SAMPLED - k) * log1p(-fmin(1.0, exp(log_p))) : 0.0;
    return ways + hits + misses;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state, (void)design;
    double log_infected[N_DAYS], sum = 0.0;
    if (!possible(theta) || solve(theta, log_infected))
        return -INFINITY;
    for (int day = 0; day < N_DAYS; day++)
        sum += log_binomial(in[0][day], log_infected[day]);
    return sum;
}

const infermill_simulator_t sir_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "sir",
    .version = "1",
    .description = "Benchmark: tests of 1,000 people on ten days of an epidemic",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .parameters = parameters,
    .observables = observables,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
