// SPDX-License-Identifier: Apache-2.0
#include "nn/fmath.h"

#include "nn/unary.h"

#include <float.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define POINTS 400000
#define ULPS   3.0

/* Distance from the truth in units of the last place of the truth. */
static double ulps(float got, double truth)
{
    float near = (float)truth;
    double unit = fabs((double)nextafterf(near, INFINITY) - (double)near);
    return fabs((double)got - truth) / unit;
}

static double truth_of(unary_t kind, double x)
{
    double softplus = fmax(x, 0) + log1p(exp(-fabs(x)));
    switch (kind) {
    case UNARY_IDENTITY:
        return x;
    case UNARY_EXP:
        return exp(x);
    case UNARY_LOG:
        return log(x);
    case UNARY_LOG_ABS:
        return log(fabs(x));
    case UNARY_TANH:
        return tanh(x);
    case UNARY_SIGMOID:
        return 1 / (1 + exp(-x));
    case UNARY_SOFTPLUS:
        return softplus;
    case UNARY_SILU:
        return x / (1 + exp(-x));
    case UNARY_MISH:
        return x * tanh(softplus);
    case UNARY_HARD_SILU:
        return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case UNARY_RELU:
        return fmax(x, 0);
    case UNARY_ASINH:
        return asinh(x);
    case UNARY_SQRT:
        return sqrt(x);
    case UNARY_SQUARE:
        return x * x;
    case UNARY_NEG:
        return -x;
    case UNARY_SIN:
        return sin(x);
    case UNARY_COS:
        return cos(x);
    case UNARY_KINDS:
        break;
    }
    return NAN;
}

/* Worst error over a grid that is uniform in x, or geometric where low > 0 and `geometric`. */
static double worst_ulps(unary_t kind, double low, double high, int geometric)
{
    float *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
    double worst = 0;
    assert_non_null(x);
    assert_non_null(y);
    for (int i = 0; i < POINTS; i++) {
        double part = (i + 0.5) / POINTS;
        x[i] = (float)(geometric ? low * pow(high / low, part) : low + (high - low) * part);
    }
    unary_apply(kind, POINTS, x, y, NULL);
    for (int i = 0; i < POINTS; i++)
        worst = fmax(worst, ulps(y[i], truth_of(kind, x[i])));
    free(x);
    free(y);
    return worst;
}

static void check(const char *name, unary_t kind, double low, double high, int geometric)
{
    double worst = worst_ulps(kind, low, high, geometric);
    print_message("%s on %g .. %g: %.2f ulp\n", name, low, high, worst);
    if (!(worst <= ULPS))
        fail_msg("%s on %g .. %g: %g ulp", name, low, high, worst);
}

static void functions_are_within_three_ulps(void **state)
{
    (void)state;
    check("exp", UNARY_EXP, -87, 88.7, 0);
    check("log", UNARY_LOG, 1.2e-38, 3e38, 1);
    check("log", UNARY_LOG, 0.5, 2, 0);
    check("log_abs", UNARY_LOG_ABS, -3, -0.1, 0);
    check("tanh", UNARY_TANH, -12, 12, 0);
    check("tanh", UNARY_TANH, 1e-20, 1, 1);
    check("sigmoid", UNARY_SIGMOID, -86, 30, 0);
    check("softplus", UNARY_SOFTPLUS, -86, 60, 0);
    check("asinh", UNARY_ASINH, -30, 30, 0);
    check("asinh", UNARY_ASINH, 1e-20, 1e30, 1);
    check("sqrt", UNARY_SQRT, 1e-30, 1e30, 1);
    check("square", UNARY_SQUARE, -3, 3, 0);
    check("relu", UNARY_RELU, -3, 3, 0);
    check("neg", UNARY_NEG, -3, 3, 0);
    check("sin", UNARY_SIN, -10, 10, 0);
    check("sin", UNARY_SIN, -1600, 1600, 0);
    check("sin", UNARY_SIN, 1e-20, 1, 1);
    check("cos", UNARY_COS, -10, 10, 0);
    check("cos", UNARY_COS, -1600, 1600, 0);
}

