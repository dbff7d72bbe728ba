// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "nn/lanes.h"
#include "nn/vec.h"

static void check_softmax(graph_t *g, tensor_t *t)
{
    (void)g;
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
}

static void forward_softmax(tensor_t *t)
{
    vec_softmax(t->rows, t->cols, t->in[0]->value, t->value);
}

/* dx = y (dy - sum_j y_j dy_j) */
static VEC_KERNEL void slope_rows(int64_t rows, int64_t cols, const float *y, const float *dy,
                                  float *dx)
{
    for (int64_t r = 0; r < rows; r++, y += cols, dy += cols, dx += cols) {
        float along = lanes_dot(cols, y, dy);
        for (int64_t c = 0; c < cols; c++)
            dx[c] += y[c] * (dy[c] - along);
    }
}

static void backward_softmax(tensor_t *t)
{
    float *out = grad_add(t->in[0]);
    if (out != NULL)
        slope_rows(t->rows, t->cols, t->value, t->grad, out);
}

static tensor_t *example_softmax(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    tensor_t *a = gradcheck_input(c, ROWS_SETS, 2, gradcheck_shape(c, 1, 30), -1, 1);
    return op_softmax(gradcheck_graph(c), a);
}

/* y (dx - sum_j y_j dx_j) */
static tensor_t *tangent_softmax(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_mul(g, t, op_sub(g, in[0], op_row_sum(g, op_mul(g, t, in[0]))));
}

const op_kind_t op_kind_softmax = {.name = "softmax",
                                   .skips = BACKWARD_SKIPS_INPUTS,
                                   .check = check_softmax,
                                   .forward = forward_softmax,
                                   .backward = backward_softmax,
                                   .example = example_softmax,
                                   .tangent = tangent_softmax};

tensor_t *op_softmax(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_softmax, 1, &a, NULL);
}
