// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/unet.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 2, DRAWS = 3 }; // of all sets: two of the first, one of the second
static const int64_t draw_offsets[SETS + 1] = {0, 2, DRAWS};

typedef struct {
    time_net_config_t config;
    params_t *params;
    time_net_t *net;
    graph_t *graph;
    tensor_t *x, *time, *condition, *image, *out, *loss;
    float *gradient;
} case_t;

static time_net_config_t config_of(int64_t height, int64_t width)
{
    return (time_net_config_t){.subnet = SUBNET_UNET,
                               .parameters = height * width * 2,
                               .conditions = 3,
                               .time_embed = 4,
                               .fourier_scale = 1,
                               .height = height,
                               .image_width = width,
                               .channels = 2,
                               .image_conditions = 1,
                               .stages = 2,
                               .stage_width = {4, 8},
                               .stage_attention = {false, true},
                               .blocks = 1,
                               .groups = 2,
                               .heads = 2};
}

static case_t make(graph_mode_t mode, const time_net_config_t *config)
{
    case_t c = {.config = *config, .params = params_create()};
    int64_t pixels = config->height * config->image_width;
    c.net = time_net_make(c.params, "net", config);
    params_seal(c.params, 5);
    weights_perturb(c.params, 5, 0.1);
    graph_t *g = c.graph =
        graph_create(mode, c.params, &(graph_limits_t){.sets = SETS, .draws = DRAWS});
    c.x = graph_input(g, ROWS_DRAWS, 1, config->parameters);
    c.time = graph_input(g, ROWS_SETS, 1, 1);
    c.condition = config->conditions > 0 ? graph_input(g, ROWS_SETS, 1, config->conditions) : NULL;
    c.image = config->image_conditions > 0
                  ? graph_input(g, ROWS_SETS, pixels, config->image_conditions)
                  : NULL;
    c.out = graph_keep(g, time_net_record(c.net, g, c.x, c.time, c.condition, c.image));
    if (mode == GRAPH_TRAIN)
        c.loss = graph_keep(g, op_mean(g, op_unary(g, c.out, UNARY_TANH)));
    graph_seal(g, c.loss);
    c.gradient = MEM_NEW(float, params_size(c.params));
    return c;
}

static void end(case_t *c)
{
    graph_destroy(&c->graph);
    time_net_destroy(&c->net);
    params_destroy(&c->params);
    free(c->gradient);
}

static void fill(tensor_t *t, uint64_t stream)
{
    rng_t r = rng_at(3, RNG_CHECK, stream);
    for (int64_t i = 0; t != NULL && i < tensor_size(t); i++)
        t->value[i] = (float)rng_normal(&r);
}

static void begin(case_t *c)
{
    graph_begin(c->graph,
                &(graph_batch_t){.sets = SETS, .draws = DRAWS, .draw_offsets = draw_offsets});
    fill(c->x, 0);
    fill(c->time, 1);
    fill(c->condition, 2);
    fill(c->image, 3);
}

static double loss_now(void *user)
{
    case_t *c = user;
    begin(c);
    graph_forward(c->graph);
    return c->loss->value[0];
}

static void check_gradient(const time_net_config_t *config)
{
    case_t c = make(GRAPH_TRAIN, config);
    loss_now(&c);
    graph_backward(c.graph, c.gradient);
    // a mean of numbers below 1 in float32: 1e-7, so differences are sure to some 1e-7 * 256
    weights_check_gradient(c.params, loss_now, &c, c.gradient, 1.0 / 256, 3e-4);
    end(&c);
}

static void test_gradient_of_the_whole_network(void **state)
{
    (void)state;
    time_net_config_t config = config_of(6, 4);
    check_gradient(&config);
}

static void test_gradient_with_odd_sides_and_without_conditions(void **state)
{
    (void)state;
    time_net_config_t config = config_of(5, 3);
    config.conditions = config.image_conditions = 0;
    check_gradient(&config);
}

