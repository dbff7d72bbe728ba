// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

/* attr.i[0]: which function. keep: its slope at each entry. */
static void check_unary(graph_t *g, tensor_t *t)
{
    CHECK(t->attr.i[0] >= 0 && t->attr.i[0] < UNARY_KINDS, "unary: %ld", (long)t->attr.i[0]);
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
    t->keep_floats = graph_full_floats(g, t);
}

static void forward_unary(tensor_t *t)
{
    unary_apply((unary_t)t->attr.i[0], tensor_size(t), t->in[0]->value, t->value, t->keep);
}

static void backward_unary(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_mul_put(tensor_size(t), t->grad, t->keep, add, out);
}

static tensor_t *example_unary(gradcheck_t *c, int variant)
{
    if (variant > UNARY_KINDS)
        return NULL;
    int64_t cols = gradcheck_shape(c, 1, 20);
    tensor_t *x;
    if (variant == UNARY_LOG || variant == UNARY_SQRT)
        x = gradcheck_input(c, ROWS_SETS, 1, cols, 0.5, 2);
    else if (variant == UNARY_LOG_ABS)
        x = gradcheck_input(c, ROWS_SETS, 1, cols, -2, -0.5);
    else if (variant == UNARY_RELU)
        x = gradcheck_input_apart(c, ROWS_SETS, 1, cols, 0.2);
    else if (variant == UNARY_KINDS) // beyond the kinks of hard_silu at -3 and 3
        x = gradcheck_input(c, ROWS_SETS, 1, cols, 3.2, 5);
    else
        x = gradcheck_input(c, ROWS_SETS, 1, cols, -2, 2);
    return op_unary(gradcheck_graph(c), x,
                    variant == UNARY_KINDS ? UNARY_HARD_SILU : (unary_t)variant);
}

static tensor_t *tangent_unary(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_mul(g, in[0], op_unary_slope(g, t->in[0], (unary_t)t->attr.i[0]));
}

const op_kind_t op_kind_unary = {.name = "unary",
                                 .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                 .check = check_unary,
                                 .forward = forward_unary,
                                 .backward = backward_unary,
                                 .example = example_unary,
                                 .tangent = tangent_unary};

tensor_t *op_unary(graph_t *g, tensor_t *a, unary_t kind)
{
    op_attr_t attr = {.i = {kind}};
    return graph_record(g, &op_kind_unary, 1, &a, &attr);
}

/* attr.i[0]: which function */
static void check_slope(graph_t *g, tensor_t *t)
{
    check_unary(g, t);
    t->keep_floats = 0;
    t->scratch_floats = graph_full_floats(g, t);
}

static void forward_slope(tensor_t *t)
{
    unary_apply((unary_t)t->attr.i[0], tensor_size(t), t->in[0]->value, graph_scratch(t->graph),
                t->value);
}

/* As example_stop: the slope is constant in x. */
static tensor_t *example_slope(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input(c, ROWS_SETS, 1, 4, -1, 1);
    return op_mul(g, x, op_unary_slope(g, op_scale(g, x, 0, 0.5), UNARY_TANH));
}

const op_kind_t op_kind_unary_slope = {.name = "unary_slope",
                                       .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                       .check = check_slope,
                                       .forward = forward_slope,
                                       .example = example_slope};

tensor_t *op_unary_slope(graph_t *g, tensor_t *a, unary_t kind)
{
    op_attr_t attr = {.i = {kind}};
    return graph_record(g, &op_kind_unary_slope, 1, &a, &attr);
}

/* attr.f: factor, shift */
static void check_scale(graph_t *g, tensor_t *t)
{
    (void)g;
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
}

static void forward_scale(tensor_t *t)
{
    vec_affine(tensor_size(t), (float)t->attr.f[0], (float)t->attr.f[1], t->in[0]->value, t->value);
}

static void backward_scale(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_scale_put(tensor_size(t), (float)t->attr.f[0], t->grad, add, out);
}

static tensor_t *example_scale(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    return op_scale(gradcheck_graph(c), gradcheck_input(c, ROWS_DRAWS, 1, 5, -1, 1), -1.7, 0.3);
}

static tensor_t *tangent_scale(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_scale(g, in[0], t->attr.f[0], 0);
}

const op_kind_t op_kind_scale = {.name = "scale",
                                 .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                 .check = check_scale,
                                 .forward = forward_scale,
                                 .backward = backward_scale,
                                 .example = example_scale,
                                 .tangent = tangent_scale};

tensor_t *op_scale(graph_t *g, tensor_t *a, double factor, double shift)
{
    op_attr_t attr = {.f = {factor, shift}};
    return graph_record(g, &op_kind_scale, 1, &a, &attr);
}

static void forward_stop(tensor_t *t)
{
    vec_affine(tensor_size(t), 1, 0, t->in[0]->value, t->value);
}

/* The stopped factor is constant in x, so the difference sees x's own slope alone; that nothing flows where it could is
 * tested in tests/nn/test_graph.c. */
static tensor_t *example_stop(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input_apart(c, ROWS_SETS, 1, 4, 0.5);
    return op_mul(g, x, op_stop(g, op_unary(g, op_scale(g, x, 0, 0.5), UNARY_TANH)));
}

static tensor_t *tangent_stop(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)g, (void)t, (void)in;
    return NULL;
}

const op_kind_t op_kind_stop = {.name = "stop",
                                .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                .check = check_scale,
                                .forward = forward_stop,
                                .example = example_stop,
                                .tangent = tangent_stop};

tensor_t *op_stop(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_stop, 1, &a, NULL);
}
