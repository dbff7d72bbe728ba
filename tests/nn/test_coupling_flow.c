// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/coupling_flow.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 3, CONDITIONS = 4, MOST_DRAWS = 40000, CASES = 5 };

static const coupling_flow_config_t cases[CASES] = {
    {.parameters = 1, .transform = TRANSFORM_SPLINE, .depth = 2, .bins = 5, .whiten = true},
    {.parameters = 2, .transform = TRANSFORM_SPLINE, .depth = 2, .bins = 6, .whiten = true},
    {.parameters = 2, .transform = TRANSFORM_AFFINE, .depth = 3},
    {.parameters = 5, .transform = TRANSFORM_SPLINE, .depth = 4, .bins = 4, .whiten = true},
    {.parameters = 3, .transform = TRANSFORM_SPLINE, .depth = 2, .bins = 16, .golden = true},
};

typedef struct {
    coupling_flow_config_t config;
    params_t *params;
    coupling_flow_t *flow;
    graph_t *forward, *inverse;
    tensor_t *theta, *condition, *mapped, *z, *inverse_condition, *restored, *loss;
    float *gradient;
} case_t;

static graph_t *plan(case_t *c, bool inverse, graph_mode_t mode)
{
    graph_limits_t limits = {.sets = SETS, .draws = MOST_DRAWS};
    graph_t *g = graph_create(mode, c->params, &limits);
    tensor_t *in = graph_input(g, ROWS_DRAWS, 1, c->config.parameters);
    tensor_t *condition = graph_input(g, ROWS_SETS, 1, CONDITIONS);
    tensor_t *out = inverse ? coupling_flow_inverse(c->flow, g, in, condition)
                            : coupling_flow_forward(c->flow, g, in, condition);
    graph_keep(g, out);
    *(inverse ? &c->z : &c->theta) = in;
    *(inverse ? &c->inverse_condition : &c->condition) = condition;
    *(inverse ? &c->restored : &c->mapped) = out;
    c->loss = mode == GRAPH_TRAIN ? graph_keep(g, op_total(g, op_unary(g, out, UNARY_TANH))) : NULL;
    graph_seal(g, c->loss);
    return g;
}

static case_t make(int k, double noise, graph_mode_t mode)
{
    case_t c = {.config = cases[k]};
    c.config.conditions = CONDITIONS;
    c.config.width = 9;
    c.config.n_hidden = 2;
    c.config.half_width = 4.0;
    c.params = params_create();
    c.flow = coupling_flow_make(c.params, "inference", &c.config);
    params_seal(c.params, 5);
    coupling_flow_permute(c.flow, c.params, 5);
    weights_perturb(c.params, 6, noise);
    c.forward = plan(&c, false, mode);
    c.inverse = plan(&c, true, GRAPH_FORWARD);
    c.gradient = MEM_NEW(float, params_size(c.params));
    return c;
}

static void end(case_t *c)
{
    graph_destroy(&c->forward);
    graph_destroy(&c->inverse);
    coupling_flow_destroy(&c->flow);
    params_destroy(&c->params);
    free(c->gradient);
}

static void fill_normal(tensor_t *t, uint64_t stream)
{
    rng_t rng = rng_at(9, RNG_CHECK, stream);
    rng_fill_normal_f32(&rng, (size_t)(t->rows * t->cols), t->value);
}

static void run_forward(case_t *c, int64_t sets, int64_t draws)
{
    graph_begin(c->forward, &(graph_batch_t){.sets = sets, .draws = draws});
    fill_normal(c->theta, 1);
    fill_normal(c->condition, 2);
    graph_forward(c->forward);
}

static void test_it_begins_as_the_identity(void **state)
{
    (void)state;
    for (int k = 0; k < CASES - 1;
         k++) { // the peer's spline begins with a box that is not square to ours
        case_t c = make(k, 0.0, GRAPH_FORWARD);
        run_forward(&c, SETS, 30);
        int64_t d = c.config.parameters;
        for (int64_t r = 0; r < 30; r++) {
            double log_det = (double)c.mapped->value[r * (d + 1) + d], sum = 0.0;
            for (int64_t j = 0; j < d; j++)
                sum += fabs((double)c.theta->value[r * d + j]) -
                       fabs((double)c.mapped->value[r * (d + 1) + j]); // in some order
            if (d <= 2)
                assert_true(fabs(sum) < 1e-5);
            assert_true(fabs(log_det) < 1e-5);
        }
        end(&c);
    }
}

// Weights that move the map clearly from the identity, but no slope beyond about ten: four layers of float32 then leave
// 1e-5. (Weights without any measure make maps that float32 can not invert.)
static void test_the_inverse_undoes_the_map(void **state)
{
    (void)state;
    for (int k = 0; k < CASES; k++) {
        case_t c = make(k, 0.03, GRAPH_FORWARD);
        int64_t d = c.config.parameters, draws = 300;
        run_forward(&c, SETS, draws);
        graph_begin(c.inverse, &(graph_batch_t){.sets = SETS, .draws = draws});
        for (int64_t r = 0; r < draws; r++)
            memcpy(c.z->value + r * d, c.mapped->value + r * (d + 1), (size_t)d * sizeof(float));
        memcpy(c.inverse_condition->value, c.condition->value, SETS * CONDITIONS * sizeof(float));
        graph_forward(c.inverse);
        for (int64_t r = 0; r < draws; r++) {
            for (int64_t j = 0; j < d; j++)
                if (!(fabsf(c.restored->value[r * (d + 1) + j] - c.theta->value[r * d + j]) <
                      2e-4f))
                    fail_msg("case %d: %g came back as %g", k, (double)c.theta->value[r * d + j],
                             (double)c.restored->value[r * (d + 1) + j]);
            float forward = c.mapped->value[r * (d + 1) + d],
                  back = c.restored->value[r * (d + 1) + d];
            assert_true(fabsf(forward + back) < 2e-4f * (1.0f + fabsf(forward)));
        }
        end(&c);
    }
}

