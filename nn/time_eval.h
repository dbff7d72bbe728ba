/* SPDX-License-Identifier: Apache-2.0
 *
 * A time_net at work for one data set: F(x, t, c) of n draws at one time, and the divergence of F. Draws pass in blocks that
 * fit the cache. What depends on the condition alone is computed once after time_eval_condition, what depends on
 * condition and time once a time, so that calls with the same time cost the part of the draws alone.
 */
#ifndef NN_TIME_EVAL_H
#define NN_TIME_EVAL_H

#include "nn/params.h"
#include "nn/time_net.h"

typedef struct time_eval time_eval_t;

/* `params` are those of the network, both borrowed until time_eval_destroy. Memory is taken here; that for divergences at the
 * first of them. */
time_eval_t *time_eval_create(const time_net_t *net, params_t *params);
void time_eval_destroy(time_eval_t **e);
/* The data set from now on, to be told again when the weights changed: vector (conditions) or NULL where there are none; image
 * (height * image_width, image_conditions) or NULL. Copied. */
void time_eval_condition(time_eval_t *e, const float *vector, const float *image);

/* x (n, d) -> out (n, columns of the network); `time` as the network is fed with it; n may be 0. */
void time_eval_run(time_eval_t *e, double time, int64_t n, const float *x, float *out);
/* The same for a network of d columns, and
 *     divergence (n):  sum_j dF_j / dx_j  of each draw, by d backward passes, where `probes` is 0;
 *                      else the mean over v of v' (dF / dx) v, v (n, probes, d) random with covariance one (Hutchinson 1989) */
void time_eval_divergence(time_eval_t *e, double time, int64_t n, const float *x, int probes,
                          const float *v, float *out, double *divergence);

double time_eval_flops(const time_eval_t *e); // since time_eval_create
size_t time_eval_bytes(const time_eval_t *e);

#endif
