// SPDX-License-Identifier: Apache-2.0
#include "workers/host.h"

#include "workers/load.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 40000 };

static double uniform(infermill_random_t *r)
{
    return simulator_host()->uniform(r);
}
static double normal(infermill_random_t *r)
{
    return simulator_host()->normal(r);
}
static double exponential(infermill_random_t *r)
{
    return simulator_host()->exponential(r);
}
static double gamma_5(infermill_random_t *r)
{
    return simulator_host()->gamma(r, 5.0);
}
static double beta_2_6(infermill_random_t *r)
{
    return simulator_host()->beta(r, 2.0, 6.0);
}
static double student_12(infermill_random_t *r)
{
    return simulator_host()->student_t(r, 12.0);
}
static double integer_1_6(infermill_random_t *r)
{
    return (double)simulator_host()->integer(r, 1, 6);
}
static double poisson_4(infermill_random_t *r)
{
    return (double)simulator_host()->poisson(r, 4.0);
}
static double binomial_20(infermill_random_t *r)
{
    return (double)simulator_host()->binomial(r, 20, 0.3);
}
static double negative_binomial_3(infermill_random_t *r)
{
    return (double)simulator_host()->negative_binomial(r, 3.0, 0.25);
}
static double filled_uniform(infermill_random_t *r)
{
    double u[3];
    simulator_host()->fill_uniform(r, 3, u);
    return u[2];
}
static double filled_normal(infermill_random_t *r)
{
    double z[3];
    simulator_host()->fill_normal(r, 3, z);
    return z[2];
}

static const struct {
    const char *name;
    double (*draw)(infermill_random_t *);
    double mean, variance; // in closed form
} members[] = {
    {"uniform", uniform, 0.5, 1.0 / 12.0},
    {"normal", normal, 0.0, 1.0},
    {"exponential", exponential, 1.0, 1.0},
    {"gamma", gamma_5, 5.0, 5.0},
    {"beta", beta_2_6, 0.25, 0.25 * 0.75 / 9.0},
    {"student_t", student_12, 0.0, 1.2},
    {"integer", integer_1_6, 3.5, 35.0 / 12.0},
    {"poisson", poisson_4, 4.0, 4.0},
    {"binomial", binomial_20, 6.0, 4.2},
    {"negative_binomial", negative_binomial_3, 9.0, 36.0},
    {"fill_uniform", filled_uniform, 0.5, 1.0 / 12.0},
    {"fill_normal", filled_normal, 0.0, 1.0},
};

static void each_member_draws_from_its_distribution(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        infermill_random_t random;
        host_random_start(&random, 3, RNG_CHECK, (int64_t)m);
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < DRAWS; i++) {
            double x = members[m].draw(&random) - members[m].mean;
            sum += x;
            squares += x * x;
        }
        double error = sum / DRAWS / sqrt(members[m].variance / DRAWS);
        double ratio = squares / DRAWS / members[m].variance;
        // 4 standard errors; of the variance with a kurtosis of at most 9: 4 sqrt(8 / 40000) = 0.057
        if (fabs(error) > 4.0 || fabs(ratio - 1.0) > 0.057)
            fail_msg("%s: mean off by %.2f standard errors, variance ratio %.3f", members[m].name,
                     error, ratio);
    }
}

static void a_row_has_its_own_numbers(void **state)
{
    (void)state;
    infermill_random_t a, b, c;
    host_random_start(&a, 3, RNG_CHECK, 8);
    host_random_start(&b, 3, RNG_CHECK, 8);
    host_random_start(&c, 3, RNG_CHECK, 9);
    double first = uniform(&a);
    assert_true(first == uniform(&b));
    assert_true(first != uniform(&c));
}

static void misuse_gives_nan_or_zero_and_is_remembered(void **state)
{
    (void)state;
    const infermill_host_t *host = simulator_host();
    infermill_random_t random;
    double u[1] = {7.0};
    host_random_start(&random, 3, RNG_CHECK, 0);
    host->fill_uniform(&random, -1, u);
    assert_true(random.misused && u[0] == 7.0);
    assert_string_equal(random.reason, "fill_uniform: n -1");
    assert_true(isnan(host->gamma(&random, 0.0)) && isnan(host->gamma(&random, NAN)));
    assert_true(isnan(host->beta(&random, 1.0, INFINITY)) && isnan(host->student_t(&random, -2.0)));
    assert_int_equal(host->integer(&random, 2, 1), 0);
    assert_int_equal(host->poisson(&random, NAN), 0);
    assert_int_equal(host->binomial(&random, 5, 1.5), 0);
    assert_int_equal(host->negative_binomial(&random, 1.0, 0.0), 0);
    assert_string_equal(random.reason, "fill_uniform: n -1"); // the first one
    host_random_start(&random, 3, RNG_CHECK, 0);
    assert_false(random.misused);
    assert_string_equal(random.reason, "");
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    infermill_random_t random;
    char words[2 * HOST_REASON_CAP];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    host_random_start(&random, 3, RNG_CHECK, 0);
    simulator_host()->explain(&random, words);
    assert_int_equal(strlen(random.reason), HOST_REASON_CAP - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_member_draws_from_its_distribution),
        cmocka_unit_test(a_row_has_its_own_numbers),
        cmocka_unit_test(misuse_gives_nan_or_zero_and_is_remembered),
        cmocka_unit_test(a_long_reason_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
