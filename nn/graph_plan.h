/* SPDX-License-Identifier: Apache-2.0
 *
 * Where every buffer of a graph lies. Time runs from 0 to 2n: node i works forward at time i and backward at 2n - 1 - i;
 * a buffer is alive from the first to the last time it is touched, and two may share memory when their lives do not
 * meet. What a pass may find done (results of an earlier stage that a later one reads; in a slope graph what backward reads)
 * lives always. Buffers are placed by falling size at the lowest free place (first fit).
 */
#ifndef NN_GRAPH_PLAN_H
#define NN_GRAPH_PLAN_H

#include "nn/tensor.h"

/* Sets value, grad and keep of every node that needs one (weights have theirs elsewhere), and *scratch; returns the one
 * block they lie in, which the caller frees, and its size. */
float *graph_plan(const graph_t *g, int n, tensor_t *const *node, float **scratch, size_t *bytes);

#endif
