// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/point_network.h"
#include "tests/nn/toy.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const inference_shape_t shape = {.parameters = 2, .conditions = 2};

static inference_config_t small_config(void)
{
    inference_config_t c;
    memset(&c, 0, sizeof c);
    c.type = INFERENCE_POINT;
    inference_kind_point.fill(SIZE_SMALL, &c);
    c.point.width = 16;
    c.point.depth = 2;
    return c;
}

static double normal_level(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static void test_settings_out_of_range_are_named(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    assert_int_equal(inference_kind_point.check(&shape, &c), OK);
    c.point.width = 0;
    assert_true(err_is(inference_kind_point.check(&shape, &c), ERR_USAGE));
    assert_non_null(strstr(err_text(), "inference.width: 0"));
    c = small_config();
    c.point.depth = 9;
    assert_true(err_is(inference_kind_point.check(&shape, &c), ERR_USAGE));
    c = small_config();
    c.point.n_quantiles = 1;
    assert_true(err_is(inference_kind_point.check(&shape, &c), ERR_USAGE));
    c = small_config();
    c.point.quantile[3] = c.point.quantile[2];
    assert_true(err_is(inference_kind_point.check(&shape, &c), ERR_USAGE));
    assert_non_null(strstr(err_text(), "rising levels"));
    c = small_config();
    c.point.quantile[c.point.n_quantiles - 1] = 1;
    assert_true(err_is(inference_kind_point.check(&shape, &c), ERR_USAGE));
    c = small_config();
    inference_shape_t image = {.parameters = 2, .conditions = 2, .image_conditions = 1};
    assert_true(err_is(inference_kind_point.check(&image, &c), ERR_USAGE));
}

static void *estimate(toy_t *t, const float *condition, float *mean, float *quantiles)
{
    void *eval = t->kind->eval_create(t->net, t->params);
    t->kind->eval_condition(eval, condition, NULL);
    point_network_estimate(eval, mean, quantiles);
    return eval;
}

static void test_it_begins_at_the_standard_normal(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 1, 1);
    float mean[2], quantiles[2 * POINT_MAX_QUANTILES], condition[2] = {3, -1};
    t.kind->eval_destroy(estimate(&t, condition, mean, quantiles));
    assert_true(mean[0] == 0 && mean[1] == 0);
    for (int k = 0; k < c.point.n_quantiles; k++)
        for (int j = 0; j < 2; j++)
            assert_true(fabs(normal_level((double)quantiles[2 * k + j]) - c.point.quantile[k]) <
                        1e-6);
    toy_end(&t);
}

/* The mean over 3 data sets of (squares / 2 + pinball) / 2, written out. */
static void test_the_loss_is_its_formula(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 3, 1);
    weights_perturb(t.params, 4, 0.2);
    toy_fill(&t, 0, 0);
    double expected = 0, got = toy_loss(&t);
    int n = c.point.n_quantiles;
    for (int i = 0; i < 3; i++) {
        float mean[2], quantiles[2 * POINT_MAX_QUANTILES];
        t.kind->eval_destroy(estimate(&t, t.condition->value + 2 * i, mean, quantiles));
        for (int j = 0; j < 2; j++) {
            double theta = (double)t.theta->value[2 * i + j], off = (double)mean[j] - theta;
            expected += off * off / 12;
            for (int k = 0; k < n; k++) {
                double over = (double)quantiles[2 * k + j] - theta;
                expected += over * ((over > 0) - c.point.quantile[k]) / (12 * n);
            }
        }
    }
    assert_true(fabs(got - expected) < 1e-5 * (1 + expected));
    toy_end(&t);
}

/* Where a quantile of 21 passes theta within a difference the loss has a kink, of weight 1 / (2 sets levels d) = 0.002. */
static void test_the_gradient_equals_differences(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 6, 1);
    weights_perturb(t.params, 4, 0.2);
    toy_fill(&t, 0, 0);
    toy_loss(&t);
    graph_backward(t.graph, t.gradient);
    weights_check_gradient(t.params, toy_loss, &t, t.gradient, 0x1p-7, 4e-3);
    toy_end(&t);
}

