/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a series in which a recurrent network says what to look for and attention finds it (after Lim et al. 2021,
 * "Temporal fusion transformers"):
 *
 *     template = dropout(LSTM2(x))                        the sum of the last states of an LSTM from each end; `recurrent` columns
 *     `depth` times x = attention_block(x, x)             gated (attention_block.h); `embed_dim` columns
 *     summary = W [attention_block(template, x), extras] + b
 *
 * Reads summary_dim, recurrent, embed_dim, depth, heads, expansion, dropout. It is the peer's network of this name. Its norms leave
 * of a series of single numbers only their signs to attention; their size passes through the LSTM alone. For n elements a
 * block takes time ~ n^2.
 */
#ifndef NN_FUSION_TRANSFORMER_H
#define NN_FUSION_TRANSFORMER_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_fusion_transformer;

#endif
