/* SPDX-License-Identifier: Apache-2.0
 *
 * The peer's deep set, part of deep_set.c: see deep_set.h.
 *
 *     layer             h = W x;  n = RMS(h);  m = MLP_o(RMS(mean MLP_i(RMS(n))));  x = h + MLP_e(RMS([n, m]))
 *     summary           W [s_1, ..., s_4] + b        s: four seeds that attend with four heads (attention_pool in attention_block.h)
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
