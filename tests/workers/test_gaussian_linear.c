// SPDX-License-Identifier: Apache-2.0
// Takes the folder of golden files.
#include "tests/workers/benchmark.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { D = 10, VALUES = BENCHMARK_ROWS * D, DRAWS = 20000 };

static void parameters_are_normal(void **state)
{
    const benchmark_t *b = *state;
    double *z = MEM_NEW(double, VALUES);
    for (int64_t i = 0; i < VALUES; i++)
        z[i] = b->rows.parameters[i] / sqrt(0.1);
    benchmark_is_normal(VALUES, z);
    free(z);
}

static void noise_is_normal(void **state)
{
    const benchmark_t *b = *state;
    double *z = MEM_NEW(double, VALUES), together = 0.0;
    for (int64_t i = 0; i < VALUES; i++) {
        z[i] = (b->rows.observables[0][i] - b->rows.parameters[i]) / sqrt(0.1);
        together += z[i] * b->rows.parameters[i] / sqrt(0.1);
    }
    assert_true(fabs(together) < 4.0 * sqrt(VALUES));
    benchmark_is_normal(VALUES, z);
    free(z);
}

static double log_posterior(const benchmark_t *b, const double *theta)
{
    double squares = 0.0;
    for (int j = 0; j < D; j++)
        squares += (theta[j] - b->x[j] / 2.0) * (theta[j] - b->x[j] / 2.0);
    return -0.5 * squares / 0.05 - 0.5 * D * log(2.0 * M_PI * 0.05);
}

// prior + likelihood - N(theta; x / 2, 0.05 I) is ln N(x; 0, 0.2 I) for every theta
static void posterior_is_the_closed_form(void **state)
{
    const benchmark_t *b = *state;
    double evidence = -0.5 * D * log(2.0 * M_PI * 0.2);
    for (int j = 0; j < D; j++)
        evidence -= 0.5 * b->x[j] * b->x[j] / 0.2;
    for (int64_t i = 0; i < 100; i++) {
        const double *theta = b->rows.parameters + D * i;
        double joint = benchmark_log_prior(b, theta) + benchmark_log_likelihood(b, theta, b->x);
        assert_true(fabs(joint - log_posterior(b, theta) - evidence) < 1e-11);
    }
}

// Draws from N(x / 2, 0.06 I), weighted.
static void posterior_is_the_benchmark_s(void **state)
{
    const benchmark_t *b = *state;
    double *theta = MEM_NEW(double, DRAWS *D), *log_weight = MEM_NEW(double, DRAWS);
    rng_t rng = rng_at(7, RNG_CHECK, 0);
    for (int64_t i = 0; i < DRAWS; i++) {
        double *at = theta + D * i;
        for (int j = 0; j < D; j++) {
            double z = rng_normal(&rng);
            at[j] = b->x[j] / 2.0 + sqrt(0.06) * z;
            log_weight[i] += 0.5 * z * z;
        }
        log_weight[i] += benchmark_log_prior(b, at) + benchmark_log_likelihood(b, at, b->x);
    }
    benchmark_moments_match(b, DRAWS, theta, log_weight);
    free(theta);
    free(log_weight);
}

static void densities_vanish_where_nothing_is_finite(void **state)
{
    const benchmark_t *b = *state;
    const double wild[] = {NAN, INFINITY, 1e300};
    for (int i = 0; i < 3; i++) {
        double theta[D] = {0.0};
        theta[i] = wild[i];
        assert_true(benchmark_log_prior(b, theta) == -INFINITY);
        assert_true(benchmark_log_likelihood(b, theta, b->x) == -INFINITY);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_gaussian_linear GOLDEN_FOLDER\n");
        return 2;
    }
    benchmark_t fixture = {.name = "gaussian_linear", .golden = argv[1], .tolerance = 1e-12};
    const struct CMUnitTest tests[] = {
        BENCHMARK_TEST(parameters_are_normal, &fixture),
        BENCHMARK_TEST(noise_is_normal, &fixture),
        BENCHMARK_TEST(benchmark_densities_match_scipy, &fixture),
        BENCHMARK_TEST(posterior_is_the_closed_form, &fixture),
        BENCHMARK_TEST(posterior_is_the_benchmark_s, &fixture),
        BENCHMARK_TEST(densities_vanish_where_nothing_is_finite, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
