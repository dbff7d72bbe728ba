// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"
#include "nn/tangent.h"
#include "nn/vec.h"

#include <stddef.h>

/* How b's entries meet a's. attr.i[0], set by check. */
typedef enum { SPREAD_NONE, SPREAD_ROW, SPREAD_COLUMN, SPREAD_NUMBER } spread_t;

static void check_binary(graph_t *g, tensor_t *t)
{
    const tensor_t *a = t->in[0], *b = t->in[1];
    bool one = b->rows_class == ROWS_ONE && b->per == 1;
    (void)g;
    tensor_shape_as(t, a, a->cols);
    if (tensor_same_rows(a, b) && a->cols == b->cols)
        t->attr.i[0] = SPREAD_NONE;
    else if (one && b->cols == 1)
        t->attr.i[0] = SPREAD_NUMBER;
    else if (one && b->cols == a->cols)
        t->attr.i[0] = SPREAD_ROW;
    else if (tensor_same_rows(a, b) && b->cols == 1)
        t->attr.i[0] = SPREAD_COLUMN;
    else
        CHECK(false, "%s: %ld x %ld of class %d with %ld x %ld of class %d", t->kind->name,
              (long)a->per, (long)a->cols, a->rows_class, (long)b->per, (long)b->cols,
              b->rows_class);
}

/* b's entries spread over rows [0, rows) of width cols, into `full`: nothing is spread where b has its own. */
static VEC_KERNEL void spread(spread_t how, int64_t rows, int64_t cols, const float *b, float *full)
{
    for (int64_t r = 0; r < rows; r++) {
        float number = how == SPREAD_COLUMN ? b[r] : b[0];
        for (int64_t c = 0; c < cols; c++)
            full[r * cols + c] = how == SPREAD_ROW ? b[c] : number;
    }
}

typedef void join_t(int64_t n, const float *a, const float *b, float *y);

#define SPREAD_FLOATS 1024

/* y = a o b, b spread in blocks that stay in the first-level cache; rows wider than a block go one by one. */
static void join(join_t *with, spread_t how, int64_t rows, int64_t cols, const float *a,
                 const float *b, float *y)
{
    float full[SPREAD_FLOATS];
    int64_t block = cols < SPREAD_FLOATS ? SPREAD_FLOATS / cols : 1;
    if (how == SPREAD_NONE) {
        with(rows * cols, a, b, y);
        return;
    }
    for (int64_t r = 0; r < rows; r += block)
        for (int64_t c = 0; c < cols; c += SPREAD_FLOATS) {
            int64_t n = rows - r < block ? rows - r : block;
            int64_t width = cols - c < SPREAD_FLOATS ? cols - c : SPREAD_FLOATS;
            const float *from = how == SPREAD_ROW ? b + c : how == SPREAD_COLUMN ? b + r : b;
            spread(how, n, width, from, full);
            with(n * width, a + r * cols + c, full, y + r * cols + c);
        }
}

/* Adds the gradient by the spread b, (rows, cols), to b's. */
static void collect(spread_t how, int64_t rows, int64_t cols, const float *full, tensor_t *b)
{
    bool add;
    float *out = grad_put(b, &add);
    switch (how) {
    case SPREAD_NONE:
        vec_scale_put(rows * cols, 1, full, add, out);
        break;
    case SPREAD_ROW:
        vec_col_sum(rows, cols, full, add, out);
        break;
    case SPREAD_COLUMN:
        for (int64_t r = 0; r < rows; r++)
            out[r] = vec_sum(cols, full + r * cols) + (add ? out[r] : 0);
        break;
    case SPREAD_NUMBER:
        out[0] = (float)vec_sum_f64(rows * cols, full) + (add ? out[0] : 0);
        break;
    }
}

static spread_t spread_of(const tensor_t *t)
{
    return (spread_t)t->attr.i[0];
}

static void forward_with(tensor_t *t, join_t *with)
{
    join(with, spread_of(t), t->rows, t->cols, t->in[0]->value, t->in[1]->value, t->value);
}

static void forward_add(tensor_t *t)
{
    forward_with(t, vec_add);
}

static void forward_sub(tensor_t *t)
{
    forward_with(t, vec_sub);
}

static void forward_mul(tensor_t *t)
{
    if (spread_of(t) == SPREAD_NUMBER)
        vec_scale_put(tensor_size(t), t->in[1]->value[0], t->in[0]->value, false, t->value);
    else
        forward_with(t, vec_mul);
}

