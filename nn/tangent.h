/* SPDX-License-Identifier: Apache-2.0
 *
 * Tangents: the directional derivative of a recorded tensor, recorded as more nodes of the same graph (forward mode). If
 * y = f(x_1, .. x_n), then along (v_1, .. v_n)
 *
 *     dy = sum_k (df / dx_k) v_k
 *
 * which costs about as much as f once more. Each op says how its tangent is made of those of its inputs (op_kind_t.tangent).
 * Random ops (dropout) are taken as they fell in this pass. A stopped tensor (op_stop) counts as a constant.
 */
#ifndef NN_TANGENT_H
#define NN_TANGENT_H

#include "nn/op.h"

/* The tangent of `out`, a tensor of its shape, when the n tensors `input` move along `tangent` (each of its input's shape;
 * NULL: it does not move) and all else that `out` was made from stands still. No gradient flows through the result. NULL: it
 * is zero whatever the numbers are. Every op between that moves must have a tangent; one that has none is a bug. */
tensor_t *graph_tangent(graph_t *g, tensor_t *out, int n, tensor_t *const *input,
                        tensor_t *const *tangent);

/* For ops. `tangent`, or where it is NULL zeros of t's shape. */
tensor_t *tangent_or_zero(graph_t *g, tensor_t *t, tensor_t *tangent);
/* a + b, where NULL stands for zero. */
tensor_t *tangent_sum(graph_t *g, tensor_t *a, tensor_t *b);

#endif
