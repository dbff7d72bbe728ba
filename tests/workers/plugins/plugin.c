// SPDX-License-Identifier: Apache-2.0
//
// A simulator whose behaviour the parameter `action` chooses, built several times: whole, and broken in one way each.
#include "workers/simulator.h"

#include <math.h>
#include <stdlib.h>

#ifndef PLUGIN_ABI
#define PLUGIN_ABI INFERMILL_ABI
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(infermill_simulator_t)
#endif
#ifndef PLUGIN_ENTRY
#define PLUGIN_ENTRY infermill_simulator
#endif
#ifndef PLUGIN_UPPER
#define PLUGIN_UPPER 100.0
#endif
#ifndef PLUGIN_CREATED
#define PLUGIN_CREATED 0
#endif

enum { LARGEST_N = 6, FEATURES = 2 };
enum { DONE, REJECT, STOP, NOT_A_NUMBER, WRITE_TOO_MUCH, WRITE_NOTHING, GAMMA_OF_MINUS_ONE };

static const infermill_parameter_t parameters[] = {
    {.name = "mu", .lower = -INFINITY, .upper = INFINITY},
    {.name = "action", .lower = -1.0, .upper = PLUGIN_UPPER},
};
static const infermill_design_t designs[] = {
    {.name = "n", .lower = 2.0, .upper = LARGEST_N, .integer = 1},
    {.name = "dose", .lower = 0.5, .upper = 1.5},
};
static const infermill_observable_t observables[] = {
    {
        .name = "y",
        .kind = INFERMILL_SERIES,
        .n_dims = 2,
        .dims = {LARGEST_N, FEATURES},
        .dim_design = {0, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
    {
        .name = "dose_given",
        .kind = INFERMILL_VECTOR,
        .n_dims = 1,
        .dims = {1},
        .dim_design = {-1, -1, -1},
        .lower = 0.0,
        .upper = INFINITY,
    },
};

static int create(void **state)
{
    *state = malloc(1); // a leak when destroy is not called
    if (PLUGIN_CREATED != 0)
        free(*state);
    return PLUGIN_CREATED;
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    theta[0] = host->normal(random);
    theta[1] = DONE;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state;
    int n = (int)design[0], action = (int)theta[1];
    if (action == WRITE_NOTHING)
        return 0;
    if (action == GAMMA_OF_MINUS_ONE)
        host->gamma(random, -1.0);
    for (int i = 0; i < (action == WRITE_TOO_MUCH ? LARGEST_N : n) * FEATURES; i++)
        out[0][i] = (float)(theta[0] + host->normal(random));
    if (action == NOT_A_NUMBER)
        out[0][n * FEATURES - 1] = NAN;
    out[1][0] = (float)design[1];
    host->explain(random, action == REJECT ? "too cold" : action == STOP ? "too hot" : NULL);
    return action == REJECT ? 1 : action == STOP ? -1 : 0;
}

static const infermill_simulator_t table = {
    .abi = PLUGIN_ABI,
    .size = PLUGIN_SIZE,
    .name = "plugin",
    .version = "3.1",
    .description = "For tests",
    .n_parameters = 2,
    .n_observables = 2,
    .n_design = 2,
    .parameters = parameters,
    .observables = observables,
    .design = designs,
    .create = create,
    .destroy = free,
    .prior = prior,
    .simulate = simulate,
};

const infermill_simulator_t *PLUGIN_ENTRY(void);
const infermill_simulator_t *PLUGIN_ENTRY(void)
{
    return &table;
}
