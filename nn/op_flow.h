/* SPDX-License-Identifier: Apache-2.0
 *
 * The ops of normalizing flows: monotone maps of each row x (R, d) under raw parameters (R, ...) that a network made.
 * Each gives (R, d + 1): the d results, and in the last column the log determinant of its own Jacobian. `inverse` runs
 * the map backwards (and negates the log determinant).
 */
#ifndef NN_OP_FLOW_H
#define NN_OP_FLOW_H

#include "nn/op.h"
#include "nn/spline.h"

#include <stdbool.h>

/* y = a x + b; raw (R, 2 d) holds d raw slopes, then d shifts b: a = softplus(asinh(raw) + ln(e - 1)), 1 at raw = 0.
 * (Dinh, Sohl-Dickstein and Bengio 2017) */
tensor_t *op_affine(graph_t *g, tensor_t *x, tensor_t *raw, bool inverse);

/* Each entry through its own spline; raw (R, d (3 K + 3)), one block of 3 K + 3 (spline.h) for each column of x. */
tensor_t *op_spline(graph_t *g, tensor_t *x, tensor_t *raw, const spline_t *spline, bool inverse);

/* A Gaussian with full covariance, made standard: y = (x - m) e^-s, z_i = y_i - sum_{j < i} l_ij y_j; raw
 * (R, 2 d + d (d - 1) / 2) holds m, s, and the rows of l below its diagonal: l_10, l_20, l_21, ... */
tensor_t *op_whiten(graph_t *g, tensor_t *x, tensor_t *raw, bool inverse);

/* Columns of raw parameters that op_whiten takes for d columns. */
int64_t op_whiten_raw_count(int64_t d);

#endif
