// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/transport.h"

#include <string.h>

/* in: theta, z, uniform[, condition], all of one class of rows. Scratch: cost (n, n), plan (n, n), work. */
enum { THETA, Z, UNIFORM, CONDITION };

enum { MOST_ROWS = 4096 };

static const transport_config_t config = {.reg = 0.1, .steps = 100, .tolerance = 1e-5};
static const double condition_ratio = 0.01;

static void check_transport(graph_t *g, tensor_t *t)
{
    const tensor_t *theta = t->in[THETA], *z = t->in[Z], *uniform = t->in[UNIFORM];
    CHECK(tensor_same_rows(theta, z) && theta->cols == z->cols, "transport: %ld columns, noise %ld",
          (long)theta->cols, (long)z->cols);
    CHECK(tensor_same_rows(theta, uniform) && uniform->cols == 1, "transport: %ld uniform numbers",
          (long)uniform->cols);
    CHECK(t->n_in <= CONDITION || tensor_same_rows(theta, t->in[CONDITION]),
          "transport: a condition of other rows");
    tensor_shape_as(t, z, z->cols);
    int64_t n = graph_capacity(g, t->rows_class) * t->per;
    CHECK(n <= MOST_ROWS, "transport: %ld rows, at most %d", (long)n, MOST_ROWS);
    t->scratch_floats = (size_t)(2 * n * n + transport_plan_work(n));
}

static void forward_transport(tensor_t *t)
{
    int64_t n = t->rows, choice[MOST_ROWS];
    size_t row = (size_t)t->cols * sizeof(float);
    float *cost = graph_scratch(t->graph), *plan = cost + n * n, *work = plan + n * n;
    transport_cost(n, t->cols, t->in[THETA]->value, t->in[Z]->value, cost);
    if (t->n_in > CONDITION)
        transport_keep_conditions(n, t->in[CONDITION]->cols, t->in[CONDITION]->value,
                                  condition_ratio, cost, plan);
    transport_plan(n, cost, &config, plan, work);
    transport_choose(n, plan, t->in[UNIFORM]->value, choice);
    for (int64_t i = 0; i < n; i++)
        memcpy(t->value + i * t->cols, t->in[Z]->value + choice[i] * t->cols, row);
}

/* The distances, and the exponentials of as many steps as there may be (4 for each entry and update). */
static double flops_transport(const tensor_t *t, bool backward)
{
    double n = (double)t->rows,
           condition = t->n_in > CONDITION ? (double)t->in[CONDITION]->cols : 0;
    return backward ? 0 : n * n * (3 * (double)t->cols + 2 * condition + 8 * config.steps);
}

/* As example_stop: the chosen noise is constant in x. */
static tensor_t *example_transport(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input(c, ROWS_DRAWS, 1, 3, -1, 1);
    tensor_t *condition = variant == 1 ? gradcheck_input(c, ROWS_SETS, 1, 2, -1, 1) : NULL;
    tensor_t *fixed = op_scale(g, x, 0, 0.7), *uniform = op_slice(g, fixed, 0, 1);
    return op_mul(g, x, op_transport(g, fixed, fixed, uniform, condition));
}

const op_kind_t op_kind_transport = {.name = "transport",
                                     .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                     .check = check_transport,
                                     .forward = forward_transport,
                                     .flops = flops_transport,
                                     .example = example_transport};

tensor_t *op_transport(graph_t *g, tensor_t *theta, tensor_t *z, tensor_t *uniform,
                       tensor_t *condition)
{
    if (condition != NULL)
        condition = op_expand(g, condition, ROWS_DRAWS);
    return graph_record(g, &op_kind_transport, condition != NULL ? 4 : 3,
                        (tensor_t *[]){theta, z, uniform, condition}, NULL);
}