static double density(const case_t *c, int64_t row)
{
    int64_t d = c->config.parameters;
    const float *z = c->mapped->value + row * (d + 1);
    double log_q = (double)z[d];
    for (int64_t j = 0; j < d; j++)
        log_q -= 0.5 * (double)z[j] * (double)z[j] + 0.5 * log(2.0 * M_PI);
    return exp(log_q);
}

// On a grid over [-10, 10]; what a density of such weights has outside, and the error of the midpoint rule, stay below 1 %.
static void test_the_density_integrates_to_one(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        case_t c = make(k, 0.05, GRAPH_FORWARD);
        int64_t d = c.config.parameters, side = d == 1 ? 2000 : 200,
                n = d == 1 ? side : side * side;
        double step = 20.0 / (double)side, sum = 0.0;
        graph_begin(c.forward, &(graph_batch_t){.sets = 1, .draws = n});
        for (int64_t r = 0; r < n; r++)
            for (int64_t j = 0; j < d; j++) {
                int64_t at = j == 0 ? r % side : r / side;
                c.theta->value[r * d + j] = (float)(-10.0 + ((double)at + 0.5) * step);
            }
        fill_normal(c.condition, 3);
        graph_forward(c.forward);
        for (int64_t r = 0; r < n; r++)
            sum += density(&c, r) * pow(step, (double)d);
        if (!(fabs(sum - 1.0) < 0.01))
            fail_msg("case %d: the density integrates to %g", k, sum);
        end(&c);
    }
}

static double loss(void *user)
{
    case_t *c = user;
    run_forward(c, SETS, 12);
    double sum = 0.0;
    for (int64_t k = 0; k < c->mapped->rows * c->mapped->cols; k++)
        sum += tanh((double)c->mapped->value[k]);
    return sum;
}

// Small steps, since ln f' has a kink at each knot of a spline. Of a spline ln f' is sure to 2e-7 (float32 logarithms), a loss of
// some hundred of them to 3e-6, and a difference over these steps, 18 / 12 of that over 4e-4, to 1e-2; twice that is allowed.
static void test_gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int k = 0; k < CASES; k++) {
        case_t c = make(k, 0.03, GRAPH_TRAIN);
        run_forward(&c, SETS, 12);
        graph_backward(c.forward, c.gradient);
        weights_check_gradient(c.params, loss, &c, c.gradient, 4e-4, 2e-2);
        end(&c);
    }
}

static void test_each_draw_gets_the_condition_of_its_own_data_set(void **state)
{
    (void)state;
    static const int64_t offsets[SETS + 1] = {0, 1, 5, 6};
    case_t c = make(1, 0.3, GRAPH_FORWARD);
    float together[6 * 3];
    graph_begin(c.forward, &(graph_batch_t){.sets = SETS, .draws = 6, .draw_offsets = offsets});
    fill_normal(c.condition, 2);
    for (int k = 0; k < 12; k++)
        c.theta->value[k] = 0.1f * (float)(k % 2);
    graph_forward(c.forward);
    memcpy(together, c.mapped->value, sizeof together);
    assert_memory_equal(together + 3, together + 6, 3 * sizeof(float)); // the same data set
    assert_memory_not_equal(together, together + 3, 3 * sizeof(float));
    assert_memory_not_equal(together + 12, together + 15, 3 * sizeof(float));
    end(&c);
}

static void test_a_broken_condition_is_seen_in_the_density(void **state)
{
    (void)state;
    static const float broken[] = {NAN, INFINITY};
    for (int k = 0; k < 2; k++) {
        case_t c = make(1, 0.3, GRAPH_FORWARD);
        graph_begin(c.forward, &(graph_batch_t){.sets = 1, .draws = 1});
        fill_normal(c.theta, 1);
        fill_normal(c.condition, 2);
        c.condition->value[1] = broken[k];
        graph_forward(c.forward);
        assert_false(isfinite(c.mapped->value[0]) && isfinite(c.mapped->value[2]));
        end(&c);
    }
}

static void test_extreme_conditions_give_numbers(void **state)
{
    (void)state;
    for (int k = 1; k < 3; k++) {
        case_t c = make(k, 0.3, GRAPH_FORWARD);
        graph_begin(c.forward, &(graph_batch_t){.sets = 1, .draws = 1});
        fill_normal(c.theta, 1);
        for (int j = 0; j < CONDITIONS; j++)
            c.condition->value[j] = j % 2 ? 15.0f : -15.0f;
        graph_forward(c.forward);
        for (int j = 0; j < 3; j++)
            assert_true(isfinite(c.mapped->value[j]));
        end(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_begins_as_the_identity),
        cmocka_unit_test(test_the_inverse_undoes_the_map),
        cmocka_unit_test(test_the_density_integrates_to_one),
        cmocka_unit_test(test_gradients_agree_with_differences),
        cmocka_unit_test(test_each_draw_gets_the_condition_of_its_own_data_set),
        cmocka_unit_test(test_a_broken_condition_is_seen_in_the_density),
        cmocka_unit_test(test_extreme_conditions_give_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