static void forward_div(tensor_t *t)
{
    forward_with(t, vec_div);
}

static void put_first(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_scale_put(tensor_size(t), 1, t->grad, add, out);
}

static void backward_add(tensor_t *t)
{
    put_first(t);
    if (t->in[1]->grad != NULL)
        collect(spread_of(t), t->rows, t->cols, t->grad, t->in[1]);
}

static void backward_sub(tensor_t *t)
{
    put_first(t);
    if (t->in[1]->grad == NULL)
        return;
    vec_affine(tensor_size(t), -1, 0, t->grad, t->grad);
    collect(spread_of(t), t->rows, t->cols, t->grad, t->in[1]);
}

/* d/da = dy b, d/db = dy a, each put or added; in one pass where both are of one shape */
static VEC_KERNEL void mul_gradients(int64_t n, const float *dy, const float *a, const float *b,
                                     const bool add[2], float *da, float *db)
{
    bool add_a = add[0], add_b = add[1];
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        float by_a = dy[i] * b[i], by_b = dy[i] * a[i];
        da[i] = add_a ? da[i] + by_a : by_a;
        db[i] = add_b ? db[i] + by_b : by_b;
    }
}

static void backward_mul_same(tensor_t *t)
{
    bool add[2];
    float *da = grad_put(t->in[0], &add[0]), *db = grad_put(t->in[1], &add[1]);
    const float *a = t->in[0]->value, *b = t->in[1]->value;
    if (da != NULL && db != NULL)
        mul_gradients(tensor_size(t), t->grad, a, b, add, da, db);
    else if (da != NULL)
        vec_mul_put(tensor_size(t), t->grad, b, add[0], da);
    else if (db != NULL)
        vec_mul_put(tensor_size(t), t->grad, a, add[1], db);
}

static void backward_mul_number(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_scale_put(tensor_size(t), t->in[1]->value[0], t->grad, add, out);
    out = grad_put(t->in[1], &add);
    if (out != NULL)
        out[0] = (float)vec_dot_f64(tensor_size(t), t->grad, t->in[0]->value) + (add ? out[0] : 0);
}

/* The products lie in the scratch. */
static void backward_mul_spread(tensor_t *t)
{
    float *product = graph_scratch(t->graph);
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL) {
        join(vec_mul, spread_of(t), t->rows, t->cols, t->grad, t->in[1]->value, product);
        vec_scale_put(tensor_size(t), 1, product, add, out);
    }
    if (t->in[1]->grad != NULL) {
        vec_mul(tensor_size(t), t->grad, t->in[0]->value, product);
        collect(spread_of(t), t->rows, t->cols, product, t->in[1]);
    }
}

static void backward_mul(tensor_t *t)
{
    if (spread_of(t) == SPREAD_NUMBER)
        backward_mul_number(t);
    else if (spread_of(t) == SPREAD_NONE && t->in[0] != t->in[1])
        backward_mul_same(t);
    else
        backward_mul_spread(t);
}

/* d/da = dy / b, d/db = -dy y / b */
static void backward_div(tensor_t *t)
{
    bool add;
    join(vec_div, spread_of(t), t->rows, t->cols, t->grad, t->in[1]->value, t->grad);
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_scale_put(tensor_size(t), 1, t->grad, add, out);
    if (t->in[1]->grad == NULL)
        return;
    vec_mul(tensor_size(t), t->grad, t->value, t->grad);
    vec_affine(tensor_size(t), -1, 0, t->grad, t->grad);
    collect(spread_of(t), t->rows, t->cols, t->grad, t->in[1]);
}

static void check_mul(graph_t *g, tensor_t *t)
{
    check_binary(g, t);
    t->scratch_floats = graph_full_floats(g, t);
}

/* Operands for variant 0 .. 3, one of each spread, b's entries in (low, 2). */
static bool example_pair(gradcheck_t *c, int variant, double low, tensor_t **a, tensor_t **b)
{
    if (variant > SPREAD_NUMBER)
        return false;
    int64_t per = gradcheck_shape(c, 1, 3), cols = gradcheck_shape(c, 2, 20);
    spread_t how = (spread_t)variant;
    bool one = how == SPREAD_ROW || how == SPREAD_NUMBER;
    *a = gradcheck_input(c, ROWS_SETS, per, cols, -1, 1);
    *b = gradcheck_input(c, one ? ROWS_ONE : ROWS_SETS, one ? 1 : per,
                         how == SPREAD_NONE || how == SPREAD_ROW ? cols : 1, low, 2);
    return true;
}

