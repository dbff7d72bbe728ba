// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/time_net.h"

#include "cluster/mem.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, DRAWS = 7, D = 2, CONDITIONS = 3 };

static const int64_t offsets[SETS + 1] = {0, 3, 3, 4, DRAWS};

typedef struct {
    params_t *params;
    time_net_t *net;
    graph_t *graph;
    tensor_t *x, *time, *condition, *out, *loss;
    float *gradient;
} case_t;

static time_net_config_t config_of(bool film_scale, bool persistent, int64_t conditions)
{
    return (time_net_config_t){.subnet = SUBNET_TIME_MLP,
                               .parameters = D,
                               .conditions = conditions,
                               .time_embed = 6,
                               .fourier_scale = 0.5,
                               .depth = 2,
                               .width = 9,
                               .film_scale = film_scale,
                               .persistent = persistent};
}

static case_t make(const time_net_config_t *config)
{
    case_t c = {.params = params_create()};
    graph_limits_t limits = {.sets = SETS, .draws = DRAWS};
    c.net = time_net_make(c.params, "net", config);
    params_seal(c.params, 3);
    weights_perturb(c.params, 4, 0.1);
    c.graph = graph_create(GRAPH_TRAIN, c.params, &limits);
    c.x = graph_want_grad(c.graph, graph_input(c.graph, ROWS_DRAWS, 1, D));
    c.time = graph_want_grad(c.graph, graph_input(c.graph, ROWS_SETS, 1, 1));
    if (config->conditions)
        c.condition = graph_input(c.graph, ROWS_SETS, 1, config->conditions);
    c.out = time_net_record(c.net, c.graph, c.x, c.time, c.condition, NULL);
    graph_keep(c.graph, c.out);
    c.loss = op_total(c.graph, op_unary(c.graph, c.out, UNARY_TANH));
    graph_seal(c.graph, c.loss);
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

static void fill_normal(tensor_t *t, uint64_t stream)
{
    rng_t rng = rng_at(9, RNG_CHECK, stream);
    rng_fill_normal_f32(&rng, (size_t)tensor_size(t), t->value);
}

static void begin(case_t *c)
{
    graph_begin(c->graph, &(graph_batch_t){.sets = SETS, .draws = DRAWS, .draw_offsets = offsets});
    fill_normal(c->x, 1);
    for (int i = 0; i < SETS; i++)
        c->time->value[i] = 0.2f + 0.15f * (float)i;
    if (c->condition)
        fill_normal(c->condition, 3);
}

static double loss(void *user)
{
    case_t *c = user;
    begin(c);
    graph_forward(c->graph);
    double sum = 0.0;
    for (int64_t k = 0; k < tensor_size(c->out); k++)
        sum += tanh((double)c->out->value[k]);
    return sum;
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        time_net_config_t config = config_of(k & 1, k & 2, k & 4 ? CONDITIONS : 0);
        case_t c = make(&config);
        begin(&c);
        graph_forward(c.graph);
        graph_backward(c.graph, c.gradient);
        weights_check_gradient(c.params, loss, &c, c.gradient, 5e-3, 2e-3);
        end(&c);
    }
}

// The number of a default network is known from the peer: 1,207,826 with four conditions and two parameters.
static void default_sizes_have_the_known_numbers_of_weights(void **state)
{
    (void)state;
    static const struct {
        int64_t conditions, weights;
        bool film_scale, persistent;
    } cases[] = {
        {0, 419858, true, true},   {4, 1207826, true, true},  {16, 1210898, true, true},
        {0, 376338, false, false}, {4, 508946, false, false}, {16, 512018, false, false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        params_t *params = params_create();
        time_net_config_t config =
            config_of(cases[k].film_scale, cases[k].persistent, cases[k].conditions);
        config.depth = 5;
        config.width = 256;
        config.time_embed = 32;
        time_net_t *net = time_net_make(params, "net", &config);
        params_seal(params, 1);
        assert_int_equal(params_weights(params), cases[k].weights);
        time_net_destroy(&net);
        params_destroy(&params);
    }
}

static void each_draw_has_the_time_and_condition_of_its_own_data_set(void **state)
{
    (void)state;
    time_net_config_t config = config_of(true, true, CONDITIONS);
    case_t c = make(&config);
    float before[DRAWS * D];
    begin(&c);
    graph_forward(c.graph);
    memcpy(before, c.out->value, sizeof before);
    begin(&c);
    c.time->value[2] += 0.1f; // draw 3
    graph_forward(c.graph);
    for (int r = 0; r < DRAWS; r++)
        assert_true((memcmp(before + r * D, c.out->value + r * D, D * sizeof(float)) == 0) ==
                    (r != 3));
    begin(&c);
    c.condition->value[3 * CONDITIONS] += 0.1f; // draws 4 to 6
    graph_forward(c.graph);
    for (int r = 0; r < DRAWS; r++)
        assert_true((memcmp(before + r * D, c.out->value + r * D, D * sizeof(float)) == 0) ==
                    (r < 4));
    end(&c);
}

static void the_result_has_as_many_columns_as_asked_for(void **state)
{
    (void)state;
    time_net_config_t config = config_of(true, true, CONDITIONS);
    config.out = 5;
    case_t c = make(&config);
    assert_int_equal(c.out->cols, 5);
    assert_int_equal(time_net_config(c.net)->out, 5);
    end(&c);
    config.out = 0;
    c = make(&config);
    assert_int_equal(c.out->cols, D);
    assert_int_equal(time_net_config(c.net)->out, D);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(default_sizes_have_the_known_numbers_of_weights),
        cmocka_unit_test(each_draw_has_the_time_and_condition_of_its_own_data_set),
        cmocka_unit_test(the_result_has_as_many_columns_as_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
