// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/convolutional.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 3, EXTRAS = 2 };

typedef struct {
    params_t *params;
    summary_t *net;
    graph_t *graph;
    tensor_t *image, *extras, *out, *loss;
    float *gradient;
} case_t;

static summary_shape_t shape_of(int64_t height, int64_t width, int64_t channels, int64_t extras)
{
    return (summary_shape_t){.kind = OBSERVABLE_IMAGE,
                             .length = 1,
                             .features = channels,
                             .height = height,
                             .width = width,
                             .extras = extras};
}

static summary_config_t small_config(void)
{
    summary_config_t c = {.type = SUMMARY_CONVOLUTIONAL, .summary_dim = 4, .stages = 2};
    c.stage_width[0] = 8;
    c.stage_width[1] = 9;
    return c;
}

/* Odd on both sides, so that pooling meets an edge. */
static case_t make(graph_mode_t mode, const summary_config_t *config)
{
    case_t c = {.params = params_create()};
    summary_shape_t shape = shape_of(7, 5, 2, EXTRAS);
    c.net = summary_make(c.params, "summary", &shape, config);
    params_seal(c.params, 5);
    weights_perturb(c.params, 5, 0.2);
    c.graph = graph_create(mode, c.params, &(graph_limits_t){.sets = SETS});
    c.image = graph_input(c.graph, ROWS_SETS, 35, 2);
    c.extras = graph_input(c.graph, ROWS_SETS, 1, EXTRAS);
    c.out = graph_keep(c.graph, summary_record(c.net, c.graph, c.image, c.extras));
    if (mode == GRAPH_TRAIN)
        c.loss = graph_keep(c.graph, op_mean(c.graph, op_unary(c.graph, c.out, UNARY_TANH)));
    graph_seal(c.graph, c.loss);
    c.gradient = MEM_NEW(float, params_size(c.params));
    return c;
}

static void end(case_t *c)
{
    graph_destroy(&c->graph);
    summary_destroy(&c->net);
    params_destroy(&c->params);
    free(c->gradient);
}

static void run(case_t *c, int64_t sets)
{
    rng_t r = rng_at(3, RNG_CHECK, 0);
    graph_begin(c->graph, &(graph_batch_t){.sets = sets});
    for (int64_t i = 0; i < tensor_size(c->image); i++)
        c->image->value[i] = (float)rng_normal(&r);
    for (int64_t i = 0; i < tensor_size(c->extras); i++)
        c->extras->value[i] = (float)(i % 3) - 1;
    graph_forward(c->graph);
}

static double loss_now(void *user)
{
    case_t *c = user;
    run(c, SETS);
    return c->loss->value[0];
}

static void test_gradient_of_the_whole_network(void **state)
{
    (void)state;
    summary_config_t config = small_config();
    case_t c = make(GRAPH_TRAIN, &config);
    run(&c, SETS);
    graph_backward(c.graph, c.gradient);
    // a mean of 12 numbers below 1 in float32: 1e-7, so differences are sure to some 1e-7 * 256
    weights_check_gradient(c.params, loss_now, &c, c.gradient, 1.0 / 256, 3e-4);
    end(&c);
}

static void test_a_summary_does_not_depend_on_other_data_sets(void **state)
{
    (void)state;
    summary_config_t config = small_config();
    case_t c = make(GRAPH_FORWARD, &config);
    float together[4];
    run(&c, SETS);
    memcpy(together, c.out->value, sizeof together);
    run(&c, 1);
    for (int k = 0; k < 4; k++) // a product's rounding may depend on the number of rows
        assert_true(fabsf(together[k] - c.out->value[k]) < 1e-5f);
    end(&c);
}

static void test_base_has_the_peers_number_of_weights(void **state)
{
    (void)state;
    params_t *params = params_create();
    summary_shape_t shape = shape_of(32, 32, 1, 0);
    summary_config_t config;
    summary_config_default(SUMMARY_CONVOLUTIONAL, SIZE_BASE, &config);
    config.summary_dim = 4;
    summary_t *s = summary_make(params, "summary", &shape, &config);
    assert_int_equal(params_weights(params), 809572);
    summary_destroy(&s);
    assert_null(s);
    params_destroy(&params);
}

static void test_each_size_is_in_range(void **state)
{
    (void)state;
    summary_shape_t shape = shape_of(1, 1, 1, 0);
    for (int size = SIZE_SMALL; size <= SIZE_LARGE; size++) {
        summary_config_t config;
        summary_config_default(SUMMARY_CONVOLUTIONAL, (network_size_t)size, &config);
        assert_int_equal(summary_config_check(&shape, &config), OK);
    }
}

static void assert_refused(summary_config_t config, const char *field)
{
    summary_shape_t shape = shape_of(4, 4, 1, 0);
    assert_true(err_is(summary_config_check(&shape, &config), ERR_USAGE));
    assert_non_null(strstr(err_text(), field));
}

static void test_settings_out_of_range_are_named(void **state)
{
    (void)state;
    summary_config_t c = small_config();
    c.stages = SUMMARY_MAX_STAGES + 1;
    assert_refused(c, "stages");
    c = small_config();
    c.stage_width[1] = 0;
    assert_refused(c, "stage_width");
    c = small_config();
    c.summary_dim = 0;
    assert_refused(c, "summary_dim");
    c = small_config();
    c.dropout = 1;
    assert_refused(c, "dropout");
    summary_shape_t flat = shape_of(0, 4, 1, 0);
    c = small_config();
    assert_true(err_is(summary_config_check(&flat, &c), ERR_USAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_of_the_whole_network),
        cmocka_unit_test(test_a_summary_does_not_depend_on_other_data_sets),
        cmocka_unit_test(test_base_has_the_peers_number_of_weights),
        cmocka_unit_test(test_each_size_is_in_range),
        cmocka_unit_test(test_settings_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
