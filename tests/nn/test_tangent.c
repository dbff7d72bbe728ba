// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/layer.h"
#include "nn/tangent.h"
#include "tests/cluster/child.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As in test_op.c: differences are sure to about 1e-5 of the result's size. */
#define TOLERANCE 3e-4
#define SEEDS     3

static void check_variant(const op_kind_t *op, int variant, int64_t *compared)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double worst = 0;
        int64_t n = 0;
        assert_true(gradcheck_tangent(op, variant, seed, &worst, &n));
        if (!(worst <= TOLERANCE))
            fail_msg("%s: variant %d, seed %d: error %g", op->name, variant, (int)seed, worst);
        *compared += n;
    }
}

static void test_each_tangent_equals_differences(void **state)
{
    (void)state;
    for (int k = 0; op_table[k] != NULL; k++) {
        int64_t compared = 0, n;
        double worst;
        if (op_table[k]->tangent == NULL)
            continue;
        for (int variant = 0; gradcheck_tangent(op_table[k], variant, 0, &worst, &n); variant++)
            check_variant(op_table[k], variant, &compared);
        if (compared == 0)
            fail_msg("%s: no entry was compared", op_table[k]->name);
    }
}

/* What the networks inside consistency models are made of. */
static void test_the_ops_of_time_networks_have_tangents(void **state)
{
    static const char *const needed[] = {
        "linear",     "matmul",    "add",      "sub",        "mul",        "div",
        "scale",      "unary",     "concat",   "slice",      "expand",     "stop",
        "permute",    "reshape",   "rms_norm", "layer_norm", "dropout",    "film",
        "group_norm", "attention", "conv2d",   "pool2d",     "upsample2d", "crop2d"};
    (void)state;
    for (size_t j = 0; j < sizeof needed / sizeof *needed; j++) {
        int k = 0;
        while (op_table[k] != NULL && strcmp(op_table[k]->name, needed[j]) != 0)
            k++;
        if (op_table[k] == NULL || op_table[k]->tangent == NULL)
            fail_msg("%s has no tangent", needed[j]);
    }
}

typedef struct {
    params_t *params;
    mlp_t mlp;
    graph_t *graph;
    tensor_t *x, *along, *y, *tangent;
} case_t;

/* An MLP with dropout, and the loss sum y (y + 5 J), where J is the tangent of y along `along`, or an input. */
static case_t make(bool with_tangent)
{
    case_t c = {.params = params_create()};
    mlp_config_t config = {7, 2, UNARY_MISH, true, INIT_HE_NORMAL, 0.2};
    c.mlp = mlp_make(c.params, "mlp", 3, &config);
    params_seal(c.params, 3);
    graph_t *g = c.graph =
        graph_create(GRAPH_TRAIN, c.params, &(graph_limits_t){.sets = 4, .draws = 4});
    c.x = graph_input(g, ROWS_DRAWS, 1, 3);
    c.along = graph_input(g, ROWS_DRAWS, 1, 3);
    c.y = mlp_record(&c.mlp, g, c.x);
    c.tangent = with_tangent ? graph_keep(g, graph_tangent(g, c.y, 1, &c.x, &c.along))
                             : graph_input(g, ROWS_DRAWS, 1, 7);
    tensor_t *sum = op_add(g, c.y, op_scale(g, c.tangent, 5, 0));
    graph_seal(g, op_total(g, op_mul(g, c.y, sum)));
    return c;
}

/* J: its values where it is an input. */
static void run(case_t *c, const float *J, float *gradient)
{
    graph_begin(c->graph, &(graph_batch_t){.sets = 4, .draws = 4, .noise = 9});
    for (int i = 0; i < 12; i++) {
        c->x->value[i] = (float)(i % 5) * 0.3f - 0.5f;
        c->along->value[i] = (float)(i % 3) - 1;
    }
    if (J != NULL)
        memcpy(c->tangent->value, J, 28 * sizeof *J);
    graph_forward(c->graph);
    graph_backward(c->graph, gradient);
}

static void end(case_t *c)
{
    graph_destroy(&c->graph);
    params_destroy(&c->params);
}

