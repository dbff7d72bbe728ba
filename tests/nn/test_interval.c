// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/interval.h"

#include <math.h>

static interval_map_t with(double lower, double upper, int n, const interval_step_t *steps,
                           double from, double to)
{
    interval_map_t m = interval_map(lower, upper);
    for (int k = 0; k < n; k++)
        assert_true(interval_add(&m, steps[k], from, to));
    return m;
}

// Supports, steps and narrower bounds that the tests go through.
static int all_maps(interval_map_t *out)
{
    static const interval_step_t log_[] = {INTERVAL_LOG}, root[] = {INTERVAL_SQRT},
                                 narrow[] = {INTERVAL_NARROW},
                                 many[] = {INTERVAL_NARROW, INTERVAL_SQRT},
                                 other[] = {INTERVAL_LOG, INTERVAL_NARROW};
    int n = 0;
    out[n++] = with(-INFINITY, INFINITY, 0, NULL, 0, 0);
    out[n++] = with(-1.0, 3.0, 0, NULL, 0, 0);
    out[n++] = with(0.0, INFINITY, 1, log_, 0, 0);
    out[n++] = with(0.0, 10.0, 1, log_, 0, 0);
    out[n++] = with(0.5, INFINITY, 1, log_, 0, 0);
    out[n++] = with(0.5, 10.0, 1, log_, 0, 0);
    out[n++] = with(1e6, 1e6 + 1.0, 1, log_, 0, 0);
    out[n++] = with(0.0, INFINITY, 1, root, 0, 0);
    out[n++] = with(0.0, 4.0, 1, root, 0, 0);
    out[n++] = with(2.0, 4.0, 1, root, 0, 0);
    out[n++] = with(-5.0, 5.0, 1, narrow, 0.0, 1.0);
    out[n++] = with(-5.0, 5.0, 1, narrow, -INFINITY, 1.0);
    out[n++] = with(-INFINITY, INFINITY, 2, many, 0.0, 9.0);
    out[n++] = with(0.0, INFINITY, 2, other, -1.0, 2.0);
    return n;
}
enum { MAPS = 16 };

static void test_there_and_back(void **state)
{
    (void)state;
    interval_map_t maps[MAPS];
    int n = all_maps(maps);
    for (int k = 0; k < n; k++)
        for (double u = -12.0; u <= 12.0; u += 0.7) {
            double there = 0.0, back = 0.0, x = interval_restore(&maps[k], u, &there);
            assert_true(interval_holds(&maps[k], x));
            if (x > 1e300) // exp(exp(u)) is beyond what a double holds
                continue;
            double again = interval_free(&maps[k], x, &back);
            // x is rounded to 2^-53 of its size, and what the steps make of it once more
            assert_true(fabs(again - u) <= 1e-12 + 2e-15 * (1.0 + fabs(x)) * exp(there));
            assert_true(fabs(there - back) <= 1e-9 + 2e-15 * (1.0 + fabs(x)) * exp(there));
        }
}

static void test_the_slope_is_the_derivative(void **state)
{
    (void)state;
    interval_map_t maps[MAPS];
    int n = all_maps(maps);
    for (int k = 0; k < n; k++)
        for (double u = -2.0; u <= 2.0; u += 0.5) {
            double log_slope = 0.0, ignored = 0.0, x = interval_restore(&maps[k], u, &log_slope);
            double h = 1e-6 * exp(-log_slope), low = x - h, high = x + h;
            double slope =
                (interval_free(&maps[k], high, &ignored) - interval_free(&maps[k], low, &ignored)) /
                (high - low);
            // rounding of x and u over a step of 1e-6 of u
            assert_true(fabs(log(slope) - log_slope) < 1e-8 + 1e-9 * fabs(x) * exp(log_slope));
        }
}

static void test_without_steps_it_is_the_logarithm_of_distances(void **state)
{
    (void)state;
    static const double ends[][2] = {
        {-INFINITY, INFINITY}, {0.05, INFINITY}, {-INFINITY, 2.0}, {-1.0, 3.0}};
    for (double x = 0.1; x < 2.0; x += 0.3) {
        const double expected[] = {x, log(x - 0.05), -log(2.0 - x), log(x + 1.0) - log(3.0 - x)},
                     slopes[] = {0.0, -log(x - 0.05), -log(2.0 - x),
                                 log(4.0) - log(x + 1.0) - log(3.0 - x)};
        for (int k = 0; k < 4; k++) {
            interval_map_t m = interval_map(ends[k][0], ends[k][1]);
            double slope = 0.0, back = 0.0, u = interval_free(&m, x, &slope);
            assert_true(fabs(u - expected[k]) < 1e-14 && fabs(slope - slopes[k]) < 1e-14);
            assert_true(fabs(interval_restore(&m, u, &back) - x) < 1e-15);
            assert_true(fabs(back - slope) < 1e-14);
        }
    }
}

