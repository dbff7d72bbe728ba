/* SPDX-License-Identifier: Apache-2.0
 *
 * The peer's deep set, part of deep_set.c: see deep_set.h.
 *
 *     layer             h = W x;  n = RMS(h);  m = MLP_o(RMS(mean MLP_i(RMS(n))));  x = h + MLP_e(RMS([n, m]))
 *     pooling           y = x + g_p FFN(RMS(x));  s = seeds + attention(RMS(seeds), RMS(y));  s = s + g_f FFN(RMS(s))
 *     summary           W [s_1, ..., s_4] + b
 *
 * FFN(x) = (silu(x A) o x B) C, RMS with a scale of its own at each place, four heads (Lee et al. 2019, "Set
 * transformer"; gated as in Shazeer 2020).
 */
#ifndef NN_DEEP_SET_PEER_H
#define NN_DEEP_SET_PEER_H

#include "nn/deep_set.h"

typedef struct deep_set_peer deep_set_peer_t;

deep_set_peer_t *deep_set_peer_make(params_t *params, const char *name,
                                    const deep_set_config_t *config);
void deep_set_peer_destroy(deep_set_peer_t **d);
tensor_t *deep_set_peer_record(const deep_set_peer_t *d, graph_t *g, tensor_t *elements);

#endif
