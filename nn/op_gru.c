// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "nn/fmath.h"
#include "nn/recurrent.h"

/* In place of a = h U it leaves z, r and u = a_c + b_c; extra: the candidate c. Two loops, since one runs out of registers. */
static VEC_KERNEL void gru_cell(int64_t H, const float *x, const float *bias, const float *before,
                                float *a, float *extra, float *after)
{
    const float *az = a, *ar = a + H;
    float *ac = a + 2 * H;
#pragma GCC ivdep
    for (int64_t j = 0; j < 2 * H; j++)
        a[j] = f_sigmoid(x[j] + (a[j] + bias[j]));
#pragma GCC ivdep
    for (int64_t j = 0; j < H; j++) {
        float z = az[j], u = ac[j] + bias[2 * H + j], c = f_tanh(x[2 * H + j] + ar[j] * u);
        ac[j] = u;
        extra[j] = c;
        after[j] = z * before[j] + (1.0f - z) * c;
    }
}

static VEC_KERNEL void gru_slope(int64_t H, const float *before, const float *gate,
                                 const float *extra, float *slope, float *da, float *dx)
{
#pragma GCC ivdep
    for (int64_t j = 0; j < H; j++) {
        float z = gate[j], r = gate[H + j], u = gate[2 * H + j], c = extra[j], dh = slope[j];
        float dc = dh * (1.0f - z) * (1.0f - c * c);
        float dr = dc * u * (r * (1.0f - r)), dz = dh * (before[j] - c) * (z * (1.0f - z));
        slope[j] = dh * z;
        da[j] = dx[j] = dz;
        da[H + j] = dx[H + j] = dr;
        da[2 * H + j] = dc * r;
        dx[2 * H + j] = dc;
    }
}

static const recurrent_cell_t cell = {
    .gates = 3, .states = 1, .forward = gru_cell, .backward = gru_slope};

static void check_gru(graph_t *g, tensor_t *t)
{
    recurrent_check(&cell, g, t);
}

static void forward_gru(tensor_t *t)
{
    recurrent_forward(&cell, t);
}

static void backward_gru(tensor_t *t)
{
    recurrent_backward(&cell, t);
}

static double flops_gru(const tensor_t *t, bool backward)
{
    return recurrent_flops(&cell, t, 14, backward);
}

static tensor_t *example_gru(gradcheck_t *c, int variant)
{
    if (variant > 4)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    int64_t H = gradcheck_shape(c, 1, 5);
    tensor_t *x = gradcheck_input(c, ROWS_ELEMENTS, 1, 3 * H, -1, 1);
    tensor_t *w = gradcheck_input(c, ROWS_ONE, H, 3 * H, -1, 1);
    tensor_t *b = gradcheck_input(c, ROWS_ONE, 1, 3 * H, -1, 1);
    tensor_t *y = op_gru(g, x, w, b, variant % 4);
    return variant < 4 ? y : op_add(g, y, op_gru(g, x, w, b, RECURRENT_REVERSED)); // x used twice
}

const op_kind_t op_kind_gru = {.name = "gru",
                               .skips = BACKWARD_SKIPS_FIRST | BACKWARD_SKIPS_RESULT,
                               .check = check_gru,
                               .forward = forward_gru,
                               .backward = backward_gru,
                               .flops = flops_gru,
                               .example = example_gru};

tensor_t *op_gru(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, int flags)
{
    op_attr_t attr = {.i = {flags}};
    return graph_record(g, &op_kind_gru, 3, (tensor_t *[]){x, weight, bias}, &attr);
}
