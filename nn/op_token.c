// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <string.h>

static const int64_t *offsets_of(const tensor_t *t)
{
    return graph_offsets(t->graph, t->rows_class);
}

static void check_elements(const tensor_t *t)
{
    const tensor_t *a = t->in[0];
    CHECK(a->rows_class >= ROWS_ELEMENTS && a->per == 1, "%s: of %ld rows of class %d",
          t->kind->name, (long)a->per, a->rows_class);
}

static void copy_rows(int64_t rows, int64_t cols, const float *from, float *to)
{
    memcpy(to, from, (size_t)(rows * cols) * sizeof *to);
}

/* in: elements, token */
static void check_append_token(graph_t *g, tensor_t *t)
{
    const tensor_t *token = t->in[1];
    check_elements(t);
    CHECK(token->rows_class == ROWS_ONE && token->per == 1 && token->cols == t->in[0]->cols,
          "append_token: %ld x %ld to elements of %ld columns", (long)token->per, (long)token->cols,
          (long)t->in[0]->cols);
    tensor_shape(t, graph_derive(g, t->in[0]->rows_class, 1, 1), 1, token->cols);
}

static void forward_append_token(tensor_t *t)
{
    const int64_t *in = offsets_of(t->in[0]), *out = offsets_of(t);
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = in[i + 1] - in[i];
        float *set = t->value + out[i] * t->cols;
        copy_rows(n, t->cols, t->in[0]->value + in[i] * t->cols, set);
        copy_rows(1, t->cols, t->in[1]->value, set + n * t->cols);
    }
}

static void backward_append_token(tensor_t *t)
{
    const int64_t *in = offsets_of(t->in[0]), *out = offsets_of(t);
    bool add;
    float *elements = grad_put(t->in[0], &add), *token = grad_add(t->in[1]);
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = in[i + 1] - in[i];
        const float *set = t->grad + out[i] * t->cols;
        if (elements != NULL)
            vec_scale_put(n * t->cols, 1, set, add, elements + in[i] * t->cols);
        if (token != NULL)
            vec_add(t->cols, token, set + n * t->cols, token);
    }
}

static tensor_t *example_append_token(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    int64_t cols = gradcheck_shape(c, 1, 5);
    tensor_t *a = gradcheck_input(c, ROWS_ELEMENTS, 1, cols, -1, 1);
    return op_append_token(gradcheck_graph(c), a, gradcheck_input(c, ROWS_ONE, 1, cols, -1, 1));
}

const op_kind_t op_kind_append_token = {.name = "append_token",
                                        .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                        .check = check_append_token,
                                        .forward = forward_append_token,
                                        .backward = backward_append_token,
                                        .example = example_append_token};

tensor_t *op_append_token(graph_t *g, tensor_t *a, tensor_t *token)
{
    return graph_record(g, &op_kind_append_token, 2, (tensor_t *[]){a, token}, NULL);
}

static void check_last_row(graph_t *g, tensor_t *t)
{
    (void)g;
    check_elements(t);
    tensor_shape(t, ROWS_SETS, 1, t->in[0]->cols);
}

static void forward_last_row(tensor_t *t)
{
    const int64_t *in = offsets_of(t->in[0]);
    memset(t->value, 0, (size_t)tensor_size(t) * sizeof *t->value); // of empty sets
    for (int64_t i = 0; i < t->rows; i++)
        if (in[i + 1] > in[i])
            copy_rows(1, t->cols, t->in[0]->value + (in[i + 1] - 1) * t->cols,
                      t->value + i * t->cols);
}

static void backward_last_row(tensor_t *t)
{
    const int64_t *in = offsets_of(t->in[0]);
    float *out = grad_add(t->in[0]);
    for (int64_t i = 0; i < t->rows; i++)
        if (in[i + 1] > in[i]) {
            float *last = out + (in[i + 1] - 1) * t->cols;
            vec_add(t->cols, last, t->grad + i * t->cols, last);
        }
}

static tensor_t *example_last_row(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    tensor_t *a = gradcheck_input(c, ROWS_ELEMENTS, 1, gradcheck_shape(c, 1, 5), -1, 1);
    return op_last_row(gradcheck_graph(c), a);
}

const op_kind_t op_kind_last_row = {.name = "last_row",
                                    .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                    .check = check_last_row,
                                    .forward = forward_last_row,
                                    .backward = backward_last_row,
                                    .example = example_last_row};

tensor_t *op_last_row(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_last_row, 1, &a, NULL);
}
