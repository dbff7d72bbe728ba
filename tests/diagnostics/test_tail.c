// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/tail.h"

#include "cluster/rng.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

enum { N = 200, STUDIES = 20000 };
static const double chance = 0.001;

/* Two in five below 0, one in five 0 (so that the median is), two in five a power law with this exponent from 1. */
static double power_law(rng_t *r, double exponent)
{
    double u = rng_uniform(r);
    return u < 0.4 ? -1 : u < 0.6 ? 0 : pow(rng_uniform(r), -1 / exponent);
}

static double beyond_power_law(double x, double exponent)
{
    return 0.4 * pow(x, -exponent);
}

/* The chance of one more value beyond the limit is known for each sample; its mean over samples is what the formula says. It
 * is below 0.005 with a standard deviation of about twice its mean: 5 standard errors of 20,000 are 7e-5. */
static void a_power_law_is_exceeded_as_often_as_is_said(void **state)
{
    (void)state;
    for (int exponent = 1; exponent <= 3; exponent++) {
        double sum = 0, x[N];
        rng_t r = rng_at(1, RNG_CHECK, (uint64_t)exponent);
        for (int s = 0; s < STUDIES; s++) {
            for (int i = 0; i < N; i++)
                x[i] = power_law(&r, exponent);
            stats_sort(N, x);
            sum += beyond_power_law(tail_limit(N, x, chance), exponent);
        }
        assert_true(fabs(sum / STUDIES - chance) < 7e-5);
    }
}

static double beyond_normal(double x)
{
    return erfc(x / sqrt(2)) / 2;
}

static void lighter_tails_are_exceeded_less_often(void **state)
{
    (void)state;
    double normal = 0, log_normal = 0, uniform = 0, x[N], e[N], u[N];
    rng_t r = rng_at(2, RNG_CHECK, 0);
    for (int s = 0; s < STUDIES / 10; s++) {
        for (int i = 0; i < N; i++) {
            x[i] = rng_normal(&r);
            e[i] = exp(2 * x[i]);
            u[i] = rng_uniform(&r);
        }
        stats_sort(N, x);
        stats_sort(N, e);
        stats_sort(N, u);
        normal += beyond_normal(tail_limit(N, x, chance));
        log_normal += beyond_normal(log(tail_limit(N, e, chance)) / 2);
        uniform += fmax(0, 1 - tail_limit(N, u, chance));
    }
    assert_true(normal < chance * STUDIES / 10);
    assert_true(log_normal < chance * STUDIES / 10);
    assert_true(uniform < chance * STUDIES / 10);
}

static void a_chance_that_the_largest_one_gives_asks_for_no_more(void **state)
{
    (void)state;
    double x[100];
    for (int i = 0; i < 100; i++)
        x[i] = i;
    assert_true(tail_limit(100, x, 1.0 / 101) == 99);
    assert_true(tail_limit(100, x, 0.5) == 99);
    assert_true(tail_limit(100, x, 1.0 / 102) > 99);
}

static void a_tail_that_tells_nothing_has_no_limit(void **state)
{
    (void)state;
    double x[100] = {0};
    assert_true(isinf(tail_limit(100, x, chance)));
    x[99] = 1; // the upper tenth begins at the median
    assert_true(isinf(tail_limit(100, x, chance)));
    for (int i = 90; i < 100; i++)
        x[i] = 1; // one value
    assert_true(isinf(tail_limit(100, x, chance)));
    x[99] = 2;
    assert_true(isfinite(tail_limit(100, x, chance)));
    assert_true(isinf(tail_limit(19, x + 81, chance))); // too few
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_law_is_exceeded_as_often_as_is_said),
        cmocka_unit_test(lighter_tails_are_exceeded_less_often),
        cmocka_unit_test(a_chance_that_the_largest_one_gives_asks_for_no_more),
        cmocka_unit_test(a_tail_that_tells_nothing_has_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
