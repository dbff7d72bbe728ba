/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing by a fixed list of moves through a time network F, as consistency models do (Song et al. 2023): each move adds
 * noise z ~ N(0, I) and maps what it made back to a parameter vector,
 *
 *     x = keep x + noise z,    x = skip x + out F(x, time, c)
 */
#ifndef NN_FEW_STEP_H
#define NN_FEW_STEP_H

#include "cluster/rng.h"
#include "nn/summary.h"
#include "nn/time_net.h"

#include <stddef.h>
#include <stdint.h>

/* The settings of a consistency model's network: the condition enters the first layer alone, FiLM shifts only. */
void few_step_default(network_size_t size, double fourier_scale, time_net_config_t *config);

typedef struct {
    double keep, noise;
    double time; // as the network is fed with it
    double skip, out;
} few_step_move_t;

typedef struct few_step few_step_t;

/* `net` and `params` are borrowed; `moves` (n) is copied. The first move keeps nothing: draws begin with its noise. */
few_step_t *few_step_create(const time_net_t *net, params_t *params, int n,
                            const few_step_move_t *moves);
/* The functions of an inference network's eval (inference.h) for which a few_step_t is the eval. */
void few_step_destroy(void *eval);
void few_step_condition(void *eval, const float *vector, const float *image);
void few_step_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density);
double few_step_flops(const void *eval);
size_t few_step_bytes(const void *eval);

/* The second half of one move, of n vectors: x (n, d) = skip x + out F(x, time, c). */
void few_step_map(few_step_t *f, const few_step_move_t *move, int64_t n, float *x);

#endif
