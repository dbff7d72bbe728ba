// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "nn/vec.h"

/* in: a. */
static void check_unit_mean(graph_t *g, tensor_t *t)
{
    (void)g;
    tensor_shape(t, t->in[0]->rows_class, 1, t->in[0]->cols);
}

static void forward_unit_mean(tensor_t *t)
{
    int64_t per = t->in[0]->per;
    for (int64_t u = 0; u < t->rows; u++)
        vec_col_sum(per, t->cols, t->in[0]->value + u * per * t->cols, false,
                    t->value + u * t->cols);
    vec_affine(tensor_size(t), 1.0f / (float)per, 0, t->value, t->value);
}

static void backward_unit_mean(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    int64_t per = t->in[0]->per;
    for (int64_t r = 0; r < t->in[0]->rows && out != NULL; r++)
        vec_scale_put(t->cols, 1.0f / (float)per, t->grad + r / per * t->cols, add,
                      out + r * t->cols);
}

static tensor_t *example_unit_mean(gradcheck_t *c, int variant)
{
    static const int classes[] = {ROWS_SETS, ROWS_ELEMENTS, ROWS_DRAWS, ROWS_ONE};
    if (variant > 3)
        return NULL;
    tensor_t *a = gradcheck_input(c, classes[variant], gradcheck_shape(c, 1, 4),
                                  gradcheck_shape(c, 1, 20), -1, 1);
    return op_unit_mean(gradcheck_graph(c), a);
}

static tensor_t *tangent_unit_mean(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_unit_mean(g, in[0]);
}

const op_kind_t op_kind_unit_mean = {.name = "unit_mean",
                                     .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                     .check = check_unit_mean,
                                     .forward = forward_unit_mean,
                                     .backward = backward_unit_mean,
                                     .example = example_unit_mean,
                                     .tangent = tangent_unit_mean};

tensor_t *op_unit_mean(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_unit_mean, 1, &a, NULL);
}
