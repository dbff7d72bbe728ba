// SPDX-License-Identifier: Apache-2.0
//
// A simulator that misbehaves in the rows whose first random number says so: x ~ U(0, 1), y a set of n values x + noise.
// x in (0.2, 0.3): a bad address; (0.4, 0.41): no end to its stack; (0.5, 0.6): it hangs, or aborts where WILD_HANGS is 0.
// With WILD_BATCH it has a batch entry alone.
#include "workers/simulator.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef WILD_HANGS
#define WILD_HANGS 1
#endif
#ifndef WILD_TAME
#define WILD_TAME 0
#endif

enum { LARGEST_N = 12 };

static void draw(void *state, const infermill_host_t *host, infermill_random_t *random,
                 const double *design, double *parameters)
{
    (void)state, (void)design;
    parameters[0] = host->uniform(random);
}

static int dig(int depth, volatile char *above)
{
    volatile char hole[4096];
    hole[depth % 4096] = above[depth % 4096];
    return depth < 0 ? 0 : dig(depth + 1, hole) + hole[0];
}

static void misbehave(double x)
{
    volatile char top[4096] = {0};
    if (WILD_TAME)
        return;
    if (x > 0.4 && x < 0.41)
        top[0] = (char)dig(1, top);
    if (x > 0.2 && x < 0.3) {
        volatile intptr_t nowhere = 64;
        *(volatile int *)nowhere = 1;
    }
    if (x > 0.5 && x < 0.6 && !WILD_HANGS)
        abort();
    while (x > 0.5 && x < 0.6)
        pause();
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *parameters, const double *design, float *const *observables)
{
    (void)state;
    misbehave(parameters[0]);
    if (parameters[0] > 0.95) {
        host->explain(random, "too large");
        return 1;
    }
    for (int i = 0; i < (int)design[0]; i++)
        observables[0][i] = (float)(parameters[0] + 0.1 * host->normal(random));
    return 0;
}

#ifdef WILD_BATCH
static int simulate_batch(void *state, const infermill_host_t *host, int n,
                          infermill_random_t *const *random, const double *parameters,
                          const double *design, float *const *observables, int *code)
{
    for (int i = 0; i < n; i++) {
        float *const row[1] = {observables[0] + (long)i * LARGEST_N};
        code[i] = simulate(state, host, random[i], &parameters[i], &design[i], row);
    }
    return 0;
}
#endif

static const infermill_parameter_t parameters[] = {
    {.name = "x", .lower = 0, .upper = 1, .unit = "m"}};
static const infermill_design_t design[] = {{"n", 3, LARGEST_N, 1, NULL}};
static const infermill_observable_t observables[] = {
    {"y", INFERMILL_SET, 2, {LARGEST_N, 1}, {0, -1}, -INFINITY, INFINITY, "m"}};

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "wild",
                                            .version = "1",
                                            .description = "for tests",
                                            .n_parameters = 1,
                                            .n_observables = 1,
                                            .n_design = 1,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .design = design,
                                            .prior = draw,
#ifdef WILD_BATCH
                                            .simulate_batch = simulate_batch
#else
                                            .simulate = simulate
#endif
};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
