// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/rng.h"
#include "nn/spline_many.h"

#include <math.h>

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.12g, expected %.12g", got, expected);
}

enum { MOST_RAW = 3 * 16 + 3, CASES = 400 };

static spline_t random_case(rng_t *rng, float *raw, double *x)
{
    int bins = (int)rng_integer(rng, 2, 16);
    spline_t s = rng_uniform(rng) < 0.5 ? spline_make(bins, 3.0) : spline_make_peer(bins);
    for (int k = 0; k < spline_raw_count(&s); k++)
        raw[k] = (float)(1.5 * rng_normal(rng));
    *x = 10.0 * rng_uniform(rng) - 5.0;
    return s;
}

static void test_zero_parameters_give_the_identity(void **state)
{
    (void)state;
    float raw[MOST_RAW] = {0};
    spline_t s = spline_make(16, 3.0);
    for (double x = -5.0; x <= 5.0; x += 0.37) {
        double log_slope;
        assert_near(spline_forward(&s, raw, x, &log_slope), x, 1e-6);
        assert_near(log_slope, 0.0, 1e-6);
    }
}

static void test_inverse_undoes_the_map(void **state)
{
    (void)state;
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int k = 0; k < CASES; k++) {
        float raw[MOST_RAW];
        double x, forward, inverse;
        spline_t s = random_case(&rng, raw, &x);
        double y = spline_forward(&s, raw, x, &forward);
        assert_near(spline_inverse(&s, raw, y, &inverse), x, 1e-9);
        assert_near(inverse, forward, 1e-8);
    }
}

// Central differences of a float64 map: h^2 f''' is about 1e-8 at h = 1e-5, and rounding / h about 1e-11.
static void test_log_slope_is_that_of_the_map(void **state)
{
    (void)state;
    rng_t rng = rng_at(2, RNG_CHECK, 0);
    const double h = 1e-5;
    for (int k = 0; k < CASES; k++) {
        float raw[MOST_RAW];
        double x, log_slope, ignored;
        spline_t s = random_case(&rng, raw, &x);
        spline_forward(&s, raw, x, &log_slope);
        double slope =
            (spline_forward(&s, raw, x + h, &ignored) - spline_forward(&s, raw, x - h, &ignored)) /
            (2.0 * h);
        assert_near(log(slope), log_slope, 2e-3);
    }
}

static double objective(const spline_t *s, const float *raw, double x, double gy, double gl)
{
    double log_slope, y = spline_forward(s, raw, x, &log_slope);
    return gy * y + gl * log_slope;
}

// One raw parameter; the step is what float32 makes of it. The softmax is float32: an objective of about 10 is sure to
// 1e-5, its difference to 3e-3. Two step sizes must agree, else a knot lies between (ln f' has
// a kink there) and nothing is compared.
static int compare(const spline_t *s, float *raw, int k, double x, double analytic)
{
    double slope[2];
    for (int step = 0; step < 2; step++) {
        float value = raw[k], h = step ? 3e-3f : 6e-3f;
        raw[k] = value + h;
        double above = objective(s, raw, x, 1.3, -0.7), high = (double)raw[k];
        raw[k] = value - h;
        double below = objective(s, raw, x, 1.3, -0.7), low = (double)raw[k];
        raw[k] = value;
        slope[step] = (above - below) / (high - low);
    }
    if (fabs(slope[0] - slope[1]) > 2e-3 * (1.0 + fabs(slope[1])))
        return 0;
    assert_near(analytic, slope[1], 1e-2 * (1.0 + fabs(slope[1])));
    return 1;
}

static void test_gradient_agrees_with_differences(void **state)
{
    (void)state;
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    int compared = 0, all = 0;
    for (int k = 0; k < CASES; k++) {
        float raw[MOST_RAW], graw[MOST_RAW];
        double x;
        spline_t s = random_case(&rng, raw, &x);
        spline_backward(&s, raw, x, 1.3, -0.7, graw);
        for (int j = 0; j < spline_raw_count(&s); j++, all++)
            compared += compare(&s, raw, j, x, (double)graw[j]);
    }
    assert_true(compared > 0.9 * all);
}

static void test_the_peers_box_begins_short(void **state)
{
    (void)state;
    float raw[MOST_RAW] = {0};
    double log_slope;
    spline_t s = spline_make_peer(16);
    raw[2] = 1e-6f; // one side a little wider: the slope of the tails shows where the box ends
    raw[4 + 32] = 1.0f;
    spline_forward(&s, raw, -2.9, &log_slope);
    double inside = log_slope;
    spline_forward(&s, raw, 2.7, &log_slope);
    assert_true(fabs(log_slope) < 1e-5 &&
                fabs(inside) > 1e-3); // 2.7 lies beyond the box [-3, 2.665]
}

static void test_what_is_not_finite_stays_visible(void **state)
{
    (void)state;
    float raw[MOST_RAW] = {0};
    double log_slope;
    spline_t s = spline_make(8, 3.0);
    assert_true(isnan(spline_forward(&s, raw, NAN, &log_slope)));
    raw[5] = NAN;
    spline_forward(&s, raw, 0.5, &log_slope);
    assert_true(isnan(log_slope));
    spline_inverse(&s, raw, 0.5, &log_slope);
    assert_true(isnan(log_slope));
}

// Exponentials and logarithms are float32 there: a few 1e-7 of each bin, whose sums are of size 10 and whose slopes may be
// 100 times as large.
static void test_many_at_once_are_what_each_is(void **state)
{
    (void)state;
    rng_t rng = rng_at(4, RNG_CHECK, 0);
    for (int k = 0; k < CASES; k++) {
        float raw[SPLINE_TILE * MOST_RAW], at[SPLINE_TILE];
        double moved[SPLINE_TILE], log_slope[SPLINE_TILE], x;
        int64_t n = rng_integer(&rng, 1, SPLINE_TILE);
        bool inverse = k % 2 == 1;
        spline_t s = random_case(&rng, raw, &x);
        int m = spline_raw_count(&s);
        for (int i = 0; i < n * m; i++)
            raw[i] = (float)(1.5 * rng_normal(&rng));
        for (int i = 0; i < n; i++)
            at[i] = (float)(10.0 * rng_uniform(&rng) - 5.0);
        spline_tile(&s, inverse, n, raw, at, moved, log_slope);
        for (int i = 0; i < n; i++) {
            double slope, y = inverse ? spline_inverse(&s, raw + i * m, (double)at[i], &slope)
                                      : spline_forward(&s, raw + i * m, (double)at[i], &slope);
            assert_near(moved[i], y, 2e-5 * (1 + fabs(y)));
            assert_near(log_slope[i], slope, 1e-4);
        }
    }
    float raw[MOST_RAW] = {0}, at = NAN;
    double moved[SPLINE_TILE], log_slope[SPLINE_TILE];
    spline_t s = spline_make(8, 3.0);
    spline_tile(&s, true, 1, raw, &at, moved, log_slope);
    assert_true(isnan(moved[0]));
    raw[5] = NAN;
    at = 0.5f;
    spline_tile(&s, false, 1, raw, &at, moved, log_slope);
    assert_true(isnan(moved[0]) && isnan(log_slope[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_parameters_give_the_identity),
        cmocka_unit_test(test_inverse_undoes_the_map),
        cmocka_unit_test(test_log_slope_is_that_of_the_map),
        cmocka_unit_test(test_gradient_agrees_with_differences),
        cmocka_unit_test(test_the_peers_box_begins_short),
        cmocka_unit_test(test_what_is_not_finite_stays_visible),
        cmocka_unit_test(test_many_at_once_are_what_each_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
