/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers over the time of a series: x is (elements, columns), the elements of a series in the order of time. Layers are
 * values, as in layer.h; their weights are named below "name/part".
 */
#ifndef NN_SERIES_LAYER_H
#define NN_SERIES_LAYER_H

#include "nn/layer.h"

/* A convolution over time with "same" padding (op_window): a linear map of windows of `kernel` elements, one in `stride`. */
typedef struct {
    linear_t map; // (kernel * in, out), taps outermost
    int64_t kernel, stride;
} conv1d_t;

/* weight, bias */
conv1d_t conv1d_make(params_t *p, const char *name, const char *part, int64_t in, int64_t out,
                     int64_t kernel, int64_t stride);
/* -> (graph_derive(stride, 0), out) */
tensor_t *conv1d_record(const conv1d_t *l, graph_t *g, tensor_t *x, unary_t activation);

typedef enum { RECURRENT_GRU, RECURRENT_LSTM } recurrent_kind_t;

/* One direction: op_gru or op_lstm over a linear map of x with bias. An LSTM's forget gate begins with bias 1 (Jozefowicz et
 * al. 2015). */
typedef struct {
    recurrent_kind_t kind;
    int weight;         // of x: (in, 3H or 4H)
    int bias[3];        // GRU: of x; LSTM: of i, f, and g with o
    int recurrent;      // of h: (H, 3H or 4H)
    int recurrent_bias; // GRU: (1, 3H)
} recurrent_layer_t;

/* Two of them, from both ends: the sum of their last states. */
typedef struct {
    recurrent_layer_t forward, reversed;
} bidirectional_t;

/* Below forward and reversed: GRU weight, bias, recurrent_weight, recurrent_bias; LSTM weight, bias_input, bias_forget,
 * bias_rest, recurrent_weight. H = width. */
bidirectional_t bidirectional_make(params_t *p, const char *name, const char *part,
                                   recurrent_kind_t kind, int64_t in, int64_t width);
/* -> (ROWS_SETS, width); of an empty series zeros. */
tensor_t *bidirectional_record(const bidirectional_t *l, graph_t *g, tensor_t *x);

/* Time2Vec (Kazemi et al. 2019) of the positions t = 0, 1, ...: columns w_0 t + b_0, sin(w_k t + b_k) beside those of x. */
typedef struct {
    linear_t map; // (1, columns)
} time2vec_t;

/* weight, bias; columns > 1 */
time2vec_t time2vec_make(params_t *p, const char *name, const char *part, int64_t columns);
/* -> (elements, x's columns + columns) */
tensor_t *time2vec_record(const time2vec_t *l, graph_t *g, tensor_t *x);

#endif
