/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a set in which elements attend to each other; the same for any order of them (Lee et al. 2019, "Set
 * transformer", in the form of BayesFlow 2.1). Blocks are attention_block, attention_pool of attention_block.h:
 *
 *     `depth` times     x = block(x, x)                       `inducing` 0
 *                       x = block(x, block(points, x))        else: `inducing` learned points see the set, and it sees them
 *     summary           W [pool(x), extras] + b               `seeds` seeds
 *
 * x has `embed_dim` columns from the first block on; attention has `heads` heads, feed-forward networks expand by `expansion`.
 * For n elements a block takes time ~ n^2, with inducing points ~ n * inducing. Its norms leave only the signs of elements of
 * one number: give it more columns of each (the amortizer's `channels`). Dropout is of what attention found, where the peer
 * drops weights of attention, and within the feed-forward networks.
 */
#ifndef NN_SET_TRANSFORMER_H
#define NN_SET_TRANSFORMER_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_set_transformer;

#endif
