// SPDX-License-Identifier: Apache-2.0
/* What holds for each summary network of series: time_series_network.c and its kin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/summary.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 5, FEATURES = 2, EXTRAS = 3, SUMMARY = 4, ELEMENTS = 21 };
// one empty, one of a single element, none a multiple of the stride 4
static const int64_t offsets[SETS + 1] = {0, 6, 6, 7, 18, ELEMENTS};
static const summary_shape_t shape = {
    .kind = OBSERVABLE_SERIES, .length = 11, .features = FEATURES, .extras = EXTRAS};

static const summary_type_t types[] = {SUMMARY_WINDOW_NETWORK, SUMMARY_TIME_SERIES_NETWORK,
                                       SUMMARY_TIME_SERIES_TRANSFORMER, SUMMARY_FUSION_TRANSFORMER};
enum { TYPES = sizeof types / sizeof *types };

static summary_config_t narrow(summary_type_t type)
{
    summary_config_t c;
    summary_config_default(type, SIZE_SMALL, &c);
    c.summary_dim = SUMMARY;
    c.dropout = 0.0;
    if (c.recurrent)
        c.recurrent = 6;
    if (c.window)
        c.window = 4;
    if (c.filters)
        c.filters = 5;
    if (c.embed_dim)
        c.embed_dim = 8;
    if (c.heads)
        c.heads = 2;
    if (c.time_embed)
        c.time_embed = 3;
    return c;
}

typedef struct {
    params_t *params;
    summary_t *net;
    graph_t *graph;
    tensor_t *elements, *extras, *out;
    int64_t own[SETS + 1]; // offsets of the batch
} case_t;

static case_t make(summary_type_t type, graph_mode_t mode)
{
    case_t c;
    summary_config_t config = narrow(type);
    graph_limits_t limits = {.sets = SETS, .elements = {ELEMENTS}, .length = {shape.length}};
    assert_int_equal(summary_config_check(&shape, &config), OK);
    c.params = params_create();
    c.net = summary_make(c.params, "summary", &shape, &config);
    params_seal(c.params, 7);
    weights_perturb(c.params, 7, 0.2);
    c.graph = graph_create(mode, c.params, &limits);
    c.elements = graph_input(c.graph, ROWS_ELEMENTS, 1, FEATURES);
    c.extras = graph_input(c.graph, ROWS_SETS, 1, EXTRAS);
    c.out = graph_keep(c.graph, summary_record(c.net, c.graph, c.elements, c.extras));
    graph_seal(c.graph, mode == GRAPH_TRAIN
                            ? op_total(c.graph, op_unary(c.graph, c.out, UNARY_TANH))
                            : NULL);
    return c;
}

static void end(case_t *c)
{
    graph_destroy(&c->graph);
    summary_destroy(&c->net);
    params_destroy(&c->params);
}

// Sets [first, last) as one batch.
static void run(case_t *c, int first, int last)
{
    float elements[ELEMENTS * FEATURES], extras[SETS * EXTRAS];
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, ELEMENTS * FEATURES, elements);
    rng_fill_normal_f32(&rng, SETS * EXTRAS, extras);
    for (int i = first; i <= last; i++)
        c->own[i - first] = offsets[i] - offsets[first];
    graph_begin(c->graph, &(graph_batch_t){.sets = last - first, .offsets = {c->own}});
    memcpy(c->elements->value, elements + offsets[first] * FEATURES,
           (size_t)tensor_size(c->elements) * sizeof(float));
    memcpy(c->extras->value, extras + first * EXTRAS,
           (size_t)tensor_size(c->extras) * sizeof(float));
    graph_forward(c->graph);
}

// The rounding of products with other numbers of rows, through networks of unit scale.
static void assert_near(const float *got, const float *expected)
{
    for (int k = 0; k < SUMMARY; k++)
        if (!(fabsf(got[k] - expected[k]) <= 2e-5f * (1.0f + fabsf(expected[k]))))
            fail_msg("summary %d: got %.8g, expected %.8g", k, (double)got[k], (double)expected[k]);
}

static void a_series_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++) {
        case_t c = make(types[type], GRAPH_FORWARD);
        float batch[SETS * SUMMARY];
        run(&c, 0, SETS);
        memcpy(batch, c.out->value, sizeof batch);
        for (int k = 0; k < SETS * SUMMARY; k++)
            assert_true(isfinite(batch[k]));
        for (int i = 0; i < SETS; i++) {
            run(&c, i, i + 1);
            assert_near(c.out->value, batch + i * SUMMARY);
        }
        end(&c);
    }
}

// Moves one number of a series; returns the largest change of the summaries of set `watched`.
static float change(case_t *c, int64_t element, int watched)
{
    float before[SUMMARY], most = 0;
    run(c, 0, SETS);
    memcpy(before, c->out->value + watched * SUMMARY, sizeof before);
    c->elements->value[element * FEATURES] += 0.5f;
    graph_forward(c->graph);
    for (int k = 0; k < SUMMARY; k++)
        most = fmaxf(most, fabsf(c->out->value[watched * SUMMARY + k] - before[k]));
    return most;
}

static void each_element_is_read_and_none_of_another_series(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++) {
        case_t c = make(types[type], GRAPH_FORWARD);
        for (int64_t e = offsets[3]; e < offsets[4]; e++) {
            assert_true(change(&c, e, 3) > 1e-5f);
            assert_true(change(&c, e, 4) == 0 && change(&c, e, 1) == 0);
        }
        end(&c);
    }
}

static void the_order_of_time_matters(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++) {
        case_t c = make(types[type], GRAPH_FORWARD);
        float straight[SUMMARY], difference = 0;
        run(&c, 0, 1);
        memcpy(straight, c.out->value, sizeof straight);
        for (int k = 0; k < 3 * FEATURES; k++) { // the halves change places
            float *a = c.elements->value + k, *b = a + 3 * FEATURES, kept = *a;
            *a = *b;
            *b = kept;
        }
        graph_forward(c.graph);
        for (int k = 0; k < SUMMARY; k++)
            difference = fmaxf(difference, fabsf(c.out->value[k] - straight[k]));
        assert_true(difference > 1e-3f);
        end(&c);
    }
}

static double loss(void *user)
{
    case_t *c = user;
    run(c, 0, SETS);
    double sum = 0.0;
    for (int k = 0; k < SETS * SUMMARY; k++)
        sum += tanh((double)c->out->value[k]);
    return sum;
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++) {
        case_t c = make(types[type], GRAPH_TRAIN);
        float *gradient = MEM_NEW(float, params_size(c.params));
        run(&c, 0, SETS);
        graph_backward(c.graph, gradient);
        weights_check_gradient(c.params, loss, &c, gradient, 0.01, 1e-3);
        free(gradient);
        end(&c);
    }
}

static void every_size_passes_its_check(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++)
        for (int size = SIZE_SMALL; size <= SIZE_LARGE; size++) {
            summary_config_t config;
            summary_config_default(types[type], (network_size_t)size, &config);
            assert_int_equal(summary_config_check(&shape, &config), OK);
        }
}

static void assert_refused(const summary_config_t *config, const char *field)
{
    assert_true(err_is(summary_config_check(&shape, config), ERR_USAGE));
    if (!strstr(err_text(), field))
        fail_msg("'%s' does not name %s", err_text(), field);
}

static void a_field_out_of_range_is_named(void **state)
{
    (void)state;
    for (int type = 0; type < TYPES; type++) {
        summary_config_t config = narrow(types[type]);
        config.summary_dim = 0;
        assert_refused(&config, "summary_dim");
        config = narrow(types[type]);
        config.dropout = 1.0;
        assert_refused(&config, "dropout");
        config = narrow(types[type]);
        config.recurrent = config.heads = -1;
        assert_refused(&config,
                       types[type] == SUMMARY_TIME_SERIES_TRANSFORMER ? "heads" : "recurrent");
    }
}

// Weights of the peer's networks for a series of single numbers and a summary of four (its own count).
static void the_base_size_has_the_peers_number_of_weights(void **state)
{
    (void)state;
    static const int64_t expected[SUMMARY_TYPES] = {
        [SUMMARY_TIME_SERIES_NETWORK] = 339716,
        [SUMMARY_TIME_SERIES_TRANSFORMER] = 100648,
        [SUMMARY_FUSION_TRANSFORMER] = 240393,
    };
    for (int type = 1; type < TYPES; type++) { // the first is ours
        summary_config_t config;
        summary_shape_t single = {.kind = OBSERVABLE_SERIES, .length = 50, .features = 1};
        summary_config_default(types[type], SIZE_BASE, &config);
        config.summary_dim = 4;
        params_t *params = params_create();
        summary_t *net = summary_make(params, "summary", &single, &config);
        assert_int_equal(params_weights(params), expected[types[type]]);
        summary_destroy(&net);
        params_destroy(&params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_series_does_not_depend_on_its_neighbours),
        cmocka_unit_test(each_element_is_read_and_none_of_another_series),
        cmocka_unit_test(the_order_of_time_matters),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(every_size_passes_its_check),
        cmocka_unit_test(a_field_out_of_range_is_named),
        cmocka_unit_test(the_base_size_has_the_peers_number_of_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
