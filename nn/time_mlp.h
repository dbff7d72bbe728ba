/* SPDX-License-Identifier: Apache-2.0
 *
 * The residual MLP inside flow matching and its kin (BayesFlow's TimeMLP): x (d numbers), time t, condition c -> `out` numbers.
 *
 *     tau = [t, sin(2 pi s w t), cos(2 pi s w t)]     w learned, (time_embed / 2), from N(0, 0.05^2); s = fourier_scale
 *     b   = W_c c,  e = [tau; b]                      without condition, or where it is not persistent: e = tau
 *     h   = mish(W_m [mish(W_x x); mish(b)])          without condition: h = mish(W_x x)
 *     `depth` times
 *         u = mish(W h), dropout
 *         u = u (1 + W_gamma e) + W_beta e            FiLM (Perez et al. 2018); without film_scale: u + W_beta e
 *         h = LayerNorm(h + u)
 *     out = W_out h
 *
 * Every map has a bias. All of tau, b, e and the terms of FiLM are of a data set, not of a draw, and W_m, W_gamma and W_beta
 * are split by the part that they multiply: what depends on c alone, on t and c, and on x are separate rows of the graph.
 */
#ifndef NN_TIME_MLP_H
#define NN_TIME_MLP_H

#include "nn/time_net.h"

typedef struct time_mlp time_mlp_t;

/* Adds its weights to `params`, their names below `name`. */
time_mlp_t *time_mlp_make(params_t *params, const char *name, const time_net_config_t *config);
void time_mlp_destroy(time_mlp_t **m);
/* As time_net_record, without an image. */
tensor_t *time_mlp_record(const time_mlp_t *m, graph_t *g, tensor_t *x, tensor_t *time,
                          tensor_t *condition);

#endif
