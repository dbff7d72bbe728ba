// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/tangent.h"
#include "nn/vec.h"

/* in: x, weight[, bias]; attr.i[0]: activation. keep: the activation's slope at each entry. */
enum { X, WEIGHT, BIAS };

static unary_t activation(const tensor_t *t)
{
    return (unary_t)t->attr.i[0];
}

static void check_linear(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[X], *w = t->in[WEIGHT];
    CHECK(w->rows_class == ROWS_ONE && w->per == x->cols, "linear: %ld columns, weights %ld x %ld",
          (long)x->cols, (long)w->per, (long)w->cols);
    if (t->n_in > BIAS) {
        const tensor_t *b = t->in[BIAS];
        CHECK(b->rows_class == ROWS_ONE && b->per == 1 && b->cols == w->cols,
              "linear: weights of %ld columns, bias %ld x %ld", (long)w->cols, (long)b->per,
              (long)b->cols);
    }
    tensor_shape_as(t, x, w->cols);
    if (activation(t) != UNARY_IDENTITY)
        t->keep_floats = graph_full_floats(g, t);
}

static void forward_linear(tensor_t *t)
{
    const tensor_t *x = t->in[X], *w = t->in[WEIGHT];
    vec_linear(t->rows, x->cols, t->cols, x->value, w->value,
               t->n_in > BIAS ? t->in[BIAS]->value : NULL, t->value);
    if (activation(t) != UNARY_IDENTITY)
        unary_apply(activation(t), tensor_size(t), t->value, t->value, t->keep);
}

static void backward_linear(tensor_t *t)
{
    tensor_t *x = t->in[X], *w = t->in[WEIGHT];
    int64_t n = x->cols, m = t->cols;
    bool add, curved = activation(t) != UNARY_IDENTITY;
    float *out = t->n_in > BIAS ? grad_put(t->in[BIAS], &add) : NULL;
    if (curved && out != NULL)
        vec_mul_col_sum(t->rows, m, t->keep, t->grad, add, out);
    else if (curved)
        vec_mul(tensor_size(t), t->grad, t->keep, t->grad);
    else if (out != NULL)
        vec_col_sum(t->rows, m, t->grad, add, out);
    out = grad_put(w, &add);
    if (out != NULL)
        vec_gemm(true, false, n, m, t->rows, 1, x->value, n, t->grad, m, add ? 1 : 0, out, m);
    out = grad_put(x, &add);
    if (out != NULL)
        vec_gemm(false, true, t->rows, n, m, 1, t->grad, m, w->value, m, add ? 1 : 0, out, n);
}

static double flops_linear(const tensor_t *t, bool backward)
{
    double product = 2.0 * (double)t->rows * (double)t->cols * (double)t->in[X]->cols;
    int products = backward ? t->in[X]->wants_grad + t->in[WEIGHT]->wants_grad : 1;
    return products * product + (double)tensor_size(t);
}

static tensor_t *example_linear(gradcheck_t *c, int variant)
{
    if (variant > UNARY_MISH)
        return NULL;
    int64_t n = gradcheck_shape(c, 1, 9), m = gradcheck_shape(c, 1, 20);
    bool positive = variant == UNARY_LOG || variant == UNARY_LOG_ABS;
    double low = positive ? 0.5 : -0.8;
    tensor_t *x = gradcheck_input(c, ROWS_ELEMENTS, 1, n, low, 1);
    tensor_t *w = gradcheck_input(c, ROWS_ONE, n, m, low, 1);
    tensor_t *b = gradcheck_input(c, ROWS_ONE, 1, m, low, 1);
    return op_linear(gradcheck_graph(c), x, w, variant % 2 == 0 || positive ? b : NULL,
                     (unary_t)variant);
}

/* f'(x W + b) (dx W + x dW + db); of f the argument is computed again. */
static tensor_t *tangent_linear(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *bias = t->n_in > BIAS ? t->in[BIAS] : NULL;
    tensor_t *by_x = in[X] != NULL ? op_matmul(g, in[X], t->in[WEIGHT]) : NULL;
    tensor_t *by_weight = in[WEIGHT] != NULL ? op_matmul(g, t->in[X], in[WEIGHT]) : NULL;
    tensor_t *sum = tangent_sum(g, by_x, by_weight);
    if (bias != NULL && in[BIAS] != NULL)
        sum = op_add(g, tangent_or_zero(g, t, sum), in[BIAS]);
    if (activation(t) == UNARY_IDENTITY)
        return sum;
    tensor_t *argument = op_linear(g, t->in[X], t->in[WEIGHT], bias, UNARY_IDENTITY);
    return op_mul(g, sum, op_unary_slope(g, argument, activation(t)));
}

const op_kind_t op_kind_linear = {.name = "linear",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check_linear,
                                  .forward = forward_linear,
                                  .backward = backward_linear,
                                  .flops = flops_linear,
                                  .example = example_linear,
                                  .tangent = tangent_linear};

tensor_t *op_linear(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, unary_t kind)
{
    op_attr_t attr = {.i = {kind}};
    return graph_record(g, &op_kind_linear, bias != NULL ? 3 : 2, (tensor_t *[]){x, weight, bias},
                        &attr);
}

/* matmul is linear without bias and activation, under its own name: the right factor may be a result. */
static tensor_t *example_matmul(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    int64_t n = gradcheck_shape(c, 1, 6), m = gradcheck_shape(c, 1, 6);
    graph_t *g = gradcheck_graph(c);
    tensor_t *a = gradcheck_input(c, variant == 0 ? ROWS_SETS : ROWS_ONE, 2, n, -1, 1);
    tensor_t *b = op_unary(g, gradcheck_input(c, ROWS_ONE, n, m, -1, 1), UNARY_TANH);
    return op_matmul(g, a, b);
}

const op_kind_t op_kind_matmul = {.name = "matmul",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check_linear,
                                  .forward = forward_linear,
                                  .backward = backward_linear,
                                  .flops = flops_linear,
                                  .example = example_matmul,
                                  .tangent = tangent_linear};

tensor_t *op_matmul(graph_t *g, tensor_t *a, tensor_t *b)
{
    op_attr_t attr = {.i = {UNARY_IDENTITY}};
    return graph_record(g, &op_kind_matmul, 2, (tensor_t *[]){a, b}, &attr);
}
