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

enum { D = 5, POINTS = 4, ALL_POINTS = BENCHMARK_ROWS * POINTS, DRAWS = 1000000 };

static void parameters_are_uniform(void **state)
{
    const benchmark_t *b = *state;
    double *u = MEM_NEW(double, BENCHMARK_ROWS);
    for (int j = 0; j < D; j++) {
        for (int64_t i = 0; i < BENCHMARK_ROWS; i++)
            u[i] = b->rows.parameters[D * i + j] / 6.0 + 0.5;
        benchmark_is_uniform(BENCHMARK_ROWS, u);
    }
    free(u);
}

// With residuals e of variance a, c and covariance d: e_0 / sqrt(a) and what of e_1 it does not explain are both N(0, 1),
// and independent.
static void points_are_normal(void **state)
{
    const benchmark_t *b = *state;
    double *z0 = MEM_NEW(double, ALL_POINTS), *z1 = MEM_NEW(double, ALL_POINTS), together = 0.0;
    for (int64_t i = 0; i < ALL_POINTS; i++) {
        const double *theta = b->rows.parameters + D * (i / POINTS);
        const float *x = b->rows.observables[0] + 2 * i;
        double a = pow(theta[2], 4) + 1e-6, c = pow(theta[3], 4) + 1e-6;
        double d = tanh(theta[4]) * theta[2] * theta[2] * theta[3] * theta[3];
        double e0 = x[0] - theta[0], e1 = x[1] - theta[1];
        z0[i] = e0 / sqrt(a);
        z1[i] = (e1 - d / a * e0) / sqrt(c - d * d / a);
        together += z0[i] * z1[i];
    }
    assert_true(fabs(together) < 4.0 * sqrt(ALL_POINTS));
    benchmark_is_normal(ALL_POINTS, z0);
    benchmark_is_normal(ALL_POINTS, z1);
    free(z0);
    free(z1);
}

// theta2 .. theta4 from the prior, the mean around that of the points with the sds that these give. Returns -ln density.
static double propose(const benchmark_t *b, rng_t *rng, double *theta)
{
    double sum = 0.0;
    for (int j = 2; j < D; j++)
        theta[j] = 6.0 * rng_uniform(rng) - 3.0;
    for (int j = 0; j < 2; j++) {
        double mean = (b->x[j] + b->x[2 + j] + b->x[4 + j] + b->x[6 + j]) / POINTS;
        double sd = theta[2 + j] * theta[2 + j] / 2.0 + 1e-3, z = rng_normal(rng);
        theta[j] = mean + sd * z;
        sum += 0.5 * z * z + log(sd);
    }
    return sum;
}

static void posterior_is_the_benchmark_s(void **state)
{
    const benchmark_t *b = *state;
    double *theta = MEM_NEW(double, DRAWS *D), *log_weight = MEM_NEW(double, DRAWS);
    rng_t rng = rng_at(7, RNG_CHECK, 0);
    for (int64_t i = 0; i < DRAWS; i++) {
        double *at = theta + D * i;
        log_weight[i] = propose(b, &rng, at);
        log_weight[i] += benchmark_log_prior(b, at) + benchmark_log_likelihood(b, at, b->x);
    }
    benchmark_moments_match(b, DRAWS, theta, log_weight);
    free(theta);
    free(log_weight);
}

static void densities_vanish_outside_the_support(void **state)
{
    const benchmark_t *b = *state;
    const double wild[D] = {3.0, -3.5, NAN, INFINITY, -3.0};
    for (int i = 0; i < D; i++) {
        double theta[D] = {0.5, 0.5, 0.5, 0.5, 0.5};
        theta[i] = wild[i];
        assert_true(benchmark_log_prior(b, theta) == -INFINITY);
        assert_true(benchmark_log_likelihood(b, theta, b->x) == -INFINITY);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_slcp GOLDEN_FOLDER\n");
        return 2;
    }
    benchmark_t fixture = {.name = "slcp", .golden = argv[1], .tolerance = 1e-12};
    const struct CMUnitTest tests[] = {
        BENCHMARK_TEST(parameters_are_uniform, &fixture),
        BENCHMARK_TEST(points_are_normal, &fixture),
        BENCHMARK_TEST(benchmark_densities_match_scipy, &fixture),
        BENCHMARK_TEST(posterior_is_the_benchmark_s, &fixture),
        BENCHMARK_TEST(densities_vanish_outside_the_support, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
