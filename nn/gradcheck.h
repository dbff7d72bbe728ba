/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks an op's backward against differences of its forward. With w random, f = sum w * result (in float64); each
 * entry x of each input is moved by h and 2h to both sides:
 *
 *     df/dx ~ (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12 h        error O(h^4 f''''') + rounding / h
 *
 * A result entry carries a float32 rounding of about 2^-24 |r| k (k roundings inside the op), so with h = 2^-6 the
 * difference is sure to about 1e-5 of the result's size, and h^4 = 6e-8 is below that for functions of unit scale.
 * Backward runs with NaNs in place of the values that the op says it does not read (op_kind_t.skips).
 *
 * The same differences along a random direction v of all inputs together check an op's tangent (tangent.h), entry by entry
 * of its result.
 */
#ifndef NN_GRADCHECK_H
#define NN_GRADCHECK_H

#include "nn/tensor.h"

typedef struct gradcheck gradcheck_t;

/* For the examples of ops. The batch has at least three sets, among them one without elements, one with a single
 * element and one with many. */
graph_t *gradcheck_graph(gradcheck_t *c);
/* An input that wants its gradient, filled with uniform numbers in (low, high). */
tensor_t *gradcheck_input(gradcheck_t *c, int rows_class, int64_t per, int64_t cols, double low,
                          double high);
/* Filled with distinct numbers (k + 1/2) * gap, k = ..., -1, 0, 1, ... in random order: no two nearer than gap, none
 * nearer to zero than gap / 2 (for kinks). */
tensor_t *gradcheck_input_apart(gradcheck_t *c, int rows_class, int64_t per, int64_t cols,
                                double gap);
/* A fixed input without gradient, filled with `values` (1, cols) (a permutation). */
tensor_t *gradcheck_constant(gradcheck_t *c, int64_t cols, const double *values);
/* A whole number in low .. high, for shapes. */
int64_t gradcheck_shape(gradcheck_t *c, int64_t low, int64_t high);

/* Runs one variant of an op's examples. Returns false when it has no such variant; else writes the worst of
 * |analytic - difference| / (1 + |analytic| + |difference|) over all entries of all inputs, and how many were compared. */
bool gradcheck_run(const op_kind_t *kind, int variant, uint64_t seed, double *worst,
                   int64_t *compared);
/* The same for its tangent, over all entries of the result. */
bool gradcheck_tangent(const op_kind_t *kind, int variant, uint64_t seed, double *worst,
                       int64_t *compared);

#endif