/* silu is sigmoid with one rounding more; e (e + 2) / (e (e + 2) + 2) has no cancellation, but passes three roundings more. */
static void silu_mish_and_hard_silu_are_within_five_ulps(void **state)
{
    (void)state;
    assert_true(worst_ulps(UNARY_SILU, -80, 30, 0) <= 5);
    assert_true(worst_ulps(UNARY_MISH, -40, 40, 0) <= 5);
    assert_true(worst_ulps(UNARY_HARD_SILU, -2.5, 8, 0) <= 5);
}

static void limits_are_exact(void **state)
{
    (void)state;
    assert_true(f_exp(INFINITY) == INFINITY && f_exp(-INFINITY) == 0 && f_exp(0) == 1);
    assert_true(f_exp(89) == INFINITY && f_exp(-104) == 0);
    assert_true(fabsf(f_exp(-95) / expf(-95) - 1) < 1e-4f); // subnormal
    assert_true(f_log(0) == -INFINITY && f_log(INFINITY) == INFINITY && f_log(1) == 0);
    assert_true(isnan(f_log(-1)));
    assert_true(fabsf(f_log(1e-42f) - logf(1e-42f)) < 1e-5f);
    assert_true(f_tanh(INFINITY) == 1 && f_tanh(-INFINITY) == -1 && f_tanh(0) == 0);
    assert_true(f_sigmoid(INFINITY) == 1 && f_sigmoid(-INFINITY) == 0);
    assert_true(f_softplus(INFINITY) == INFINITY && f_softplus(-INFINITY) == 0);
    assert_true(f_asinh(INFINITY) == INFINITY && f_asinh(0) == 0);
}

/* Floats next to multiples of pi / 2 up to 1600, where all leading digits of the reduction cancel. */
static void sin_and_cos_hold_at_their_zeros(void **state)
{
    (void)state;
    for (int n = -1018; n <= 1018; n++) {
        float x = (float)(n * 1.57079632679489661923), c, s = f_sin_cos(x, &c);
        double truth = n % 2 ? cos((double)x) : sin((double)x);
        assert_true(n == 0 || ulps(n % 2 ? c : s, truth) <= ULPS);
    }
}

/* Error of the argument's own last place, and never beyond [-1, 1]. */
static void sin_and_cos_of_large_numbers_stay_near(void **state)
{
    (void)state;
    for (float x = 1600; x < 4e6f; x *= 1.0007f) {
        float c, s = f_sin_cos(x, &c);
        double unit = (double)(nextafterf(x, INFINITY) - x);
        assert_true(fabs((double)s - sin((double)x)) <= unit);
        assert_true(fabs((double)c - cos((double)x)) <= unit);
    }
    for (float x = 4e6f; x < INFINITY; x *= 3) {
        float c, s = f_sin_cos(x, &c);
        assert_true(fabsf(s) <= 1 && fabsf(c) <= 1);
    }
}

static void nan_comes_out_of_every_function(void **state)
{
    (void)state;
    for (int kind = 0; kind < UNARY_KINDS; kind++) {
        float x[19], y[19], slope[19];
        for (int i = 0; i < 19; i++)
            x[i] = i == 5 || i == 18 ? NAN : 1;
        unary_apply((unary_t)kind, 19, x, y, slope);
        for (int i = 0; i < 19; i++)
            assert_true(!isnan(x[i]) == !isnan(y[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_within_three_ulps),
        cmocka_unit_test(silu_mish_and_hard_silu_are_within_five_ulps),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(sin_and_cos_hold_at_their_zeros),
        cmocka_unit_test(sin_and_cos_of_large_numbers_stay_near),
        cmocka_unit_test(nan_comes_out_of_every_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
