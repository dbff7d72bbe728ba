// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"
#include "nn/tangent.h"
#include "nn/vec.h"

/* ---- gated: silu(a) o b. Backward computes silu and its slope again, which is faster than to keep them. ---- */

static void check_gated(graph_t *g, tensor_t *t)
{
    const tensor_t *a = t->in[0], *b = t->in[1];
    CHECK(tensor_same_rows(a, b) && a->cols == b->cols,
          "gated: %ld x %ld of class %d with %ld x %ld of class %d", (long)a->per, (long)a->cols,
          a->rows_class, (long)b->per, (long)b->cols, b->rows_class);
    tensor_shape_as(t, a, a->cols);
    t->scratch_floats = graph_full_floats(g, t);
}

static VEC_KERNEL void gate(int64_t n, const float *a, const float *b, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] * f_sigmoid(a[i]) * b[i];
}

/* s = sigmoid(a): da = dy b (s + a s (1 - s)), db = dy a s */
VEC_INLINE void gradients_loop(int64_t n, const float *dy, const float *a, const float *b,
                               bool add_a, bool add_b, float *da, float *db)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        float s = f_sigmoid(a[i]), y = a[i] * s;
        float by_a = dy[i] * b[i] * (s + y * (1.0f - s)), by_b = dy[i] * y;
        da[i] = add_a ? da[i] + by_a : by_a;
        db[i] = add_b ? db[i] + by_b : by_b;
    }
}

static VEC_KERNEL void gate_gradients(int64_t n, const float *dy, const float *a, const float *b,
                                      const bool add[2], float *da, float *db)
{
    if (add[0] && add[1])
        gradients_loop(n, dy, a, b, true, true, da, db);
    else if (add[0])
        gradients_loop(n, dy, a, b, true, false, da, db);
    else if (add[1])
        gradients_loop(n, dy, a, b, false, true, da, db);
    else
        gradients_loop(n, dy, a, b, false, false, da, db);
}

static void forward_gated(tensor_t *t)
{
    gate(tensor_size(t), t->in[0]->value, t->in[1]->value, t->value);
}

static void backward_gated(tensor_t *t)
{
    bool add[2];
    float *da = grad_put(t->in[0], &add[0]), *db = grad_put(t->in[1], &add[1]);
    float *unread = graph_scratch(t->graph);
    gate_gradients(tensor_size(t), t->grad, t->in[0]->value, t->in[1]->value, add,
                   da != NULL ? da : unread, db != NULL ? db : unread);
}

static tensor_t *example_gated(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    int64_t cols = gradcheck_shape(c, 1, 20);
    tensor_t *a = gradcheck_input(c, ROWS_ELEMENTS, 1, cols, -2, 2);
    tensor_t *b = variant == 0 ? gradcheck_input(c, ROWS_ELEMENTS, 1, cols, -1, 1) : a;
    return op_gated(gradcheck_graph(c), a, b);
}

static tensor_t *tangent_gated(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *slope = in[0] != NULL ? op_unary_slope(g, t->in[0], UNARY_SILU) : NULL;
    tensor_t *by_a = in[0] != NULL ? op_mul(g, op_mul(g, in[0], slope), t->in[1]) : NULL;
    tensor_t *by_b = in[1] != NULL ? op_gated(g, t->in[0], in[1]) : NULL;
    return tangent_sum(g, by_a, by_b);
}

const op_kind_t op_kind_gated = {.name = "gated",
                                 .skips = BACKWARD_SKIPS_RESULT,
                                 .check = check_gated,
                                 .forward = forward_gated,
                                 .backward = backward_gated,
                                 .example = example_gated,
                                 .tangent = tangent_gated};

tensor_t *op_gated(graph_t *g, tensor_t *a, tensor_t *b)
{
    return graph_record(g, &op_kind_gated, 2, (tensor_t *[]){a, b}, NULL);
}

/* ---- add_gated: x + s y ---- */

enum { X, Y, NUMBER };

#define BLOCK_FLOATS                                                                               \
    1024 // stay in the first-level cache; their part of s's gradient is summed in float32

static void check_add_gated(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[X], *y = t->in[Y], *s = t->in[NUMBER];
    (void)g;
    CHECK(tensor_same_rows(x, y) && x->cols == y->cols,
          "add_gated: %ld x %ld of class %d with %ld x %ld of class %d", (long)x->per,
          (long)x->cols, x->rows_class, (long)y->per, (long)y->cols, y->rows_class);
    CHECK(s->rows_class == ROWS_ONE && s->per == 1 && s->cols == 1,
          "add_gated: a number of %ld x %ld", (long)s->per, (long)s->cols);
    tensor_shape_as(t, x, x->cols);
}

static VEC_KERNEL void add_scaled(int64_t n, const float *x, const float *y, float s, float *out)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        out[i] = x[i] + s * y[i];
}

static void forward_add_gated(tensor_t *t)
{
    add_scaled(tensor_size(t), t->in[X]->value, t->in[Y]->value, t->in[NUMBER]->value[0], t->value);
}

static void backward_add_gated(tensor_t *t)
{
    int64_t n = tensor_size(t);
    bool add_x, add_y, add_s;
    float *dx = grad_put(t->in[X], &add_x), *dy = grad_put(t->in[Y], &add_y);
    float *ds = grad_put(t->in[NUMBER], &add_s), s = t->in[NUMBER]->value[0];
    double sum = 0;
    for (int64_t i = 0; i < n; i += BLOCK_FLOATS) {
        int64_t m = n - i < BLOCK_FLOATS ? n - i : BLOCK_FLOATS;
        if (ds != NULL)
            sum += (double)vec_dot(m, t->grad + i, t->in[Y]->value + i);
        if (dx != NULL)
            vec_scale_put(m, 1, t->grad + i, add_x, dx + i);
        if (dy != NULL)
            vec_scale_put(m, s, t->grad + i, add_y, dy + i);
    }
    if (ds != NULL)
        ds[0] = (float)sum + (add_s ? ds[0] : 0);
}

static double flops_add_gated(const tensor_t *t, bool backward)
{
    return (double)tensor_size(t) * (backward ? 3 : 2);
}

static tensor_t *example_add_gated(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    int64_t cols = gradcheck_shape(c, 1, 20);
    tensor_t *x = gradcheck_input(c, ROWS_ELEMENTS, 1, cols, -1, 1);
    tensor_t *y = variant == 0 ? gradcheck_input(c, ROWS_ELEMENTS, 1, cols, -1, 1) : x;
    return op_add_gated(gradcheck_graph(c), x, y, gradcheck_input(c, ROWS_ONE, 1, 1, -2, 2));
}

static tensor_t *tangent_add_gated(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *by_y = in[Y] != NULL ? op_mul(g, in[Y], t->in[NUMBER]) : NULL;
    tensor_t *by_s = in[NUMBER] != NULL ? op_mul(g, t->in[Y], in[NUMBER]) : NULL;
    return tangent_sum(g, in[X], tangent_sum(g, by_y, by_s));
}

const op_kind_t op_kind_add_gated = {.name = "add_gated",
                                     .skips = BACKWARD_SKIPS_RESULT,
                                     .check = check_add_gated,
                                     .forward = forward_add_gated,
                                     .backward = backward_add_gated,
                                     .flops = flops_add_gated,
                                     .example = example_add_gated,
                                     .tangent = tangent_add_gated};

tensor_t *op_add_gated(graph_t *g, tensor_t *x, tensor_t *y, tensor_t *number)
{
    return graph_record(g, &op_kind_add_gated, 3, (tensor_t *[]){x, y, number}, NULL);
}
