// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/tangent.h"
#include "nn/vec.h"

#include <string.h>

/* Copies, or adds, a block of columns: (rows, width) between matrices of other widths. */
static void move_cols(int64_t rows, int64_t width, const float *from, int64_t from_cols, bool add,
                      float *to, int64_t to_cols)
{
    for (int64_t r = 0; r < rows; r++)
        if (add)
            vec_add(width, to + r * to_cols, from + r * from_cols, to + r * to_cols);
        else
            memcpy(to + r * to_cols, from + r * from_cols, (size_t)width * sizeof *to);
}

static void check_concat(graph_t *g, tensor_t *t)
{
    int64_t cols = 0;
    (void)g;
    for (int k = 0; k < t->n_in; k++) {
        CHECK(tensor_same_rows(t->in[0], t->in[k]), "concat: part %d has other rows", k);
        cols += t->in[k]->cols;
    }
    tensor_shape_as(t, t->in[0], cols);
}

static void forward_concat(tensor_t *t)
{
    float *to = t->value;
    for (int k = 0; k < t->n_in; to += t->in[k]->cols, k++)
        move_cols(t->rows, t->in[k]->cols, t->in[k]->value, t->in[k]->cols, false, to, t->cols);
}

static void backward_concat(tensor_t *t)
{
    const float *from = t->grad;
    for (int k = 0; k < t->n_in; from += t->in[k]->cols, k++) {
        bool add;
        float *out = grad_put(t->in[k], &add);
        if (out != NULL)
            move_cols(t->rows, t->in[k]->cols, from, t->cols, add, out, t->in[k]->cols);
    }
}

static tensor_t *example_concat(gradcheck_t *c, int variant)
{
    tensor_t *part[OP_MAX_INPUTS];
    if (variant > 2)
        return NULL;
    int n = variant == 0 ? 1 : variant == 1 ? OP_MAX_INPUTS : 3;
    for (int k = 0; k < n; k++)
        part[k] = gradcheck_input(c, ROWS_DRAWS, 1, gradcheck_shape(c, 1, 5), -1, 1);
    if (variant == 2) // one part twice
        part[2] = part[0];
    return op_concat(gradcheck_graph(c), n, part);
}

static tensor_t *tangent_concat(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *part[OP_MAX_INPUTS];
    for (int k = 0; k < t->n_in; k++)
        part[k] = tangent_or_zero(g, t->in[k], in[k]);
    return op_concat(g, t->n_in, part);
}

const op_kind_t op_kind_concat = {.name = "concat",
                                  .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                  .check = check_concat,
                                  .forward = forward_concat,
                                  .backward = backward_concat,
                                  .example = example_concat,
                                  .tangent = tangent_concat};

tensor_t *op_concat(graph_t *g, int n, tensor_t *const *parts)
{
    return graph_record(g, &op_kind_concat, n, parts, NULL);
}

tensor_t *op_concat2(graph_t *g, tensor_t *a, tensor_t *b)
{
    return op_concat(g, 2, (tensor_t *[]){a, b});
}

/* attr.i: first column, columns */
static void check_slice(graph_t *g, tensor_t *t)
{
    int64_t first = t->attr.i[0], cols = t->attr.i[1];
    (void)g;
    CHECK(first >= 0 && cols > 0 && first + cols <= t->in[0]->cols,
          "slice: columns %ld to %ld of %ld", (long)first, (long)(first + cols),
          (long)t->in[0]->cols);
    tensor_shape_as(t, t->in[0], cols);
}

static void forward_slice(tensor_t *t)
{
    const tensor_t *a = t->in[0];
    move_cols(t->rows, t->cols, a->value + t->attr.i[0], a->cols, false, t->value, t->cols);
}

static void backward_slice(tensor_t *t)
{
    float *out = grad_add(t->in[0]);
    if (out != NULL)
        move_cols(t->rows, t->cols, t->grad, t->cols, true, out + t->attr.i[0], t->in[0]->cols);
}

static tensor_t *example_slice(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    int64_t cols = gradcheck_shape(c, 4, 9);
    tensor_t *a = gradcheck_input(c, ROWS_SETS, 2, cols, -1, 1);
    if (variant == 0)
        return op_slice(g, a, 1, cols - 2);
    return op_mul(g, op_slice(g, a, 0, 3), op_slice(g, a, 1, 3)); // overlapping
}

static tensor_t *tangent_slice(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_slice(g, in[0], t->attr.i[0], t->attr.i[1]);
}

