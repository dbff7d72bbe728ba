// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "nn/fmath.h"
#include "nn/recurrent.h"

/* In place of a = h U it leaves the gates i, f, g, o; extra: tanh of the cell's state. Loops of one function each, since one of
 * all runs out of registers. */
static VEC_KERNEL void lstm_cell(int64_t H, const float *x, const float *bias, const float *before,
                                 float *a, float *extra, float *after)
{
    const float *i = a, *f = a + H, *g = a + 2 * H, *o = a + 3 * H;
    (void)bias;
#pragma GCC ivdep
    for (int64_t j = 0; j < 2 * H; j++)
        a[j] = f_sigmoid(x[j] + a[j]);
#pragma GCC ivdep
    for (int64_t j = 2 * H; j < 3 * H; j++)
        a[j] = f_tanh(x[j] + a[j]);
#pragma GCC ivdep
    for (int64_t j = 3 * H; j < 4 * H; j++)
        a[j] = f_sigmoid(x[j] + a[j]);
#pragma GCC ivdep
    for (int64_t j = 0; j < H; j++) {
        float c = f[j] * before[H + j] + i[j] * g[j], bounded = f_tanh(c);
        extra[j] = bounded;
        after[j] = o[j] * bounded;
        after[H + j] = c;
    }
}

static VEC_KERNEL void lstm_slope(int64_t H, const float *before, const float *gate,
                                  const float *extra, float *slope, float *da, float *dx)
{
#pragma GCC ivdep
    for (int64_t j = 0; j < H; j++) {
        float i = gate[j], f = gate[H + j], g = gate[2 * H + j], o = gate[3 * H + j];
        float dh = slope[j], bounded = extra[j];
        float dc = slope[H + j] + dh * o * (1.0f - bounded * bounded);
        slope[j] = 0.0f;
        slope[H + j] = dc * f;
        da[j] = dx[j] = dc * g * (i * (1.0f - i));
        da[H + j] = dx[H + j] = dc * before[H + j] * (f * (1.0f - f));
        da[2 * H + j] = dx[2 * H + j] = dc * i * (1.0f - g * g);
        da[3 * H + j] = dx[3 * H + j] = dh * bounded * (o * (1.0f - o));
    }
}

static const recurrent_cell_t cell = {
    .gates = 4, .states = 2, .forward = lstm_cell, .backward = lstm_slope};

static void check_lstm(graph_t *g, tensor_t *t)
{
    recurrent_check(&cell, g, t);
}

static void forward_lstm(tensor_t *t)
{
    recurrent_forward(&cell, t);
}

static void backward_lstm(tensor_t *t)
{
    recurrent_backward(&cell, t);
}

static double flops_lstm(const tensor_t *t, bool backward)
{
    return recurrent_flops(&cell, t, 13, backward);
}

static tensor_t *example_lstm(gradcheck_t *c, int variant)
{
    if (variant > 3)
        return NULL;
    int64_t H = gradcheck_shape(c, 1, 5);
    tensor_t *x = gradcheck_input(c, ROWS_ELEMENTS, 1, 4 * H, -1, 1);
    tensor_t *w = gradcheck_input(c, ROWS_ONE, H, 4 * H, -1, 1);
    return op_lstm(gradcheck_graph(c), x, w, variant);
}

const op_kind_t op_kind_lstm = {.name = "lstm",
                                .skips = BACKWARD_SKIPS_FIRST | BACKWARD_SKIPS_RESULT,
                                .check = check_lstm,
                                .forward = forward_lstm,
                                .backward = backward_lstm,
                                .flops = flops_lstm,
                                .example = example_lstm};

tensor_t *op_lstm(graph_t *g, tensor_t *x, tensor_t *weight, int flags)
{
    op_attr_t attr = {.i = {flags}};
    return graph_record(g, &op_kind_lstm, 2, (tensor_t *[]){x, weight}, &attr);
}
