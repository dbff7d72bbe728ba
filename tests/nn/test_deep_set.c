// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/deep_set.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, FEATURES = 2, EXTRAS = 3, SUMMARY = 5, ELEMENTS = 9 };
static const int64_t offsets[SETS + 1] = {0, 3, 3, 4,
                                          ELEMENTS}; // one empty, one of a single element

typedef struct {
    params_t *params;
    deep_set_t *net;
    graph_t *graph;
    tensor_t *elements, *extras, *out;
    float *gradient;
} case_t;

static const deep_set_config_t ours = {.features = FEATURES,
                                       .extras = EXTRAS,
                                       .elements = true,
                                       .summary_dim = SUMMARY,
                                       .embed_dim = 8,
                                       .depth = 1,
                                       .width = 7,
                                       .n_hidden = 2};
static const deep_set_config_t peers = {.features = FEATURES,
                                        .elements = true,
                                        .summary_dim = SUMMARY,
                                        .embed_dim = 8,
                                        .depth = 2,
                                        .width = 8,
                                        .n_hidden = 2,
                                        .golden = true};

static case_t make(const deep_set_config_t *config, graph_mode_t mode)
{
    case_t c;
    graph_limits_t limits = {.sets = SETS, .elements = {ELEMENTS}, .length = {ELEMENTS}};
    c.params = params_create();
    c.net = deep_set_make(c.params, "summary", config);
    params_seal(c.params, 7);
    weights_perturb(c.params, 7, 0.2);
    c.graph = graph_create(mode, c.params, &limits);
    c.elements = config->elements ? graph_input(c.graph, ROWS_ELEMENTS, 1, config->features) : NULL;
    c.extras = config->extras ? graph_input(c.graph, ROWS_SETS, 1, config->extras) : NULL;
    c.out = graph_keep(c.graph, deep_set_record(c.net, c.graph, c.elements, c.extras));
    graph_seal(c.graph,
               mode == GRAPH_TRAIN
                   ? graph_keep(c.graph, op_total(c.graph, op_unary(c.graph, c.out, UNARY_TANH)))
                   : NULL);
    c.gradient = MEM_NEW(float, params_size(c.params));
    return c;
}

static void end(case_t *c)
{
    graph_destroy(&c->graph);
    deep_set_destroy(&c->net);
    params_destroy(&c->params);
    free(c->gradient);
}

// Set i of n_i elements alone, its elements in the order k, k + step, ... (mod n_i).
static void run_one(case_t *c, int set, int64_t step, float *out)
{
    int64_t n = offsets[set + 1] - offsets[set];
    int64_t own[2] = {0, n};
    float all[ELEMENTS * FEATURES], extras[SETS * EXTRAS];
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, ELEMENTS * FEATURES, all);
    rng_fill_normal_f32(&rng, SETS * EXTRAS, extras);
    graph_begin(c->graph, &(graph_batch_t){.sets = 1, .offsets = {own}});
    for (int64_t k = 0; k < n; k++)
        memcpy(c->elements->value + k * FEATURES, all + (offsets[set] + k * step % n) * FEATURES,
               FEATURES * sizeof(float));
    if (c->extras)
        memcpy(c->extras->value, extras + set * EXTRAS, EXTRAS * sizeof(float));
    graph_forward(c->graph);
    memcpy(out, c->out->value, SUMMARY * sizeof(float));
}

static void run_all(case_t *c)
{
    float all[ELEMENTS * FEATURES], extras[SETS * EXTRAS];
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, ELEMENTS * FEATURES, all);
    rng_fill_normal_f32(&rng, SETS * EXTRAS, extras);
    graph_begin(c->graph, &(graph_batch_t){.sets = SETS, .offsets = {offsets}});
    memcpy(c->elements->value, all, sizeof all);
    if (c->extras)
        memcpy(c->extras->value, extras, sizeof extras);
    graph_forward(c->graph);
}

static void assert_near(const float *got, const float *expected)
{
    for (int k = 0; k < SUMMARY; k++)
        if (!(fabsf(got[k] - expected[k]) <= 2e-5f * (1.0f + fabsf(expected[k]))))
            fail_msg("summary %d: got %.8g, expected %.8g", k, (double)got[k], (double)expected[k]);
}

static void each_set_alone_as_in_the_batch(const deep_set_config_t *config)
{
    case_t c = make(config, GRAPH_FORWARD);
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
    each_set_alone_as_in_the_batch(&ours);
    each_set_alone_as_in_the_batch(&peers);
}

static void any_order(const deep_set_config_t *config)
{
    case_t c = make(config, GRAPH_FORWARD);
    float straight[SUMMARY], turned[SUMMARY];
    run_one(&c, 3, 1, straight);
    run_one(&c, 3, 2, turned); // five elements: 0 2 4 1 3
    assert_near(turned, straight);
    end(&c);
}

static void test_the_order_of_elements_does_not_matter(void **state)
{
    (void)state;
    any_order(&ours);
    any_order(&peers);
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

static void gradient_of(const deep_set_config_t *config)
{
    case_t c = make(config, GRAPH_TRAIN);
    run_all(&c);
    graph_backward(c.graph, c.gradient);
    weights_check_gradient(c.params, loss, &c, c.gradient, 0.02, 2e-3);
    end(&c);
}

static void test_gradients_agree_with_differences(void **state)
{
    (void)state;
    gradient_of(&ours);
    gradient_of(&peers);
}

// Summaries of two sets of one number each, of the same sign; the difference relative to their size.
static double seen_of_magnitude(deep_set_config_t config)
{
    static const int64_t two[3] = {0, 1, 2};
    double difference = 0.0, size = 0.0;
    config.features = 1;
    config.extras = 0;
    case_t c = make(&config, GRAPH_FORWARD);
    graph_begin(c.graph, &(graph_batch_t){.sets = 2, .offsets = {two}});
    c.elements->value[0] = 0.5f;
    c.elements->value[1] = 2.0f;
    graph_forward(c.graph);
    for (int k = 0; k < SUMMARY; k++) {
        difference += fabs((double)c.out->value[k] - (double)c.out->value[SUMMARY + k]);
        size += fabs((double)c.out->value[k]);
    }
    end(&c);
    return difference / size;
}

static void test_the_magnitude_of_single_numbers_is_seen(void **state)
{
    (void)state;
    assert_true(seen_of_magnitude(ours) > 0.05);
}

static void test_extras_are_seen_with_and_without_elements(void **state)
{
    (void)state;
    deep_set_config_t extras_only = ours;
    float out[2][SUMMARY];
    extras_only.elements = false;
    case_t c = make(&extras_only, GRAPH_FORWARD);
    for (int k = 0; k < 2; k++) {
        graph_begin(c.graph, &(graph_batch_t){.sets = 1, .offsets = {(int64_t[]){0, 1}}});
        for (int j = 0; j < EXTRAS; j++)
            c.extras->value[j] = (float)(k + 1);
        graph_forward(c.graph);
        memcpy(out[k], c.out->value, sizeof out[k]);
    }
    assert_memory_not_equal(out[0], out[1], sizeof out[0]);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_does_not_depend_on_its_neighbours),
        cmocka_unit_test(test_the_order_of_elements_does_not_matter),
        cmocka_unit_test(test_gradients_agree_with_differences),
        cmocka_unit_test(test_the_magnitude_of_single_numbers_is_seen),
        cmocka_unit_test(test_extras_are_seen_with_and_without_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