static void test_quantiles_never_cross(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 1, 1);
    weights_perturb(t.params, 4, 1.0);
    for (int s = 0; s < 20; s++) {
        float quantiles[2 * POINT_MAX_QUANTILES], condition[2] = {(float)s - 10, (float)(s % 3)};
        t.kind->eval_destroy(estimate(&t, condition, NULL, quantiles));
        for (int k = 2; k < 2 * c.point.n_quantiles; k++)
            assert_true(quantiles[k] >= quantiles[k - 2]);
    }
    toy_end(&t);
}

/* Q(u) as the header has it, by the draw's own uniform number. */
static double expected_draw(const inference_config_t *c, const float *quantiles, int64_t j,
                            double u)
{
    const double *level = c->point.quantile;
    int n = c->point.n_quantiles, k = 0;
    double q[POINT_MAX_QUANTILES];
    for (int i = 0; i < n; i++)
        q[i] = (double)quantiles[2 * i + j];
    if (u < level[0])
        return q[0] + level[0] * (q[1] - q[0]) / (level[1] - level[0]) * log(u / level[0]);
    double above = 1 - level[n - 1];
    if (u > level[n - 1])
        return q[n - 1] -
               above * (q[n - 1] - q[n - 2]) / (level[n - 1] - level[n - 2]) * log((1 - u) / above);
    while (k < n - 2 && u > level[k + 1])
        k++;
    return q[k] + (q[k + 1] - q[k]) * (u - level[k]) / (level[k + 1] - level[k]);
}

static void test_draws_are_the_quantile_function_of_uniform_numbers(void **state)
{
    enum { N = 2000 };
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 1, 1);
    weights_perturb(t.params, 4, 0.2);
    float quantiles[2 * POINT_MAX_QUANTILES], condition[2] = {0.4f, -1}, theta[2 * N];
    void *eval = estimate(&t, condition, NULL, quantiles);
    rng_t rng = rng_at(5, RNG_CHECK, 0), again = rng;
    t.kind->eval_draw(eval, N, &rng, theta, NULL);
    for (int k = 0; k < 2 * N; k++) {
        double expected = expected_draw(&c, quantiles, k % 2, rng_uniform(&again));
        assert_true(fabs((double)theta[k] - expected) <= 1e-5 * (1 + fabs(expected)));
    }
    assert_true(t.kind->eval_flops(eval) > 0 && t.kind->eval_bytes(eval) > 0);
    t.kind->eval_destroy(eval);
    toy_end(&t);
}

/* 1500 steps of 128 data sets. What the network leaves is far larger than the sampling error of 4000 draws, sd / sqrt(4000) =
 * 0.007 and the interpolation between levels, under 0.02; the bounds are a fifth of the posterior's standard deviation. */
static void test_training_finds_the_posterior(void **state)
{
    (void)state;
    inference_config_t c = small_config();
    toy_t t = toy_make(&inference_kind_point, &c, 2, 128, 1);
    toy_train(&t, 1500, 5e-3);
    const float condition[2] = {1, -0.5f};
    float mean[2], quantiles[2 * POINT_MAX_QUANTILES];
    double drawn_mean[2], drawn_sd[2];
    t.kind->eval_destroy(estimate(&t, condition, mean, quantiles));
    toy_draws(&t, condition, 4000, drawn_mean, drawn_sd);
    for (int j = 0; j < 2; j++) {
        double expected = TOY_SLOPE * (double)condition[j];
        assert_true(fabs((double)mean[j] - expected) < 0.09);
        assert_true(fabs(drawn_mean[j] - expected) < 0.09);
        assert_true(fabs(drawn_sd[j] - TOY_SD) < 0.09);
        for (int k = 0; k < c.point.n_quantiles; k++) {
            double level = normal_level(((double)quantiles[2 * k + j] - expected) / TOY_SD);
            assert_true(fabs(level - c.point.quantile[k]) < 0.08);
        }
    }
    toy_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_out_of_range_are_named),
        cmocka_unit_test(test_it_begins_at_the_standard_normal),
        cmocka_unit_test(test_the_loss_is_its_formula),
        cmocka_unit_test(test_the_gradient_equals_differences),
        cmocka_unit_test(test_quantiles_never_cross),
        cmocka_unit_test(test_draws_are_the_quantile_function_of_uniform_numbers),
        cmocka_unit_test(test_training_finds_the_posterior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
