/* SPDX-License-Identifier: Apache-2.0
 *
 * An inference network with a problem whose posterior is known: theta ~ N(0, I) in d dimensions, seen as
 * c = theta + TOY_NOISE * N(0, I), so that theta | c ~ N(c / (1 + TOY_NOISE^2), TOY_NOISE^2 / (1 + TOY_NOISE^2) I).
 */
#ifndef TESTS_NN_TOY_H
#define TESTS_NN_TOY_H

#include "nn/inference.h"

#define TOY_NOISE 0.5
#define TOY_SLOPE 0.8         // posterior mean by c
#define TOY_SD    0.447213595 // posterior standard deviation

typedef struct {
    const inference_kind_t *kind;
    int64_t d, sets;
    params_t *params;
    void *net;
    graph_t *graph; // for training
    tensor_t *theta, *condition, *loss;
    inference_noise_t noise;
    float *gradient;
} toy_t;

/* conditions = d; the graph takes `sets` data sets, each with one draw. */
toy_t toy_make(const inference_kind_t *kind, const inference_config_t *config, int64_t d,
               int64_t sets, uint64_t seed);
void toy_end(toy_t *toy);
/* New data sets and noise, a function of (toy, index, progress). */
void toy_fill(toy_t *toy, uint64_t index, double progress);
/* The mean loss with the numbers that stand there; `user` is a toy_t (for weights_check_gradient). */
double toy_loss(void *user);
/* AdamW with warm-up and cosine from `rate`, each step on new data sets; ends with the averaged weights. */
void toy_train(toy_t *toy, int64_t steps, double rate);
/* Mean and standard deviation (d) of n draws given `condition` (d). */
void toy_draws(toy_t *toy, const float *condition, int64_t n, double *mean, double *sd);

#endif
