// SPDX-License-Identifier: Apache-2.0
//
// A straight line through n points, y = a + b x + noise z, where the noise is known: x and y are seen, the noise and n are
// the design. Priors: a ~ N(0, 3), b ~ N(0, 5); n from 10 to 100, noise log-uniform from 0.5 to 4, x uniform from 0 to 2.2.
#include <infermill/simulator.h>

#include <math.h>

enum { LEAST = 10, MOST = 100, N = 0, NOISE = 1 };
static const double least_noise = 0.5, most_noise = 4, largest_x = 2.2;

static const infermill_parameter_t parameters[] = {{"intercept", -INFINITY, INFINITY, "100 km/s"},
                                                   {"slope", -INFINITY, INFINITY, "100 km/s/Mpc"}};
static const infermill_design_t design[] = {{"n", LEAST, MOST, 1, 0},
                                            {"noise", 0.5, 4, 0, "100 km/s"}};
static const infermill_observable_t observables[] = {
    {"points", INFERMILL_SET, 2, {MOST, 2, 0}, {N, -1, -1}, -INFINITY, INFINITY, 0}};

static void draw_design(void *state, const infermill_host_t *host, infermill_random_t *random,
                        double *d)
{
    (void)state;
    d[N] = (double)host->integer(random, LEAST, MOST);
    d[NOISE] = least_noise * pow(most_noise / least_noise, host->uniform(random));
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *d, double *theta)
{
    (void)state, (void)d;
    theta[0] = 3 * host->normal(random);
    theta[1] = 5 * host->normal(random);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *d, float *const *out)
{
    (void)state;
    for (int i = 0; i < (int)d[N]; i++) {
        double x = largest_x * host->uniform(random);
        out[0][2 * i] = (float)x;
        out[0][2 * i + 1] = (float)(theta[0] + theta[1] * x + d[NOISE] * host->normal(random));
    }
    return 0;
}

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "line",
                                            .version = "1",
                                            .description = "A straight line with known noise",
                                            .n_parameters = 2,
                                            .n_observables = 1,
                                            .n_design = 2,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .design = design,
                                            .draw_design = draw_design,
                                            .prior = prior,
                                            .simulate = simulate};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
