// SPDX-License-Identifier: Apache-2.0
// Takes the folder of golden files.
#include "tests/workers/benchmark.h"

#include "cluster/mem.h"
#include "tests/reference/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BETA, GAMMA, N_PARAMETERS };
enum { DAYS = 10, SAMPLED = 1000, SIDE = 100, NODES = SIDE * SIDE };

static void parameters_are_lognormal(void **state)
{
    const benchmark_t *b = *state;
    const double centre[] = {0.4, 0.125}, sd[] = {0.5, 0.2};
    double *z = MEM_NEW(double, BENCHMARK_ROWS);
    for (int j = 0; j < N_PARAMETERS; j++) {
        for (int64_t i = 0; i < BENCHMARK_ROWS; i++)
            z[i] = log(b->rows.parameters[N_PARAMETERS * i + j] / centre[j]) / sd[j];
        benchmark_is_normal(BENCHMARK_ROWS, z);
    }
    free(z);
}

// theta and ln p / (1 - p) on each day, of every row of sir_curves.csv
static void each_curve(benchmark_t *b, void (*check)(benchmark_t *, const double *, const double *))
{
    char *path = mem_format("%s/sir_curves.csv", b->golden);
    table_t curves;
    assert_int_equal(table_read(path, &curves), OK);
    free(path);
    assert_true(curves.rows > 10);
    for (int64_t i = 0; i < curves.rows; i++) {
        double values[N_PARAMETERS + DAYS];
        for (int k = 0; k < N_PARAMETERS + DAYS; k++)
            assert_int_equal(table_number(&curves, i, k, &values[k]), OK);
        check(b, values, values + N_PARAMETERS);
    }
    table_free(&curves);
}

// One more of 1,000 people multiplies the likelihood of a day without any by 1000 p / (1 - p).
static void check_odds(benchmark_t *b, const double *theta, const double *logit)
{
    float x[DAYS] = {0.0f};
    double none = benchmark_log_likelihood(b, theta, x);
    for (int day = 0; day < DAYS; day++) {
        x[day] = 1.0f;
        double got = benchmark_log_likelihood(b, theta, x) - none - log(SAMPLED);
        x[day] = 0.0f;
        // relative error of the infected; the difference itself is exact to 1e-11
        if (!(fabs(expm1(got - logit[day])) < 1e-7))
            fail_msg("beta %g, gamma %g, day %d: got %.10g, expected %.10g", theta[BETA],
                     theta[GAMMA], 17 * day, got, logit[day]);
    }
}

static void equations_are_solved(void **state)
{
    each_curve(*state, check_odds);
}

static void check_counts(benchmark_t *b, const double *theta, const double *logit)
{
    benchmark_simulate(b, theta);
    for (int day = 0; day < DAYS; day++) {
        double p = 1.0 / (1.0 + exp(-logit[day])), variance = SAMPLED * p * (1.0 - p), sum = 0.0;
        for (int64_t i = 0; i < BENCHMARK_ROWS; i++) {
            double x = b->rows.observables[0][DAYS * i + day];
            assert_true(x == floor(x) && x >= 0.0 && x <= SAMPLED);
            sum += x - SAMPLED * p;
        }
        // where nearly all rows are 0 the sum is Poisson's: one more row than 4.5 sd
        assert_true(fabs(sum) < 4.5 * sqrt(variance * BENCHMARK_ROWS) + 1.0);
    }
}

static void counts_have_the_binomial_mean(void **state)
{
    each_curve(*state, check_counts);
}

// A grid over 0.4 in the logarithms on either side of what made the first observation, whose row in sir_density.csv is 0.
static void posterior_is_the_benchmark_s(void **state)
{
    const benchmark_t *b = *state;
    double *theta = MEM_NEW(double, NODES *N_PARAMETERS), *log_weight = MEM_NEW(double, NODES);
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            int64_t node = SIDE * i + k;
            double *at = theta + N_PARAMETERS * node;
            at[BETA] = b->theta[BETA] * exp(0.4 * (2.0 * i + 1.0 - SIDE) / SIDE);
            at[GAMMA] = b->theta[GAMMA] * exp(0.4 * (2.0 * k + 1.0 - SIDE) / SIDE);
            log_weight[node] = benchmark_log_prior(b, at) + benchmark_log_likelihood(b, at, b->x) +
                               log(at[BETA] * at[GAMMA]);
        }
    benchmark_moments_match(b, NODES, theta, log_weight);
    free(theta);
    free(log_weight);
}

static void impossible_counts_have_no_likelihood(void **state)
{
    const benchmark_t *b = *state;
    const double theta[] = {0.4, 0.125};
    const float wild[] = {-1.0f, 1001.0f, 0.5f, NAN};
    for (int i = 0; i < 4; i++) {
        float x[DAYS] = {0.0f};
        x[3] = wild[i];
        assert_true(benchmark_log_likelihood(b, theta, x) == -INFINITY);
    }
}

static void densities_vanish_outside_the_support(void **state)
{
    const benchmark_t *b = *state;
    const double outside[][N_PARAMETERS] = {{0.0, 0.1}, {0.4, -0.1}, {NAN, 0.1}, {0.4, INFINITY}};
    for (int i = 0; i < 4; i++) {
        assert_true(benchmark_log_prior(b, outside[i]) == -INFINITY);
        assert_true(benchmark_log_likelihood(b, outside[i], b->x) == -INFINITY);
    }
}

static void extreme_parameters_are_solved_or_rejected(void **state)
{
    benchmark_t *b = *state;
    const double extreme[][N_PARAMETERS] = {{1e-300, 1e-300}, {200.0, 1e-6}, {1e4, 10.0},
                                            {1e-3, 1e4},      {1e300, 0.1},  {0.4, 1e300}};
    const double no_design[] = {0.0};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            simulator_row_given(b->simulator, 1, RNG_CHECK, 0, extreme[i], no_design, &b->rows, 0),
            OK);
        assert_true(b->rows.status[0] == (i < 4 ? ROW_DONE : ROW_REJECTED));
        assert_true(!isnan(benchmark_log_likelihood(b, extreme[i], b->x)));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_sir GOLDEN_FOLDER\n");
        return 2;
    }
    benchmark_t fixture = {.name = "sir", .golden = argv[1], .tolerance = 1e-8};
    const struct CMUnitTest tests[] = {
        BENCHMARK_TEST(parameters_are_lognormal, &fixture),
        BENCHMARK_TEST(equations_are_solved, &fixture),
        BENCHMARK_TEST(counts_have_the_binomial_mean, &fixture),
        BENCHMARK_TEST(benchmark_densities_match_scipy, &fixture),
        BENCHMARK_TEST(posterior_is_the_benchmark_s, &fixture),
        BENCHMARK_TEST(impossible_counts_have_no_likelihood, &fixture),
        BENCHMARK_TEST(densities_vanish_outside_the_support, &fixture),
        BENCHMARK_TEST(extreme_parameters_are_solved_or_rejected, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
