// SPDX-License-Identifier: Apache-2.0
#include "nn/series_layer.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdlib.h>

static const linear_init_t plain = {INIT_GLOROT_UNIFORM, 1.0, true};

conv1d_t conv1d_make(params_t *p, const char *name, const char *part, int64_t in, int64_t out,
                     int64_t kernel, int64_t stride)
{
    conv1d_t l = {.kernel = kernel, .stride = stride};
    l.map = linear_make_below(p, name, part, kernel * in, out, plain);
    return l;
}

tensor_t *conv1d_record(const conv1d_t *l, graph_t *g, tensor_t *x, unary_t activation)
{
    return linear_record(&l->map, g, op_window(g, x, l->kernel, l->stride), activation);
}

static int add(params_t *p, const char *name, const char *direction, const char *part, int64_t rows,
               int64_t cols, init_kind_t init)
{
    char *full = mem_format("%s/%s/%s", name, direction, part);
    int id = params_add(p, full, rows, cols, init, 1.0);
    free(full);
    return id;
}

static recurrent_layer_t direction_make(params_t *p, const char *name, const char *direction,
                                        recurrent_kind_t kind, int64_t in, int64_t H)
{
    recurrent_layer_t l = {.kind = kind, .recurrent_bias = -1};
    int64_t cols = (kind == RECURRENT_GRU ? 3 : 4) * H;
    l.weight = add(p, name, direction, "weight", in, cols, INIT_GLOROT_UNIFORM);
    if (kind == RECURRENT_GRU) {
        l.bias[0] = add(p, name, direction, "bias", 1, cols, INIT_ZERO);
        l.recurrent_bias = add(p, name, direction, "recurrent_bias", 1, cols, INIT_ZERO);
    } else {
        l.bias[0] = add(p, name, direction, "bias_input", 1, H, INIT_ZERO);
        l.bias[1] = add(p, name, direction, "bias_forget", 1, H, INIT_ONE);
        l.bias[2] = add(p, name, direction, "bias_rest", 1, 2 * H, INIT_ZERO);
    }
    l.recurrent = add(p, name, direction, "recurrent_weight", H, cols, INIT_ORTHOGONAL);
    return l;
}

bidirectional_t bidirectional_make(params_t *p, const char *name, const char *part,
                                   recurrent_kind_t kind, int64_t in, int64_t width)
{
    bidirectional_t l;
    char *full = mem_format("%s/%s", name, part);
    l.forward = direction_make(p, full, "forward", kind, in, width);
    l.reversed = direction_make(p, full, "reversed", kind, in, width);
    free(full);
    return l;
}

static tensor_t *gru_record(const recurrent_layer_t *l, graph_t *g, tensor_t *x, int flags)
{
    tensor_t *in =
        op_linear(g, x, graph_param(g, l->weight), graph_param(g, l->bias[0]), UNARY_IDENTITY);
    return op_gru(g, in, graph_param(g, l->recurrent), graph_param(g, l->recurrent_bias), flags);
}

static tensor_t *lstm_record(const recurrent_layer_t *l, graph_t *g, tensor_t *x, int flags)
{
    tensor_t *bias =
        op_concat(g, 3,
                  (tensor_t *[]){graph_param(g, l->bias[0]), graph_param(g, l->bias[1]),
                                 graph_param(g, l->bias[2])});
    tensor_t *in = op_linear(g, x, graph_param(g, l->weight), bias, UNARY_IDENTITY);
    return op_lstm(g, in, graph_param(g, l->recurrent), flags);
}

static tensor_t *direction_record(const recurrent_layer_t *l, graph_t *g, tensor_t *x, int flags)
{
    switch (l->kind) {
    case RECURRENT_GRU:
        return gru_record(l, g, x, flags);
    case RECURRENT_LSTM:
        return lstm_record(l, g, x, flags);
    }
    return NULL;
}

tensor_t *bidirectional_record(const bidirectional_t *l, graph_t *g, tensor_t *x)
{
    tensor_t *forward = direction_record(&l->forward, g, x, 0);
    return op_add(g, forward, direction_record(&l->reversed, g, x, RECURRENT_REVERSED));
}

time2vec_t time2vec_make(params_t *p, const char *name, const char *part, int64_t columns)
{
    CHECK(columns > 1, "%s/%s: %ld columns of time", name, part, (long)columns);
    return (time2vec_t){linear_make_below(p, name, part, 1, columns, plain)};
}

tensor_t *time2vec_record(const time2vec_t *l, graph_t *g, tensor_t *x)
{
    tensor_t *time = linear_record(&l->map, g, op_position(g, x), UNARY_IDENTITY);
    tensor_t *trend = op_slice(g, time, 0, 1);
    tensor_t *waves = op_unary(g, op_slice(g, time, 1, l->map.out - 1), UNARY_SIN);
    return op_concat(g, 3, (tensor_t *[]){x, trend, waves});
}