// Next to an end far from 0: ln(ln x - ln a) would have lost all digits.
static void test_a_narrow_support_keeps_its_digits(void **state)
{
    (void)state;
    interval_map_t m = interval_map(1024.0, 1024.0 + 0x1p-20);
    assert_true(interval_add(&m, INTERVAL_LOG, 0.0, 0.0));
    double slope = 0.0, x = 1024.0 + 0x1p-40;
    double u = interval_free(&m, x, &slope);
    // (ln x - ln a) / (ln b - ln x) = 2^-40 / (2^-20 - 2^-40), but for 1e-9 of it
    assert_true(fabs(u - log(0x1p-40 / (0x1p-20 - 0x1p-40))) < 1e-8);
    assert_true(interval_restore(&m, u, &slope) == x);
}

static void test_far_out_it_stays_inside(void **state)
{
    (void)state;
    interval_map_t maps[MAPS];
    int n = all_maps(maps);
    for (int k = 0; k < n; k++)
        for (double u = -700.0; u <= 700.0; u += 100.0) {
            double slope = 0.0, x = interval_restore(&maps[k], u, &slope);
            assert_true(interval_holds(&maps[k], x) || isinf(x));
        }
}

static void test_borders_are_outside(void **state)
{
    (void)state;
    interval_map_t m = interval_map(0.0, 5.0);
    assert_true(interval_add(&m, INTERVAL_NARROW, 1.0, 3.0));
    assert_false(interval_holds(&m, 1.0));
    assert_true(interval_holds(&m, 1.5));
    assert_false(interval_holds(&m, 3.0));
    assert_false(interval_holds(&m, 4.0));
    assert_false(interval_holds(&m, NAN));
}

// Bounds of ln x are bounds of x, for the question whether it is inside.
static void test_bounds_after_a_step_hold_for_the_number(void **state)
{
    (void)state;
    interval_map_t m = interval_map(0.0, INFINITY);
    assert_true(interval_add(&m, INTERVAL_LOG, 0.0, 0.0));
    assert_true(interval_add(&m, INTERVAL_NARROW, 0.0, 2.0));
    assert_true(fabs(m.from - 1.0) < 1e-15 && fabs(m.to - exp(2.0)) < 1e-14);
    assert_false(interval_holds(&m, 0.99));
    assert_true(interval_holds(&m, 7.0));
}

static void test_steps_that_can_not_be(void **state)
{
    (void)state;
    interval_map_t m = interval_map(-1.0, 5.0), same = m;
    assert_false(interval_add(&m, INTERVAL_LOG, 0.0, 0.0));
    assert_false(interval_add(&m, INTERVAL_SQRT, 0.0, 0.0));
    assert_false(interval_add(&m, INTERVAL_NARROW, 5.0, 6.0));
    assert_true(interval_same(&m, &same));
    for (int k = 0; k < INTERVAL_MAX_STEPS; k++)
        assert_true(interval_add(&m, INTERVAL_NARROW, 0.0, 1.0));
    assert_false(interval_add(&m, INTERVAL_NARROW, 0.0, 1.0));
    assert_false(interval_same(&m, &same));
}

static void test_what_is_not_a_number_stays_so(void **state)
{
    (void)state;
    interval_map_t maps[MAPS];
    int n = all_maps(maps);
    for (int k = 0; k < n; k++) {
        double slope = 0.0;
        assert_true(isnan(interval_restore(&maps[k], NAN, &slope)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_the_slope_is_the_derivative),
        cmocka_unit_test(test_without_steps_it_is_the_logarithm_of_distances),
        cmocka_unit_test(test_a_narrow_support_keeps_its_digits),
        cmocka_unit_test(test_far_out_it_stays_inside),
        cmocka_unit_test(test_borders_are_outside),
        cmocka_unit_test(test_bounds_after_a_step_hold_for_the_number),
        cmocka_unit_test(test_steps_that_can_not_be),
        cmocka_unit_test(test_what_is_not_a_number_stays_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
