// SPDX-License-Identifier: Apache-2.0
// A picture for tests: a bright block somewhere on 6 x 5 pixels, seen through noise. Its first pixel is always 0.
#include "workers/simulator.h"

#include <math.h>
#include <stddef.h>

enum { HEIGHT = 6, WIDTH = 5, PIXELS = HEIGHT * WIDTH };

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *image)
{
    int64_t row = host->integer(random, 0, HEIGHT - 2),
            column = host->integer(random, 0, WIDTH - 2);
    (void)state, (void)design;
    for (int64_t k = 0; k < PIXELS; k++) {
        int64_t y = k / WIDTH - row, x = k % WIDTH - column;
        double block = y >= 0 && y < 2 && x >= 0 && x < 2 ? 1 : 0;
        image[k] = k == 0 ? 0 : block + 0.1 * host->normal(random);
    }
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *image, const double *design, float *const *observables)
{
    (void)state, (void)design;
    for (int k = 0; k < PIXELS; k++)
        observables[0][k] = (float)(image[k] + 0.3 * host->normal(random));
    return 0;
}

static const infermill_parameter_t parameters[] = {
    {.name = "image", .lower = -INFINITY, .upper = INFINITY, .n_dims = 2, .dims = {HEIGHT, WIDTH}}};
static const infermill_observable_t observables[] = {{.name = "y",
                                                      .kind = INFERMILL_IMAGE,
                                                      .n_dims = 3,
                                                      .dims = {HEIGHT, WIDTH, 1},
                                                      .dim_design = {-1, -1, -1},
                                                      .lower = -INFINITY,
                                                      .upper = INFINITY}};
static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "picture",
                                            .version = "1",
                                            .n_parameters = 1,
                                            .n_observables = 1,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .prior = prior,
                                            .simulate = simulate};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
