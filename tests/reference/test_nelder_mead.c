// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/nelder_mead.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// Rosenbrock's valley in three dimensions; its minimum is 0 at (1, 1, 1).
static double valley(const void *context, const double *x)
{
    (void)context;
    double sum = 0.0;
    for (int i = 0; i < 2; i++)
        sum += 100.0 * pow(x[i + 1] - x[i] * x[i], 2.0) + pow(1.0 - x[i], 2.0);
    return sum;
}

static double valley_with_a_wall(const void *context, const double *x)
{
    return x[0] < -1.5 ? INFINITY : valley(context, x);
}

static void the_minimum_of_a_curved_valley_is_found(void **state)
{
    (void)state;
    double x[] = {-1.2, 1.0, 0.5};
    assert_true(nelder_mead(3, x, 0.3, valley, NULL) < 1e-9);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(x[i] - 1.0) < 1e-4);
}

static void infinite_values_are_avoided(void **state)
{
    (void)state;
    double x[] = {-1.4, 1.0, 0.5};
    assert_true(nelder_mead(3, x, -0.3, valley_with_a_wall, NULL) < 1e-9);
    assert_true(fabs(x[2] - 1.0) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_minimum_of_a_curved_valley_is_found),
        cmocka_unit_test(infinite_values_are_avoided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
