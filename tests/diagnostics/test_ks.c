// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

enum { N = 400, M = 300 };

/* Additive sequences, which are evenly spread on (0, 1); the second bent by a power, and both cut to `levels` where > 0. */
static ks_t compare(double power, double levels)
{
    double x[N], y[M];
    for (int i = 0; i < N; i++)
        x[i] = fmod(i * 0.6180339887, 1);
    for (int j = 0; j < M; j++)
        y[j] = pow(fmod(j * 0.7548776662, 1), power);
    for (int i = 0; i < N && levels > 0; i++)
        x[i] = floor(levels * x[i]);
    for (int j = 0; j < M && levels > 0; j++)
        y[j] = floor(levels * y[j]);
    return ks_two_samples(N, x, M, y);
}

/* SciPy 1.17.1: ks_2samp(x, y, method="asymp"), whose p is that of one sample of round(n m / (n + m)) values, exactly. Stephens'
 * correction, used here, is within 5 % of it where p is above 0.0003. */
static void distances_and_p_are_those_of_scipy(void **state)
{
    (void)state;
    static const struct {
        double power, levels, distance, p;
    } cases[] = {{1.2, 0, 0.075, 0.2771547320053497},
                 {1.5, 0, 0.15666666666666668, 0.0003930523182020317},
                 {1.2, 5, 0.0725, 0.31458826407759954}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ks_t ks = compare(cases[i].power, cases[i].levels);
        assert_true(fabs(ks.distance - cases[i].distance) < 1e-12);
        assert_true(fabs(ks.p / cases[i].p - 1) < 0.05);
    }
}

static void ends_of_the_scale(void **state)
{
    (void)state;
    double a[3] = {3, 1, 2}, b[3] = {2, 3, 1}, c[2] = {8, 9};
    ks_t same = ks_two_samples(3, a, 3, b), apart = ks_two_samples(3, a, 2, c),
         none = ks_two_samples(0, a, 2, c);
    assert_true(same.distance == 0 && same.p == 1);
    assert_true(apart.distance == 1);
    assert_true(isnan(none.distance) && isnan(none.p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_and_p_are_those_of_scipy),
        cmocka_unit_test(ends_of_the_scale),
    };
    return cmocka_run_group_tests_name("ks", tests, NULL, NULL);
}