static tensor_t *example_add(gradcheck_t *c, int variant)
{
    tensor_t *a, *b;
    if (variant == SPREAD_NUMBER + 1) { // both operands one tensor
        a = gradcheck_input(c, ROWS_SETS, 1, 3, -1, 1);
        return op_add(gradcheck_graph(c), a, a);
    }
    return example_pair(c, variant, -1, &a, &b) ? op_add(gradcheck_graph(c), a, b) : NULL;
}

static tensor_t *example_sub(gradcheck_t *c, int variant)
{
    tensor_t *a, *b;
    return example_pair(c, variant, -1, &a, &b) ? op_sub(gradcheck_graph(c), a, b) : NULL;
}

static tensor_t *example_mul(gradcheck_t *c, int variant)
{
    tensor_t *a, *b;
    if (variant == SPREAD_NUMBER + 1) {
        a = gradcheck_input(c, ROWS_SETS, 1, 3, -1, 1);
        return op_mul(gradcheck_graph(c), a, a);
    }
    return example_pair(c, variant, -1, &a, &b) ? op_mul(gradcheck_graph(c), a, b) : NULL;
}

static tensor_t *example_div(gradcheck_t *c, int variant)
{
    tensor_t *a, *b;
    return example_pair(c, variant, 0.8, &a, &b) ? op_div(gradcheck_graph(c), a, b) : NULL;
}

/* Of a result that is b alone, or its negative, the zeros give the shape. */
static tensor_t *tangent_add(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return in[1] == NULL ? in[0] : op_add(g, tangent_or_zero(g, t, in[0]), in[1]);
}

static tensor_t *tangent_sub(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return in[1] == NULL ? in[0] : op_sub(g, tangent_or_zero(g, t, in[0]), in[1]);
}

static tensor_t *tangent_mul(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return tangent_sum(g, in[0] != NULL ? op_mul(g, in[0], t->in[1]) : NULL,
                       in[1] != NULL ? op_mul(g, t->in[0], in[1]) : NULL);
}

/* (da - y db) / b */
static tensor_t *tangent_div(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *rest =
        in[1] == NULL ? in[0] : op_sub(g, tangent_or_zero(g, t, in[0]), op_mul(g, t, in[1]));
    return op_div(g, rest, t->in[1]);
}

const op_kind_t op_kind_add = {.name = "add",
                               .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                               .check = check_binary,
                               .forward = forward_add,
                               .backward = backward_add,
                               .example = example_add,
                               .tangent = tangent_add};

const op_kind_t op_kind_sub = {.name = "sub",
                               .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                               .check = check_binary,
                               .forward = forward_sub,
                               .backward = backward_sub,
                               .example = example_sub,
                               .tangent = tangent_sub};

const op_kind_t op_kind_mul = {.name = "mul",
                               .skips = BACKWARD_SKIPS_RESULT,
                               .check = check_mul,
                               .forward = forward_mul,
                               .backward = backward_mul,
                               .example = example_mul,
                               .tangent = tangent_mul};

const op_kind_t op_kind_div = {.name = "div",
                               .check = check_binary,
                               .forward = forward_div,
                               .backward = backward_div,
                               .example = example_div,
                               .tangent = tangent_div};

tensor_t *op_add(graph_t *g, tensor_t *a, tensor_t *b)
{
    return graph_record(g, &op_kind_add, 2, (tensor_t *[]){a, b}, NULL);
}

tensor_t *op_sub(graph_t *g, tensor_t *a, tensor_t *b)
{
    return graph_record(g, &op_kind_sub, 2, (tensor_t *[]){a, b}, NULL);
}

tensor_t *op_mul(graph_t *g, tensor_t *a, tensor_t *b)
{
    return graph_record(g, &op_kind_mul, 2, (tensor_t *[]){a, b}, NULL);
}

tensor_t *op_div(graph_t *g, tensor_t *a, tensor_t *b)
{
    return graph_record(g, &op_kind_div, 2, (tensor_t *[]){a, b}, NULL);
}
