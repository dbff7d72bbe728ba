// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"

static void check_position(graph_t *g, tensor_t *t)
{
    const tensor_t *a = t->in[0];
    (void)g;
    CHECK(a->rows_class >= ROWS_ELEMENTS && a->per == 1, "position: of %ld rows of class %d",
          (long)a->per, a->rows_class);
    tensor_shape_as(t, a, 1);
}

static void forward_position(tensor_t *t)
{
    const int64_t *offset = graph_offsets(t->graph, t->rows_class);
    for (int64_t i = 0; i < graph_sets(t->graph); i++)
        for (int64_t r = offset[i]; r < offset[i + 1]; r++)
            t->value[r] = (float)(r - offset[i]);
}

/* The positions are constant: the difference sees the slope of what they are multiplied with. */
static tensor_t *example_position(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *a = gradcheck_input(c, ROWS_ELEMENTS, 1, 1, -1, 1);
    return op_mul(g, a, op_scale(g, op_position(g, a), 0.25, -1));
}

const op_kind_t op_kind_position = {.name = "position",
                                    .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                    .check = check_position,
                                    .forward = forward_position,
                                    .example = example_position};

tensor_t *op_position(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_position, 1, &a, NULL);
}
