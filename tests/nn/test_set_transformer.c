// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/set_transformer.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, FEATURES = 2, EXTRAS = 3, SUMMARY = 5, ELEMENTS = 9 };
static const int64_t offsets[SETS + 1] = {0, 3, 3, 4,
                                          ELEMENTS}; // one empty, one of a single element

typedef struct {
    params_t *params;
    summary_t *net;
    graph_t *graph;
    tensor_t *elements, *extras, *out;
    float *gradient;
} case_t;

static summary_config_t config_of(int inducing)
{
    return (summary_config_t){.type = SUMMARY_SET_TRANSFORMER,
                              .summary_dim = SUMMARY,
                              .embed_dim = 12,
                              .depth = 2,
                              .heads = 3,
                              .seeds = 2,
                              .inducing = inducing,
                              .expansion = 2};
}

static case_t make(int inducing, int64_t extras, graph_mode_t mode)
{
    case_t c;
    graph_limits_t limits = {.sets = SETS, .elements = {ELEMENTS}, .length = {ELEMENTS}};
    summary_shape_t shape = {
        .kind = OBSERVABLE_SET, .length = ELEMENTS, .features = FEATURES, .extras = extras};
    summary_config_t config = config_of(inducing);
    c.params = params_create();
    c.net = summary_make(c.params, "summary", &shape, &config);
    params_seal(c.params, 7);
    weights_perturb(c.params, 7, 0.2);
    c.graph = graph_create(mode, c.params, &limits);
    c.elements = graph_input(c.graph, ROWS_ELEMENTS, 1, FEATURES);
    c.extras = extras > 0 ? graph_input(c.graph, ROWS_SETS, 1, extras) : NULL;
    c.out = graph_keep(c.graph, summary_record(c.net, c.graph, c.elements, c.extras));
    graph_seal(c.graph, mode == GRAPH_TRAIN
                            ? op_total(c.graph, op_unary(c.graph, c.out, UNARY_TANH))
                            : NULL);
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

static void fill(float elements[ELEMENTS * FEATURES], float extras[SETS * EXTRAS])
{
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, ELEMENTS * FEATURES, elements);
    rng_fill_normal_f32(&rng, SETS * EXTRAS, extras);
}

static void run_all(case_t *c)
{
    float elements[ELEMENTS * FEATURES], extras[SETS * EXTRAS];
    fill(elements, extras);
    graph_begin(c->graph, &(graph_batch_t){.sets = SETS, .offsets = {offsets}});
    memcpy(c->elements->value, elements, sizeof elements);
    if (c->extras)
        memcpy(c->extras->value, extras, sizeof extras);
    graph_forward(c->graph);
}

// Set i of n_i elements alone, its elements in the order 0, step, 2 step, ... (mod n_i).
static void run_one(case_t *c, int set, int64_t step, float *out)
{
    int64_t n = offsets[set + 1] - offsets[set];
    int64_t own[2] = {0, n};
    float elements[ELEMENTS * FEATURES], extras[SETS * EXTRAS];
    fill(elements, extras);
    graph_begin(c->graph, &(graph_batch_t){.sets = 1, .offsets = {own}});
    for (int64_t k = 0; k < n; k++)
        memcpy(c->elements->value + k * FEATURES,
               elements + (offsets[set] + k * step % n) * FEATURES, FEATURES * sizeof(float));
    if (c->extras)
        memcpy(c->extras->value, extras + set * EXTRAS, EXTRAS * sizeof(float));
    graph_forward(c->graph);
    memcpy(out, c->out->value, SUMMARY * sizeof(float));
}

// A reordered sum of float32 terms of unit size, through a few layers.
static void assert_near(const float *got, const float *expected)
{
    for (int k = 0; k < SUMMARY; k++)
        if (!(fabsf(got[k] - expected[k]) <= 2e-5f * (1.0f + fabsf(expected[k]))))
            fail_msg("summary %d: got %.8g, expected %.8g", k, (double)got[k], (double)expected[k]);
}

static void each_set_alone(int inducing, int64_t extras)
{
    case_t c = make(inducing, extras, GRAPH_FORWARD);
    float batch[SETS * SUMMARY], alone[SUMMARY];
    run_all(&c);
    memcpy(batch, c.out->value, sizeof batch);
    for (int i = 0; i < SETS; i++) {
        run_one(&c, i, 1, alone);
        assert_near(alone, batch + i * SUMMARY);
    }
    end(&c);
}

static void test_a_set_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    each_set_alone(0, EXTRAS);
    each_set_alone(3, 0);
}

