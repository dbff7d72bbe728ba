// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/conv_layer.h"

#include <math.h>

enum { IN = 20, OUT = 30 };

static double largest(params_t *p, const char *name)
{
    int id = params_find(p, name);
    double most = 0;
    assert_true(id >= 0);
    for (int64_t i = 0; i < params_at(p, id)->rows * params_at(p, id)->cols; i++)
        most = fmax(most, fabs((double)params_tensor(p, id)[i]));
    return most;
}

static void test_glorot_counts_the_taps_of_both_sides(void **state)
{
    (void)state;
    params_t *p = params_create();
    conv_layer_t l = conv_layer_make_below(p, "net", "conv", 3, IN, OUT, INIT_GLOROT_UNIFORM);
    params_seal(p, 1);
    double limit = sqrt(6.0 / (9 * IN + 9 * OUT)), most = largest(p, "net/conv/weight");
    assert_int_equal(params_at(p, l.map.weight)->rows, 9 * IN);
    assert_int_equal(params_at(p, l.map.weight)->cols, OUT);
    // the largest of 5400 uniform numbers is below 0.998 of the limit with probability 0.998^5400 = 2e-5
    assert_true(most <= limit * (1 + 1e-6) && most > 0.998 * limit);
    assert_true(largest(p, "net/conv/bias") == 0);
    params_destroy(&p);
}

static void test_a_kernel_of_one_is_a_linear_map_of_each_pixel(void **state)
{
    (void)state;
    params_t *p = params_create();
    conv_layer_t l = conv_layer_make(p, "conv", 1, 2, 3, INIT_HE_NORMAL);
    params_seal(p, 1);
    graph_t *g = graph_create(GRAPH_FORWARD, p, &(graph_limits_t){.sets = 1});
    tensor_t *x = graph_input(g, ROWS_SETS, 4, 2);
    tensor_t *y = graph_keep(g, conv_layer_record(&l, g, x, (image_t){2, 2}));
    tensor_t *linear = graph_keep(g, linear_record(&l.map, g, x, UNARY_IDENTITY));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = 1});
    for (int i = 0; i < 8; i++)
        x->value[i] = (float)i - 3;
    graph_forward(g);
    assert_memory_equal(y->value, linear->value, 12 * sizeof(float));
    graph_destroy(&g);
    params_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glorot_counts_the_taps_of_both_sides),
        cmocka_unit_test(test_a_kernel_of_one_is_a_linear_map_of_each_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