static void test_sides_of_any_length(void **state)
{
    (void)state;
    static const int64_t sides[][2] = {{28, 28}, {64, 64}, {7, 1}, {13, 22}};
    for (size_t k = 0; k < sizeof sides / sizeof *sides; k++) {
        time_net_config_t config = config_of(sides[k][0], sides[k][1]);
        config.stages = 4;
        config.stage_width[2] = config.stage_width[3] = 8;
        case_t c = make(GRAPH_FORWARD, &config);
        begin(&c);
        graph_forward(c.graph);
        assert_int_equal(c.out->rows, DRAWS);
        assert_int_equal(c.out->cols, config.parameters);
        for (int64_t i = 0; i < tensor_size(c.out); i++)
            assert_true(isfinite(c.out->value[i]));
        end(&c);
    }
}

/* The rows of the result that change when `changed` numbers of an input from `first` on do. */
static void assert_changes(case_t *c, tensor_t *input, int64_t first, int64_t changed,
                           const bool expected[DRAWS])
{
    int64_t d = c->config.parameters;
    float *before = MEM_NEW(float, DRAWS *d);
    begin(c);
    graph_forward(c->graph);
    memcpy(before, c->out->value, (size_t)(DRAWS * d) * sizeof *before);
    for (int64_t i = first; i < first + changed; i++)
        input->value[i] += 1;
    graph_forward(c->graph);
    for (int64_t i = 0; i < DRAWS; i++) {
        double most = 0; // a product's rounding is all that may come from other rows
        for (int64_t j = 0; j < d; j++)
            most = fmax(most, fabs((double)before[i * d + j] - (double)c->out->value[i * d + j]));
        assert_true(expected[i] ? most > 1e-3 : most < 1e-5);
    }
    free(before);
}

static void test_a_draw_sees_itself_and_its_data_set_alone(void **state)
{
    (void)state;
    time_net_config_t config = config_of(6, 5);
    case_t c = make(GRAPH_FORWARD, &config);
    static const bool second_draw[DRAWS] = {false, true, false};
    static const bool first_set[DRAWS] = {true, true, false};
    assert_changes(&c, c.x, config.parameters, config.parameters, second_draw);
    assert_changes(&c, c.time, 0, 1, first_set);
    assert_changes(&c, c.condition, 0, config.conditions, first_set);
    assert_changes(&c, c.image, 0, 30, first_set);
    end(&c);
}

static void assert_refused(time_net_config_t config, const char *field)
{
    assert_true(err_is(unet_check(&config), ERR_USAGE));
    if (strstr(err_text(), field) == NULL)
        fail_msg("%s: not in \"%s\"", field, err_text());
}

static void test_each_size_is_in_range(void **state)
{
    (void)state;
    for (int size = SIZE_SMALL; size <= SIZE_LARGE; size++) {
        time_net_config_t config = config_of(28, 28);
        config.parameters = 28 * 28;
        unet_default((network_size_t)size, &config);
        assert_int_equal(unet_check(&config), OK);
    }
}

static void test_settings_out_of_range_are_named(void **state)
{
    (void)state;
    time_net_config_t good = config_of(6, 4), c = good;
    assert_int_equal(unet_check(&good), OK);
    c.height = 5;
    assert_refused(c, "image");
    c = good;
    c.out = 7;
    assert_refused(c, "results");
    c = good;
    c.stages = UNET_MAX_STAGES + 1;
    assert_refused(c, "stages");
    c = good;
    c.blocks = 0;
    assert_refused(c, "blocks");
    c = good;
    c.groups = 0;
    assert_refused(c, "groups");
    c = good;
    c.stage_width[1] = 5;
    assert_refused(c, "stage_width");
    c = good;
    c.heads = 3;
    assert_refused(c, "heads");
    c = good;
    c.heads = 0;
    assert_refused(c, "heads");
    c = good;
    c.time_embed = 3;
    assert_refused(c, "time_embed");
    c = good;
    c.dropout = 1;
    assert_refused(c, "dropout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_of_the_whole_network),
        cmocka_unit_test(test_gradient_with_odd_sides_and_without_conditions),
        cmocka_unit_test(test_sides_of_any_length),
        cmocka_unit_test(test_a_draw_sees_itself_and_its_data_set_alone),
        cmocka_unit_test(test_each_size_is_in_range),
        cmocka_unit_test(test_settings_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
