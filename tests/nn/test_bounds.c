// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/bounds.h"

#include <math.h>

static const double supports[][2] = {
    {-INFINITY, INFINITY}, {0.05, INFINITY}, {-INFINITY, 2.0}, {-1.0, 3.0}, {1e6, 1e6 + 1.0}};
enum { SUPPORTS = sizeof supports / sizeof *supports };

static void test_there_and_back(void **state)
{
    (void)state;
    for (int k = 0; k < SUPPORTS; k++)
        for (double u = -12.0; u <= 12.0; u += 0.7) {
            double x = bounds_restore(supports[k][0], supports[k][1], u);
            double back = bounds_free(supports[k][0], supports[k][1], x, NULL);
            // x is rounded to 2^-53 of its size, which ln(x - bound) magnifies
            double slope = 0.0;
            bounds_free(supports[k][0], supports[k][1], x, &slope);
            assert_true(fabs(back - u) <= 1e-12 + 4e-16 * fabs(x) * exp(slope));
        }
}

static void test_the_slope_is_the_derivative(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++)
        for (double u = -3.0; u <= 3.0; u += 0.5) {
            double lower = supports[k][0], upper = supports[k][1], log_slope = 0.25;
            double x = bounds_restore(lower, upper, u), h = 1e-6;
            bounds_free(lower, upper, x, &log_slope);
            double difference =
                (bounds_free(lower, upper, x + h, NULL) - bounds_free(lower, upper, x - h, NULL)) /
                (2.0 * h);
            assert_true(fabs(log(difference) + 0.25 - log_slope) < 1e-6);
        }
}

static void test_every_u_lands_strictly_inside(void **state)
{
    (void)state;
    static const double far[] = {-1e3, -800.0, -60.0, -40.0, 40.0, 60.0, 800.0};
    for (int k = 1; k < SUPPORTS; k++)
        for (int i = 0; i < 7; i++) {
            double lower = supports[k][0], upper = supports[k][1];
            if (isfinite(upper) || far[i] < 0.0)
                assert_true(bounds_hold(lower, upper, bounds_restore(lower, upper, far[i])) ||
                            (!isfinite(lower) && far[i] < -700.0));
        }
}

static void test_nan_is_outside_and_stays_nan(void **state)
{
    (void)state;
    assert_false(bounds_hold(0.0, 1.0, NAN));
    assert_false(bounds_hold(0.0, 1.0, 0.0));
    assert_false(bounds_hold(0.0, 1.0, 1.0));
    for (int k = 0; k < SUPPORTS; k++)
        assert_true(isnan(bounds_restore(supports[k][0], supports[k][1], NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_the_slope_is_the_derivative),
        cmocka_unit_test(test_every_u_lands_strictly_inside),
        cmocka_unit_test(test_nan_is_outside_and_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