static void test_what_does_not_move_has_no_tangent(void **state)
{
    (void)state;
    case_t c = {.params = NULL};
    c.graph = graph_create(GRAPH_FORWARD, NULL, &(graph_limits_t){.sets = 1, .draws = 1});
    c.x = graph_input(c.graph, ROWS_DRAWS, 1, 2);
    c.along = graph_input(c.graph, ROWS_DRAWS, 1, 2);
    tensor_t *other = graph_input(c.graph, ROWS_DRAWS, 1, 2), *none = NULL;
    c.y = op_add(c.graph, op_stop(c.graph, c.x), op_unary(c.graph, other, UNARY_EXP));
    assert_null(graph_tangent(c.graph, c.y, 1, &c.x, &c.along));
    assert_null(graph_tangent(c.graph, c.y, 1, &other, &none));
    assert_non_null(graph_tangent(c.graph, c.y, 1, &other, &c.along));
    graph_destroy(&c.graph);
}

static void tangent_of_a_maximum(void)
{
    graph_t *g = graph_create(GRAPH_FORWARD, NULL, &(graph_limits_t){.sets = 1, .draws = 2});
    tensor_t *x = graph_input(g, ROWS_DRAWS, 1, 1), *along = graph_input(g, ROWS_DRAWS, 1, 1);
    graph_tangent(g, op_segment_max(g, x), 1, &x, &along);
}

static void test_an_op_without_a_tangent_dies_with_its_name(void **state)
{
    (void)state;
    assert_true(child_dies(tangent_of_a_maximum, "segment_max has no tangent"));
}

/* Only x and `along` count, not what x was made from: d tanh(2 x) along v, where 2 x is the input that moves. */
static void test_inputs_may_lie_inside_the_graph(void **state)
{
    (void)state;
    graph_t *g = graph_create(GRAPH_FORWARD, NULL, &(graph_limits_t){.sets = 1});
    tensor_t *x = graph_input(g, ROWS_SETS, 1, 1), *v = graph_input(g, ROWS_SETS, 1, 1);
    tensor_t *twice = op_scale(g, x, 2, 0), *y = op_unary(g, twice, UNARY_TANH);
    tensor_t *tangent = graph_keep(g, graph_tangent(g, y, 1, &twice, &v));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = 1});
    x->value[0] = 0.3f;
    v->value[0] = 1.5f;
    graph_forward(g);
    double t = tanh(0.6);
    assert_true(fabs((double)tangent->value[0] - 1.5 * (1 - t * t)) < 1e-6);
    graph_destroy(&g);
}

/* The same gradient as with the tangent's values put in as numbers. */
static void test_no_gradient_flows_through_a_tangent(void **state)
{
    (void)state;
    case_t with = make(true), without = make(false);
    int64_t n = params_size(with.params);
    float *a = MEM_NEW(float, n), *b = MEM_NEW(float, n);
    double size = 0;
    run(&with, NULL, a);
    run(&without, with.tangent->value, b);
    for (int64_t i = 0; i < 28; i++)
        size += fabs((double)with.tangent->value[i]);
    assert_true(size > 1);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    free(a);
    free(b);
    end(&with);
    end(&without);
}

/* The tangent's own nodes want no gradient, so that none is planned for them. */
static void test_no_gradient_is_planned_for_a_tangent(void **state)
{
    (void)state;
    case_t c = make(true);
    tensor_t *t = c.tangent;
    while (t->kind != NULL && t->in[0]->id > c.y->id) {
        assert_false(t->wants_grad);
        assert_null(t->grad);
        t = t->in[0];
    }
    assert_true(c.y->wants_grad);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tangent_equals_differences),
        cmocka_unit_test(test_the_ops_of_time_networks_have_tangents),
        cmocka_unit_test(test_what_does_not_move_has_no_tangent),
        cmocka_unit_test(test_an_op_without_a_tangent_dies_with_its_name),
        cmocka_unit_test(test_inputs_may_lie_inside_the_graph),
        cmocka_unit_test(test_no_gradient_flows_through_a_tangent),
        cmocka_unit_test(test_no_gradient_is_planned_for_a_tangent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
