/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks that hold for every inference network which draws by a solver. A small network with random weights, far from any
 * trivial map; two conditions.
 */
#ifndef TESTS_NN_INFERENCE_CASE_H
#define TESTS_NN_INFERENCE_CASE_H

#include "nn/inference.h"

enum { INFERENCE_CASE_CONDITIONS = 2 };

typedef struct {
    const inference_kind_t *kind;
    inference_config_t config;
    inference_shape_t shape;
    params_t *params;
    void *net, *eval;
} inference_case_t;

/* Defaults of `type` at the size SIZE_BASE, with a small time_mlp. */
inference_config_t inference_case_config(inference_type_t type);
/* Weights of their start plus N(0, noise^2). */
inference_case_t inference_case_make(const inference_config_t *config, int64_t d, double noise);
void inference_case_end(inference_case_t *c);
/* One of several conditions. */
void inference_case_condition(inference_case_t *c, int k);

/* d = 1 or 2: the density, summed over a grid of [-side / 2, side / 2]^d with `cells` cells a dimension. */
double inference_case_integral(inference_case_t *c, double side, int64_t cells);
/* d = 1: the largest distance between the distribution function of n draws and that of the density on such a grid. By chance it
 * exceeds 1.95 / sqrt(n) once in a thousand times (Kolmogorov). */
double inference_case_distance(inference_case_t *c, double side, int64_t cells, int64_t n);
/* Fails the test where the gradient of the total loss of some data sets differs from differences (weights.h). */
void inference_case_check_gradient(inference_case_t *c, double h, double tolerance);
/* Fails the test unless draws of one condition are the same bits again, whatever other data sets came between, and others with
 * another random state. */
void inference_case_check_draws(inference_case_t *c, int64_t n);

/* d = 2: trains on theta ~ N(0, I), condition = theta + N(0, 1/4 I), whose posterior is N(4/5 condition, 1/5 I). */
void inference_case_train(inference_case_t *c, int steps);
/* After it: the worst of |mean - truth| and |sd - truth| over the dimensions, in posterior sds, of n draws given condition 0. By
 * chance it is about 2.5 / sqrt(n). */
double inference_case_miss(inference_case_t *c, int64_t n);

#endif
