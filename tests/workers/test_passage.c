// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/sides_at.h"
#include "workers/simulators/passage_many.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

// The kernel once more, for the least of CPUs.
#define VEC_KERNEL
#define passage_many passage_many_plain
#include "workers/simulators/passage_many.c"
#undef passage_many

enum { MANY = 3 * MOST + 5 };
static const double drifts[] = {0.0, 0.3, -1.5, 30.0, -30.0};
static const double extremes[] = {1.5e-100, 1e-30, 1e-3, 50.0, 1e30, 9e99};
enum { DRIFTS = sizeof drifts / sizeof drifts[0], EXTREMES = sizeof extremes / sizeof extremes[0] };

static bool near(double got, double expected, double tolerance)
{
    return got == expected || fabs(got - expected) <= tolerance * fmax(1.0, fabs(expected));
}

// d log f / dx: both series are g(x) (1 - 3 q + 5 q^3), with q' = 4 q / x^2 or -pi^2 q.
static double passage_slope(double x)
{
    int small = x <= split;
    double inverse = 1.0 / x, q = exp(small ? -4.0 * inverse : -pi * pi * x);
    double first = small ? inverse * (0.5 * inverse - 1.5) : -pi * pi / 8.0;
    double by_x = small ? 4.0 * inverse * inverse : -pi * pi;
    return first - by_x * q * (3.0 - 15.0 * q * q) / (1.0 - q * (3.0 - 5.0 * q * q));
}

// On a grid that is fine about where the series change.
static void fill(int n, double *x)
{
    for (int i = 0; i < n; i++) {
        double at = 0.004 * pow(1e4, (double)i / MANY);
        x[i] = i % 11 == 0 ? split : i % 13 == 0 ? nextafter(split, 1.0) : at;
    }
}

static void expect_as_one(double x)
{
    double pull;
    passage_many_t got = passage_many(1, &x, 0, &pull);
    assert_false(got.outside);
    if (!near(pull, passage_slope(x) * x, 4e-15))
        fail_msg("x %g: pull %.17g, expected %.17g", x, pull, passage_slope(x) * x);
    for (int d = 0; d < DRIFTS; d++) {
        double power, m = drifts[d], factor = passage_density(x, m, &power);
        double drift = m - 0.5 * m * m * x, size = fabs(power) + fabs(drift);
        double log_density = got.log_density + drift, expected = log(factor) + power;
        if (!(fabs(log_density - expected) <= 2e-15 * (size + fabs(log(factor)) + 1.0)))
            fail_msg("x %g, m %g: %.17g, expected %.17g", x, m, log_density, expected);
    }
}

static void one_passage_has_the_density_and_the_slope(void **state)
{
    (void)state;
    for (int i = 0; i < EXTREMES; i++)
        expect_as_one(extremes[i]);
    expect_as_one(split);
    expect_as_one(nextafter(split, 0.0));
    expect_as_one(nextafter(split, 1.0));
    for (double x = 1e-3; x < 50.0; x *= 1.003)
        expect_as_one(x);
}

static void many_are_the_sum_of_each(void **state)
{
    (void)state;
    double x[MANY], pull[MANY], of;
    fill(MANY, x);
    for (int n = 0; n <= MANY; n += n < 40 ? 1 : 97) {
        double sum = 0.0;
        passage_many_t all = passage_many(n, x, 0, pull);
        for (int i = 0; i < n; i++) {
            sum += passage_many(1, &x[i], 0, &of).log_density;
            assert_true(pull[i] == of);
        }
        assert_false(all.outside);
        assert_true(near(all.log_density, sum, 1e-13));
        assert_true(passage_many(n, x, 0, NULL).log_density == all.log_density);
    }
}

static void stand_ins_add_nothing(void **state)
{
    (void)state;
    double x[MANY], with[2 * MANY];
    fill(MANY, x);
    for (int n = 1; n <= MANY; n += n < 40 ? 1 : 97) {
        for (int i = 0; i < 2 * n; i++)
            with[i] = i % 2 ? x[i / 2] : PASSAGE_MANY_NONE;
        assert_true(near(passage_many(2 * n, with, n, NULL).log_density,
                         passage_many(n, x, 0, NULL).log_density, 1e-14));
    }
}

