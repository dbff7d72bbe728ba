/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a series in which elements and one learned token attend to each other (Vaswani et al. 2017):
 *
 *     x = [x, Time2Vec(t)], one learned token more at the end       t = 0, 1, ...; `time_embed` columns
 *     `depth` times x = attention_block(x, x)                       not gated (attention_block.h); `embed_dim` columns
 *     summary = W [the token, extras] + b
 *
 * Of the last block the token alone is computed. Reads summary_dim, embed_dim, depth, heads, expansion, time_embed, dropout. It is
 * the peer's network of this name. For n elements a block takes time ~ n^2. An empty series is its token.
 */
#ifndef NN_TIME_SERIES_TRANSFORMER_H
#define NN_TIME_SERIES_TRANSFORMER_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_time_series_transformer;

#endif
