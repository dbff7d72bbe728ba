// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <string.h>

/* attr.i[0]: class of the result. From ROWS_ONE the p rows are the p rows of each unit; from ROWS_SETS the single row
 * of a set is that of each of its units. */
static void check_expand(graph_t *g, tensor_t *t)
{
    const tensor_t *a = t->in[0];
    int to = (int)t->attr.i[0];
    bool from_set = a->rows_class == ROWS_SETS && a->per == 1 && to >= ROWS_DRAWS;
    CHECK(to >= 0 && to < ROWS_CLASSES && graph_capacity(g, to) > 0, "expand: to class %d", to);
    CHECK(a->rows_class == ROWS_ONE || from_set, "expand: from %ld rows of class %d to class %d",
          (long)a->per, a->rows_class, to);
    tensor_shape(t, to, a->per, a->cols);
}

static void forward_expand(tensor_t *t)
{
    const tensor_t *a = t->in[0];
    size_t unit = (size_t)(t->per * t->cols);
    if (a->rows_class == ROWS_ONE) {
        for (int64_t u = 0; u < t->rows / t->per; u++)
            memcpy(t->value + (size_t)u * unit, a->value, unit * sizeof *t->value);
        return;
    }
    const int64_t *offset = graph_offsets(t->graph, t->rows_class);
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t r = offset[i]; r < offset[i + 1]; r++)
            memcpy(t->value + (size_t)r * unit, a->value + (size_t)i * unit,
                   unit * sizeof *t->value);
}

static void backward_expand(tensor_t *t)
{
    tensor_t *a = t->in[0];
    int64_t unit = t->per * t->cols;
    bool add;
    float *out = grad_put(a, &add);
    if (out == NULL)
        return;
    if (a->rows_class == ROWS_ONE) {
        vec_col_sum(t->rows / t->per, unit, t->grad, add, out);
        return;
    }
    const int64_t *offset = graph_offsets(t->graph, t->rows_class);
    for (int64_t i = 0; i < a->rows; i++)
        vec_col_sum(offset[i + 1] - offset[i], unit, t->grad + offset[i] * unit, add,
                    out + i * unit);
}

static tensor_t *example_expand(gradcheck_t *c, int variant)
{
    static const int from[] = {ROWS_SETS, ROWS_SETS, ROWS_ONE, ROWS_ONE, ROWS_ONE};
    static const int to[] = {ROWS_ELEMENTS, ROWS_DRAWS, ROWS_SETS, ROWS_ELEMENTS, ROWS_ONE};
    if (variant > 4)
        return NULL;
    int64_t per = from[variant] == ROWS_ONE ? gradcheck_shape(c, 1, 3) : 1;
    tensor_t *a = gradcheck_input(c, from[variant], per, gradcheck_shape(c, 1, 5), -1, 1);
    return op_expand(gradcheck_graph(c), a, to[variant]);
}

static tensor_t *tangent_expand(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_expand(g, in[0], (int)t->attr.i[0]);
}

const op_kind_t op_kind_expand = {.name = "expand",
                                  .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                  .check = check_expand,
                                  .forward = forward_expand,
                                  .backward = backward_expand,
                                  .example = example_expand,
                                  .tangent = tangent_expand};

tensor_t *op_expand(graph_t *g, tensor_t *a, int rows_class)
{
    op_attr_t attr = {.i = {rows_class}};
    return graph_record(g, &op_kind_expand, 1, &a, &attr);
}