static void bits_do_not_depend_on_the_instructions(void **state)
{
    (void)state;
    double x[MANY], pull[MANY], plain[MANY];
    fill(MANY, x);
    for (int e = 0; e < EXTREMES; e++)
        x[3 * e + 1] = extremes[e];
    for (int n = 0; n <= MANY; n += n < 40 ? 1 : 97) {
        passage_many_t a = passage_many(n, x, 0, pull);
        passage_many_t b = passage_many_plain(n, x, 0, plain);
        assert_true(a.log_density == b.log_density && a.outside == b.outside);
        for (int i = 0; i < n; i++)
            assert_true(pull[i] == plain[i]);
    }
}

static void what_is_outside_is_told(void **state)
{
    (void)state;
    const double outside[] = {0.0, -0.0, -1.0, -1e300, 1e-100, 1e100, INFINITY, -INFINITY, NAN};
    double x[MANY], pull[MANY];
    for (size_t k = 0; k < sizeof outside / sizeof outside[0]; k++)
        for (int n = 1; n < MANY; n += 61) {
            fill(n, x);
            x[n / 2] = outside[k];
            assert_true(passage_many(n, x, 0, pull).outside);
            assert_true(passage_many(n, x, 0, NULL).outside);
        }
}

static void the_exponential_is_exact_to_the_last_bits(void **state)
{
    (void)state;
    double worst = 0.0;
    for (double x = -700.0; x <= 700.0; x += 0.00371)
        worst = fmax(worst, (double)fabsl((long double)lane_exp(x) / expl((long double)x) - 1.0L));
    for (double x = 1e-20; x < 1.0; x *= 1.01)
        worst = fmax(worst, (double)fabsl((long double)lane_exp(x) / expl((long double)x) - 1.0L));
    print_message("exp: %.3g\n", worst);
    assert_true(worst < 4e-16);
}

// P(exit before x) at x <= 2 / pi, from the tails of normals in long double.
static long double below(long double x, long double m)
{
    long double sum = 0.0L, root = sqrtl(2.0L * x);
    for (int n = 0; n < 6; n++) {
        long double c = 2 * n + 1, sign = n % 2 ? -1.0L : 1.0L;
        sum += sign * (expl(m - c * m) * erfcl((c - m * x) / root) +
                       expl(m + c * m) * erfcl((m * x + c) / root));
    }
    return 0.5L * (1.0L + expl(-2.0L * m)) * sum;
}

// The exponents, up to 500, carry their rounding; those of passage_density before they are summed.
static void expect_sides(double x, double m)
{
    passage_sides_t s = sides_at(x, m);
    double power, factor = passage_density(x, m, &power), expected = (double)below(x, m);
    double density = factor * exp(power) * (1.0 + exp(-2.0 * m));
    double size = 1.0 + (1.0 - m * x) * (1.0 - m * x) / (2.0 * x);
    double parts = 1.0 + 0.5 / x + m + 0.5 * m * m * x;
    if (!(fabs(s.below - expected) <= 2e-15 * size * expected))
        fail_msg("x %g, m %g: %.17g, expected %.17g", x, m, s.below, expected);
    if (!(fabs(s.density - density) <= 2e-15 * parts * density))
        fail_msg("x %g, m %g: density %.17g, expected %.17g", x, m, s.density, density);
}

static void sides_have_small_relative_errors(void **state)
{
    (void)state;
    const double at[] = {0.0, 1e-9, 0.3, 1.0, 1.5, 2.0, 4.0, 9.0, 25.0, 60.0};
    for (size_t d = 0; d < sizeof at / sizeof at[0]; d++)
        for (double x = 1e-3; x <= split; x *= 1.01)
            expect_sides(x, at[d]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_passage_has_the_density_and_the_slope),
        cmocka_unit_test(many_are_the_sum_of_each),
        cmocka_unit_test(stand_ins_add_nothing),
        cmocka_unit_test(bits_do_not_depend_on_the_instructions),
        cmocka_unit_test(what_is_outside_is_told),
        cmocka_unit_test(the_exponential_is_exact_to_the_last_bits),
        cmocka_unit_test(sides_have_small_relative_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
