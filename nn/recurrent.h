/* SPDX-License-Identifier: Apache-2.0
 *
 * What recurrent ops share, part of op_gru.c and op_lstm.c. A cell reads its input x_t, which some linear map has made for
 * all steps at once, and its state before, and makes the state after:
 *
 *     a_t = h_{t-1} U                      one product for all sets that still run at step t
 *     state_t = cell(x_t, a_t, state_{t-1})         state_0 = 0; its first H numbers are h
 *
 * in: x (elements, gates * H), U (H, gates * H) [, bias (1, gates * H)]. A set's steps run over its own elements, from the
 * last to the first where RECURRENT_REVERSED. Result: h after the last step (ROWS_SETS, H), zero for an empty set; with
 * RECURRENT_ALL h after each element (elements, H). attr.i[0]: RECURRENT_*.
 */
#ifndef NN_RECURRENT_H
#define NN_RECURRENT_H

#include "nn/op.h"

typedef struct {
    int gates;  // blocks of H numbers in x and a
    int states; // blocks of H numbers in the state, h first
    /* x, a (gates * H); bias (gates * H) or NULL; before, after (states * H), which may be one array. In place of a it
     * leaves what backward wants of the gates, and H numbers more in `extra`. */
    void (*forward)(int64_t H, const float *x, const float *bias, const float *before, float *a,
                    float *extra, float *after);
    /* gate, extra: what forward left. `slope` (states * H): gradient by the state after, in whose place goes that by the state
     * before, without the part through a. da, dx (gates * H): the gradients by a and x. */
    void (*backward)(int64_t H, const float *before, const float *gate, const float *extra,
                     float *slope, float *da, float *dx);
} recurrent_cell_t;

void recurrent_check(const recurrent_cell_t *cell, graph_t *g, tensor_t *t);
void recurrent_forward(const recurrent_cell_t *cell, tensor_t *t);
void recurrent_backward(const recurrent_cell_t *cell, tensor_t *t);
/* `entry`: operations a number of the state beside the product, forward. */
double recurrent_flops(const recurrent_cell_t *cell, const tensor_t *t, double entry,
                       bool backward);

#endif
