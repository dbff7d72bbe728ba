// SPDX-License-Identifier: Apache-2.0
// Takes the folder of golden files.
#include "tests/workers/benchmark.h"

#include "cluster/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIDE = 500 }; // of a grid

static void parameters_are_uniform(void **state)
{
    const benchmark_t *b = *state;
    for (int j = 0; j < 2; j++) {
        double *u = MEM_NEW(double, BENCHMARK_ROWS);
        for (int64_t i = 0; i < BENCHMARK_ROWS; i++)
            u[i] = 0.5 * (b->rows.parameters[2 * i + j] + 1.0);
        benchmark_is_uniform(BENCHMARK_ROWS, u);
        free(u);
    }
}

// A point around the centre of the half circle: radius and angle are independent, normal and uniform.
static void points_lie_on_the_half_circle(void **state)
{
    const benchmark_t *b = *state;
    double *radius = MEM_NEW(double, BENCHMARK_ROWS), *angle = MEM_NEW(double, BENCHMARK_ROWS);
    double together = 0.0;
    for (int64_t i = 0; i < BENCHMARK_ROWS; i++) {
        const double *theta = b->rows.parameters + 2 * i;
        const float *x = b->rows.observables[0] + 2 * i;
        double u0 = x[0] - 0.25 + fabs(theta[0] + theta[1]) * M_SQRT1_2;
        double u1 = x[1] - (theta[1] - theta[0]) * M_SQRT1_2;
        radius[i] = (hypot(u0, u1) - 0.1) / 0.01;
        angle[i] = atan2(u1, u0) / M_PI + 0.5;
        together += radius[i] * (angle[i] - 0.5) * sqrt(12.0);
    }
    assert_true(fabs(together) < 4.0 * sqrt(BENCHMARK_ROWS));
    benchmark_is_normal(BENCHMARK_ROWS, radius);
    benchmark_is_uniform(BENCHMARK_ROWS, angle);
    free(radius);
    free(angle);
}

// The midpoint rule on 0.3 x 0.3 around the centre. Cells are 6 % of the ring's sd and end at the half circle's edge.
static void likelihood_integrates_to_one(void **state)
{
    const benchmark_t *b = *state;
    const double theta[] = {0.3, -0.7}, step = 0.3 / SIDE;
    double centre[] = {0.25 - 0.4 * M_SQRT1_2, -M_SQRT1_2}, sum = 0.0;
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            float x[] = {(float)(centre[0] + (i - SIDE / 2 + 0.5) * step),
                         (float)(centre[1] + (k - SIDE / 2 + 0.5) * step)};
            sum += exp(benchmark_log_likelihood(b, theta, x)) * step * step;
        }
    assert_true(fabs(sum - 1.0) < 1e-3);
}

// A grid of 0.004 over the prior, 0.4 of the crescents' sd across; its error is far below that of 10,000 draws.
static void posterior_is_the_benchmark_s(void **state)
{
    const benchmark_t *b = *state;
    int64_t n = SIDE * SIDE;
    double *theta = MEM_NEW(double, 2 * n), *log_weight = MEM_NEW(double, n);
    for (int64_t i = 0; i < n; i++) {
        theta[2 * i] = (2.0 * (double)(i / SIDE) + 1.0) / SIDE - 1.0;
        theta[2 * i + 1] = (2.0 * (double)(i % SIDE) + 1.0) / SIDE - 1.0;
        log_weight[i] = benchmark_log_prior(b, theta + 2 * i) +
                        benchmark_log_likelihood(b, theta + 2 * i, b->x);
    }
    benchmark_moments_match(b, n, theta, log_weight);
    free(theta);
    free(log_weight);
}

static void densities_vanish_outside_the_support(void **state)
{
    const benchmark_t *b = *state;
    const double outside[][2] = {{1.0, 0.0}, {0.0, -1.5}, {NAN, 0.0}, {0.0, INFINITY}};
    for (int i = 0; i < 4; i++) {
        assert_true(benchmark_log_prior(b, outside[i]) == -INFINITY);
        assert_true(benchmark_log_likelihood(b, outside[i], b->x) == -INFINITY);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_two_moons GOLDEN_FOLDER\n");
        return 2;
    }
    benchmark_t fixture = {.name = "two_moons", .golden = argv[1], .tolerance = 1e-12};
    const struct CMUnitTest tests[] = {
        BENCHMARK_TEST(parameters_are_uniform, &fixture),
        BENCHMARK_TEST(points_lie_on_the_half_circle, &fixture),
        BENCHMARK_TEST(benchmark_densities_match_scipy, &fixture),
        BENCHMARK_TEST(likelihood_integrates_to_one, &fixture),
        BENCHMARK_TEST(posterior_is_the_benchmark_s, &fixture),
        BENCHMARK_TEST(densities_vanish_outside_the_support, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
