// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/fmath_fused.h"

#define POINTS 200000
#define ULPS   3.0

/* Distance from the truth in units of the last place of the truth. */
static double ulps(float got, double truth)
{
    float near = (float)truth;
    double unit = fabs((double)nextafterf(near, INFINITY) - (double)near);
    return fabs((double)got - truth) / unit;
}

static double exp_of(double x)
{
    return exp(x);
}

static double sigmoid_of(double x)
{
    return 1 / (1 + exp(-x));
}

static float f_exp_here(float x)
{
    return f_exp_fused(x);
}

static float f_sigmoid_here(float x)
{
    return f_sigmoid_fused(x);
}

/* Over a uniform grid of [-most, most]. */
static void check(float (*got)(float), double (*truth)(double), double most)
{
    double worst = 0;
    for (int i = 0; i < POINTS; i++) {
        float x = (float)(most * (2 * (i + 0.5) / POINTS - 1));
        worst = fmax(worst, ulps(got(x), truth((double)x)));
    }
    print_message("%.2f ulp on [-%g, %g]\n", worst, most, most);
    assert_true(worst <= ULPS);
}

static void test_functions_are_sure_to_a_few_ulp(void **state)
{
    (void)state;
    check(f_exp_here, exp_of, 87);
    check(f_exp_here, exp_of, 1);
    check(f_sigmoid_here, sigmoid_of, 86);
    check(f_sigmoid_here, sigmoid_of, 4);
}

static void test_ends_of_the_range(void **state)
{
    (void)state;
    assert_true(f_exp_fused(0.0f) == 1.0f && f_sigmoid_fused(0.0f) == 0.5f);
    assert_true(f_exp_fused(-INFINITY) == f_exp_fused(-87.0f) && f_exp_fused(-87.0f) < 2e-38f);
    assert_true(f_exp_fused(INFINITY) == f_exp_fused(87.0f) && isfinite(f_exp_fused(87.0f)));
    assert_true(f_sigmoid_fused(INFINITY) == 1.0f && f_sigmoid_fused(-INFINITY) < 2e-38f);
    assert_true(isnan(f_exp_fused(NAN)) && isnan(f_sigmoid_fused(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_sure_to_a_few_ulp),
        cmocka_unit_test(test_ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