static void any_order(int inducing)
{
    case_t c = make(inducing, 0, GRAPH_FORWARD);
    float straight[SUMMARY], turned[SUMMARY];
    run_one(&c, 3, 1, straight);
    run_one(&c, 3, 2, turned); // five elements: 0 2 4 1 3
    assert_near(turned, straight);
    end(&c);
}

static void test_the_order_of_elements_does_not_matter(void **state)
{
    (void)state;
    any_order(0);
    any_order(3);
}

static double loss(void *user)
{
    case_t *c = user;
    run_all(c);
    double sum = 0.0;
    for (int k = 0; k < SETS * SUMMARY; k++)
        sum += tanh((double)c->out->value[k]);
    return sum;
}

static void gradient_of(int inducing, int64_t extras)
{
    case_t c = make(inducing, extras, GRAPH_TRAIN);
    run_all(&c);
    graph_backward(c.graph, c.gradient);
    // Rounding of the difference: 1e-6 / 0.005 = 2e-4; longer steps leave the range of its Taylor series.
    weights_check_gradient(c.params, loss, &c, c.gradient, 0.005, 2e-3);
    end(&c);
}

static void test_gradients_agree_with_differences(void **state)
{
    (void)state;
    gradient_of(0, EXTRAS);
    gradient_of(3, 0);
}

static bool finite_without_elements(int inducing)
{
    static const int64_t none[SETS + 1] = {0};
    case_t c = make(inducing, 0, GRAPH_TRAIN);
    graph_begin(c.graph, &(graph_batch_t){.sets = SETS, .offsets = {none}});
    graph_forward(c.graph);
    graph_backward(c.graph, c.gradient);
    bool finite = true;
    for (int k = 0; k < SETS * SUMMARY; k++)
        finite = finite && isfinite(c.out->value[k]);
    for (int64_t k = 0; k < params_size(c.params); k++)
        finite = finite && isfinite(c.gradient[k]);
    end(&c);
    return finite;
}

static void test_empty_sets_give_finite_numbers(void **state)
{
    (void)state;
    assert_true(finite_without_elements(0));
    assert_true(finite_without_elements(3));
}

static void test_extras_are_seen(void **state)
{
    (void)state;
    case_t c = make(0, EXTRAS, GRAPH_FORWARD);
    float before[SUMMARY];
    run_all(&c);
    memcpy(before, c.out->value, sizeof before);
    c.extras->value[0] += 1.0f;
    graph_forward(c.graph);
    assert_memory_not_equal(before, c.out->value, sizeof before);
    end(&c);
}

static void test_the_peers_number_of_weights(void **state)
{
    (void)state;
    summary_shape_t shape = {.kind = OBSERVABLE_SET, .length = 50, .features = 1};
    summary_config_t config;
    summary_config_default(SUMMARY_SET_TRANSFORMER, SIZE_BASE, &config);
    config.summary_dim = 4;
    params_t *params = params_create();
    summary_t *s = summary_make(params, "summary", &shape, &config);
    params_seal(params, 1);
    assert_int_equal(params_weights(params), 190475); // BayesFlow 2.1.0
    summary_destroy(&s);
    params_destroy(&params);
}

static void refused(summary_config_t config, const char *message)
{
    summary_shape_t shape = {.kind = OBSERVABLE_SET, .length = 9, .features = FEATURES};
    assert_int_equal(summary_config_check(&shape, &config), -ERR_USAGE);
    assert_non_null(strstr(err_text(), message));
}

static void test_settings_out_of_range_are_named(void **state)
{
    (void)state;
    summary_shape_t shape = {.kind = OBSERVABLE_SET, .length = 9, .features = FEATURES};
    for (int size = SIZE_SMALL; size <= SIZE_LARGE; size++) {
        summary_config_t c;
        summary_config_default(SUMMARY_SET_TRANSFORMER, (network_size_t)size, &c);
        assert_int_equal(summary_config_check(&shape, &c), OK);
    }
    summary_config_t c = config_of(0);
    c.heads = 5;
    refused(c, "embed_dim: got 12, expected a multiple of heads, 5");
    c = config_of(-1);
    refused(c, "inducing: got -1, expected 0 or more");
    c = config_of(0);
    c.depth = 0;
    refused(c, "depth: got 0, expected 1 or more");
    c = config_of(0);
    c.dropout = 1.0;
    refused(c, "dropout: got 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_does_not_depend_on_its_neighbours),
        cmocka_unit_test(test_the_order_of_elements_does_not_matter),
        cmocka_unit_test(test_gradients_agree_with_differences),
        cmocka_unit_test(test_empty_sets_give_finite_numbers),
        cmocka_unit_test(test_extras_are_seen),
        cmocka_unit_test(test_the_peers_number_of_weights),
        cmocka_unit_test(test_settings_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