const op_kind_t op_kind_slice = {.name = "slice",
                                 .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                 .check = check_slice,
                                 .forward = forward_slice,
                                 .backward = backward_slice,
                                 .example = example_slice,
                                 .tangent = tangent_slice};

tensor_t *op_slice(graph_t *g, tensor_t *a, int64_t first_col, int64_t cols)
{
    op_attr_t attr = {.i = {first_col, cols}};
    return graph_record(g, &op_kind_slice, 1, &a, &attr);
}

/* attr.i[0]: the inverse */
static void check_permute(graph_t *g, tensor_t *t)
{
    const tensor_t *order = t->in[1];
    (void)g;
    CHECK(order->rows_class == ROWS_ONE && order->per == 1 && order->cols == t->in[0]->cols,
          "permute: %ld columns, an order of %ld x %ld", (long)t->in[0]->cols, (long)order->per,
          (long)order->cols);
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
}

/* to[:, j] = from[:, order[j]], or to[:, order[j]] = from[:, j] */
static void permute(const tensor_t *t, bool scatter, const float *from, bool add, float *to)
{
    const float *order = t->in[1]->value;
    for (int64_t j = 0; j < t->cols; j++) {
        int64_t k = (int64_t)order[j], source = scatter ? j : k, target = scatter ? k : j;
        CHECK(k >= 0 && k < t->cols, "permute: %ld stands in an order of %ld columns", (long)k,
              (long)t->cols);
        for (int64_t r = 0; r < t->rows; r++)
            to[r * t->cols + target] =
                from[r * t->cols + source] + (add ? to[r * t->cols + target] : 0);
    }
}

static void forward_permute(tensor_t *t)
{
    permute(t, t->attr.i[0] != 0, t->in[0]->value, false, t->value);
}

static void backward_permute(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        permute(t, t->attr.i[0] == 0, t->grad, add, out);
}

static tensor_t *example_permute(gradcheck_t *c, int variant)
{
    static const double order[] = {2, 0, 3, 1};
    if (variant > 1)
        return NULL;
    return op_permute(gradcheck_graph(c), gradcheck_input(c, ROWS_DRAWS, 1, 4, -1, 1),
                      gradcheck_constant(c, 4, order), variant == 1);
}

static tensor_t *tangent_permute(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_permute(g, in[0], t->in[1], t->attr.i[0] != 0);
}

const op_kind_t op_kind_permute = {.name = "permute",
                                   .skips = BACKWARD_SKIPS_RESULT,
                                   .check = check_permute,
                                   .forward = forward_permute,
                                   .backward = backward_permute,
                                   .example = example_permute,
                                   .tangent = tangent_permute};

tensor_t *op_permute(graph_t *g, tensor_t *a, tensor_t *order, bool inverse)
{
    op_attr_t attr = {.i = {inverse}};
    return graph_record(g, &op_kind_permute, 2, (tensor_t *[]){a, order}, &attr);
}

/* attr.i[0]: rows a unit */
static void check_reshape(graph_t *g, tensor_t *t)
{
    int64_t per = t->attr.i[0], entries = t->in[0]->per * t->in[0]->cols;
    (void)g;
    CHECK(per > 0 && entries % per == 0, "reshape: %ld entries a unit into %ld rows", (long)entries,
          (long)per);
    tensor_shape(t, t->in[0]->rows_class, per, entries / per);
}

static void forward_reshape(tensor_t *t)
{
    memcpy(t->value, t->in[0]->value, (size_t)tensor_size(t) * sizeof *t->value);
}

static void backward_reshape(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_scale_put(tensor_size(t), 1, t->grad, add, out);
}

static tensor_t *example_reshape(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    return op_reshape(gradcheck_graph(c), gradcheck_input(c, ROWS_SETS, 4, 3, -1, 1), 2);
}

static tensor_t *tangent_reshape(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_reshape(g, in[0], t->attr.i[0]);
}

const op_kind_t op_kind_reshape = {.name = "reshape",
                                   .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                   .check = check_reshape,
                                   .forward = forward_reshape,
                                   .backward = backward_reshape,
                                   .example = example_reshape,
                                   .tangent = tangent_reshape};

tensor_t *op_reshape(graph_t *g, tensor_t *a, int64_t per)
{
    op_attr_t attr = {.i = {per}};
    return graph_record(g, &op_kind_reshape, 1, &a, &attr);
}
