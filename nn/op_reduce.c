// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "nn/lanes.h"
#include "nn/vec.h"

static void check_row(graph_t *g, tensor_t *t)
{
    (void)g;
    tensor_shape_as(t, t->in[0], 1);
}

static double flops_input(const tensor_t *t, bool backward)
{
    (void)backward;
    return (double)tensor_size(t->in[0]);
}

static VEC_KERNEL void row_sums(int64_t rows, int64_t cols, const float *x, float *y)
{
    for (int64_t r = 0; r < rows; r++)
        y[r] = lanes_sum(cols, x + r * cols);
}

/* y (rows, cols) = factor[r] x, or added; x NULL: ones. */
static VEC_KERNEL void put_rows(int64_t rows, int64_t cols, const float *factor, const float *x,
                                bool add, float *y)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            float term = factor[r] * (x != NULL ? x[r * cols + c] : 1.0f);
            y[r * cols + c] = add ? y[r * cols + c] + term : term;
        }
}

static void forward_row_sum(tensor_t *t)
{
    row_sums(t->rows, t->in[0]->cols, t->in[0]->value, t->value);
}

static void backward_row_sum(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        put_rows(t->rows, t->in[0]->cols, t->grad, NULL, add, out);
}

static tensor_t *example_row_sum(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    tensor_t *a = gradcheck_input(c, ROWS_DRAWS, 1, gradcheck_shape(c, 1, 40), -1, 1);
    return op_row_sum(gradcheck_graph(c), a);
}

static tensor_t *tangent_row_sum(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_row_sum(g, in[0]);
}

const op_kind_t op_kind_row_sum = {.name = "row_sum",
                                   .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                   .check = check_row,
                                   .forward = forward_row_sum,
                                   .backward = backward_row_sum,
                                   .flops = flops_input,
                                   .example = example_row_sum,
                                   .tangent = tangent_row_sum};

tensor_t *op_row_sum(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_row_sum, 1, &a, NULL);
}

/* -1/2 sum_j z_j^2 - c/2 ln(2 pi) */
static VEC_KERNEL void gaussian_rows(int64_t rows, int64_t cols, const float *z, float *y)
{
    float constant = (float)cols * 0.918938533f;
    for (int64_t r = 0; r < rows; r++)
        y[r] = -0.5f * lanes_dot(cols, z + r * cols, z + r * cols) - constant;
}

static void forward_gaussian(tensor_t *t)
{
    gaussian_rows(t->rows, t->in[0]->cols, t->in[0]->value, t->value);
}

static void backward_gaussian(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out == NULL)
        return;
    vec_affine(t->rows, -1, 0, t->grad, t->grad);
    put_rows(t->rows, t->in[0]->cols, t->grad, t->in[0]->value, add, out);
}

static tensor_t *example_gaussian(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    tensor_t *a = gradcheck_input(c, ROWS_DRAWS, 1, gradcheck_shape(c, 1, 20), -2, 2);
    return op_gaussian(gradcheck_graph(c), a);
}

const op_kind_t op_kind_gaussian = {.name = "gaussian",
                                    .skips = BACKWARD_SKIPS_RESULT,
                                    .check = check_row,
                                    .forward = forward_gaussian,
                                    .backward = backward_gaussian,
                                    .flops = flops_input,
                                    .example = example_gaussian};

tensor_t *op_gaussian(graph_t *g, tensor_t *z)
{
    return graph_record(g, &op_kind_gaussian, 1, &z, NULL);
}

static void check_number(graph_t *g, tensor_t *t)
{
    (void)g;
    tensor_shape(t, ROWS_ONE, 1, 1);
}

static void forward_total(tensor_t *t)
{
    t->value[0] = (float)vec_sum_f64(tensor_size(t->in[0]), t->in[0]->value);
}

/* Each entry of the input gets `slope`. */
static void put_everywhere(tensor_t *a, float slope)
{
    bool add;
    float *out = grad_put(a, &add);
    if (out != NULL)
        put_rows(1, tensor_size(a), &slope, NULL, add, out);
}

static void backward_total(tensor_t *t)
{
    put_everywhere(t->in[0], t->grad[0]);
}

static tensor_t *example_total(gradcheck_t *c, int variant)
{
    return variant > 0 ? NULL
                       : op_total(gradcheck_graph(c), gradcheck_input(c, ROWS_SETS, 2, 3, -1, 1));
}

static tensor_t *tangent_total(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_total(g, in[0]);
}

const op_kind_t op_kind_total = {.name = "total",
                                 .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                 .check = check_number,
                                 .forward = forward_total,
                                 .backward = backward_total,
                                 .flops = flops_input,
                                 .example = example_total,
                                 .tangent = tangent_total};

tensor_t *op_total(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_total, 1, &a, NULL);
}

static void forward_mean(tensor_t *t)
{
    int64_t n = tensor_size(t->in[0]);
    t->value[0] = n > 0 ? (float)(vec_sum_f64(n, t->in[0]->value) / (double)n) : 0;
}

static void backward_mean(tensor_t *t)
{
    int64_t n = tensor_size(t->in[0]);
    put_everywhere(t->in[0], n > 0 ? t->grad[0] / (float)n : 0);
}

static tensor_t *example_mean(gradcheck_t *c, int variant)
{
    return variant > 0 ? NULL
                       : op_mean(gradcheck_graph(c), gradcheck_input(c, ROWS_SETS, 2, 3, -1, 1));
}

static tensor_t *tangent_mean(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_mean(g, in[0]);
}

const op_kind_t op_kind_mean = {.name = "mean",
                                .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                .check = check_number,
                                .forward = forward_mean,
                                .backward = backward_mean,
                                .flops = flops_input,
                                .example = example_mean,
                                .tangent = tangent_mean};

tensor_t *op_mean(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_mean, 1, &a, NULL);
}
