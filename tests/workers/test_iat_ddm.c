// SPDX-License-Identifier: Apache-2.0
// Takes the folder of golden files.
#include "workers/load.h"

#include "cluster/mem.h"
#include "tests/reference/table.h"
#include "tests/workers/sides_at.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { V1, V2, A1, A2, T_CORRECT, T_ERROR, N_PARAMETERS };
enum { SEED = 41, TRIALS = 60, ALL = 2 * TRIALS, VALUES = 2 * ALL };

typedef struct {
    const char *golden;
    simulator_t *simulator;
    rows_t rows;
} fixture_t;

// As of the prior's middle; both conditions unlike; many too early; many too late; wrong answers quicker.
static const double cases[][N_PARAMETERS] = {
    {1.5, 1.5, 0.9, 0.9, 0.4, 1.2},  {0.2, 4.0, 0.5, 1.6, 0.25, 0.9},
    {2.0, 3.0, 0.4, 0.5, 0.1, 0.05}, {0.05, 0.1, 4.0, 5.0, 0.6, 2.0},
    {0.7, 1.1, 1.3, 0.8, 0.9, 0.2},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static int setup(void **state)
{
    fixture_t *f = *state;
    if (simulator_load_builtin("iat_ddm", &f->simulator) != OK)
        return -1;
    f->rows = rows_create(simulator_schema(f->simulator), 1);
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    rows_destroy(&f->rows);
    simulator_close(&f->simulator);
    return 0;
}

static const float *simulate(fixture_t *f, const double *theta, int64_t index)
{
    assert_int_equal(
        simulator_row_given(f->simulator, SEED, RNG_CHECK, index, theta, NULL, &f->rows, 0), OK);
    assert_int_equal(f->rows.status[0], ROW_DONE);
    return f->rows.observables[0];
}

static double log_likelihood(const fixture_t *f, const double *theta, const float *y)
{
    return simulator_table(f->simulator)->log_likelihood(NULL, theta, NULL, &y);
}

// Of one trial in this condition; all others belong to none.
static double of_one_trial(const fixture_t *f, const double *theta, int condition, double y)
{
    float data[VALUES] = {(float)y, (float)(condition + 1)};
    return log_likelihood(f, theta, data);
}

static bool same(double got, double expected, double tolerance)
{
    return got == expected || fabs(got - expected) <= tolerance * fmax(1.0, fabs(expected));
}

static void densities_match_the_golden_values(void **state)
{
    const fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    char *path = mem_format("%s/iat_ddm_density.csv", f->golden);
    table_t golden;
    assert_int_equal(table_read(path, &golden), OK);
    free(path);
    assert_int_equal(golden.rows, 64);
    for (int64_t i = 0; i < golden.rows; i++) {
        double x[7];
        for (int k = 0; k < 7; k++)
            assert_int_equal(table_number(&golden, i, k, &x[k]), OK);
        for (int c = 0; c < 2; c++) { // the other condition's are those at which its prior is known
            double theta[] = {2.0, 2.0, 0.9, 0.9, x[2], x[3]};
            theta[V1 + c] = x[0];
            theta[A1 + c] = x[1];
            double got = of_one_trial(f, theta, c, x[4]);
            // log Gamma(2; 2, 1) and log Gamma(0.9; 6, 0.15)
            double other = log(2.0) - 2.0 + 5.0 * log(0.9) - 6.0 - 6.0 * log(0.15) - log(120.0);
            double prior = table->log_prior(NULL, theta, NULL) - other;
            if (!same(got, x[6], 1e-10) || !same(prior, x[5], 1e-12))
                fail_msg("row %d: got %.17g and %.17g, expected %.17g and %.17g", (int)i, got,
                         prior, x[6], x[5]);
        }
    }
    table_free(&golden);
}

static void likelihood_is_the_sum_over_trials(void **state)
{
    fixture_t *f = *state;
    for (int c = 0; c < CASES; c++) {
        const float *y = simulate(f, cases[c], c);
        double sum = 0.0;
        for (int i = 0; i < ALL; i++)
            sum += of_one_trial(f, cases[c], i / TRIALS, y[2 * i]);
        assert_true(same(log_likelihood(f, cases[c], y), sum, 1e-12));
    }
}

// Nor do trials of no condition matter; one without a time does not count.
static void the_order_of_trials_does_not_matter(void **state)
{
    fixture_t *f = *state;
    const float times[] = {0.0f, NAN, INFINITY, -INFINITY, 0.29f, -0.1f, 10.5f};
    for (int c = 0; c < CASES; c++) {
        float data[VALUES], turned[VALUES];
        memcpy(data, simulate(f, cases[c], c), sizeof data);
        data[7] = 3.0f, data[9] = 0.5f, data[11] = -1.0f;
        for (int i = 0; i < ALL; i++) {
            turned[2 * i] = data[2 * (ALL - 1 - i)];
            turned[2 * i + 1] = data[2 * (ALL - 1 - i) + 1];
            if (turned[2 * i] == 0.0f)
                turned[2 * i] = times[i % 7];
        }
        assert_true(
            same(log_likelihood(f, cases[c], turned), log_likelihood(f, cases[c], data), 1e-13));
    }
}

// Central differences at two steps, extrapolated (Richardson): an error of h^4.
static double slope(const fixture_t *f, const double *theta, const float *y, int k, bool prior)
{
    const infermill_simulator_t *table = simulator_table(f->simulator);
    double value[4], h = 1e-4 * theta[k];
    const double at[] = {-2.0, -1.0, 1.0, 2.0};
    for (int i = 0; i < 4; i++) {
        double x[N_PARAMETERS];
        for (int j = 0; j < N_PARAMETERS; j++)
            x[j] = theta[j] + (j == k ? at[i] * h : 0.0);
        value[i] = prior ? table->log_prior(NULL, x, NULL) : log_likelihood(f, x, y);
    }
    return (8.0 * (value[2] - value[1]) - (value[3] - value[0])) / (12.0 * h);
}

static void gradients_are_the_differences(void **state)
{
    fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    int uncounted = 0;
    for (int c = 0; c < CASES; c++) {
        double by[N_PARAMETERS], by_prior[N_PARAMETERS];
        const float *y = simulate(f, cases[c], c);
        for (int i = 0; i < ALL; i++)
            uncounted += y[2 * i] == 0.0f;
        double value = table->log_likelihood_gradient(NULL, cases[c], NULL, &y, by);
        assert_true(value == log_likelihood(f, cases[c], y));
        value = table->log_prior_gradient(NULL, cases[c], NULL, by_prior);
        assert_true(value == table->log_prior(NULL, cases[c], NULL));
        for (int k = 0; k < N_PARAMETERS; k++) {
            double expected = slope(f, cases[c], y, k, false);
            // h^4 times the fifth derivative is largest for t_correct: some (h / T)^4 of the slope, T the quickest
            // decision, 0.02 s or more; the sum's last bits over h are 1e-9
            if (!same(by[k], expected, 1e-6) ||
                !same(by_prior[k], slope(f, cases[c], y, k, true), 1e-8))
                fail_msg("case %d, parameter %d: got %.12g, expected %.12g", c, k, by[k], expected);
        }
    }
    assert_in_range(uncounted, 100, CASES * ALL);
}

// The same distribution on either side of where the series change, against the sum of the density.
static void sides_of_the_passage_agree_with_its_density(void **state)
{
    (void)state;
    const double drifts[] = {0.0, 1e-9, 0.3, -1.5, 4.0, 25.0, 300.0};
    const double split = 2.0 / M_PI;
    for (size_t d = 0; d < sizeof drifts / sizeof drifts[0]; d++) {
        double m = drifts[d];
        passage_sides_t a = sides_at(split, m), b = sides_at(nextafter(split, 1.0), m);
        assert_true(same(a.below, b.below, 1e-14) && same(a.below_m, b.below_m, 1e-13));
        for (double x = 0.02; x < 3.0; x *= 1.7) {
            enum { STEPS = 20000 };
            double sum = 0.0, by_m, low = x / 400.0;
            for (int i = 0; i < STEPS; i++) // midpoint rule in log x
                sum += sides_at(low * pow(x / low, (i + 0.5) / STEPS), m).density * low *
                       pow(x / low, (i + 0.5) / STEPS) * log(x / low) / STEPS;
            passage_sides_t s = sides_at(x, m);
            double below_low = sides_at(low, m).below;
            assert_true(fabs(s.below - below_low - sum) < 1e-6 &&
                        same(s.below + s.above, 1.0, 1e-15));
            by_m = (sides_at(x, m + 1e-4).below - sides_at(x, m - 1e-4).below) / 2e-4;
            assert_true(fabs(s.below_m - by_m) < 1e-7);
        }
    }
}

// A share of 120 R trials: 4.5 standard errors, of which a right one is outside once in 1e5 (10 are looked at).
static void trials_that_do_not_count_have_their_probability(void **state)
{
    fixture_t *f = *state;
    enum { R = 400 };
    for (int c = 0; c < CASES; c++)
        for (int k = 0; k < 2; k++) {
            int n = 0;
            for (int r = 0; r < R; r++) {
                const float *y = simulate(f, cases[c], r);
                for (int i = 0; i < TRIALS; i++)
                    n += y[2 * (k * TRIALS + i)] == 0.0f;
            }
            double p = exp(of_one_trial(f, cases[c], k, 0.0)), all = R * TRIALS;
            assert_true(fabs(n / all - p) < 4.5 * sqrt(p * (1.0 - p) / all) + 1.0 / all);
        }
}

static void data_are_in_range_and_in_order(void **state)
{
    fixture_t *f = *state;
    for (int64_t i = 0; i < 300; i++) {
        assert_int_equal(simulator_row(f->simulator, SEED, RNG_CHECK, i, &f->rows, 0), OK);
        const float *y = f->rows.observables[0];
        assert_int_equal(f->rows.length[0], ALL);
        for (int t = 0; t < ALL; t++) {
            assert_true(y[2 * t + 1] == (t < TRIALS ? 1.0f : 2.0f));
            assert_true(y[2 * t] == 0.0f || (fabsf(y[2 * t]) >= 0.3f && fabsf(y[2 * t]) <= 10.0f));
        }
        assert_true(isfinite(log_likelihood(f, f->rows.parameters, y)));
    }
}

static void impossible_parameters_are_rejected(void **state)
{
    fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    double gradient[N_PARAMETERS];
    const double impossible[][N_PARAMETERS] = {{1.0, 1.0, 0.0, 1.0, 0.3, 0.3},
                                               {1.0, 1.0, 1.0, 1.0, 0.3, NAN},
                                               {1e200, 1.0, 1e200, 1.0, 0.3, 0.3}};
    const double below[] = {-1.0, 1.0, 1.0, 1.0, 0.3, 0.3}; // which the host does not let pass
    const float data[VALUES] = {0.5f, 1.0f}, *y = data;
    for (size_t c = 0; c < sizeof impossible / sizeof impossible[0]; c++) {
        assert_int_equal(
            simulator_row_given(f->simulator, SEED, RNG_CHECK, 0, impossible[c], NULL, &f->rows, 0),
            OK);
        assert_int_not_equal(f->rows.status[0], ROW_DONE);
        assert_true(table->log_likelihood_gradient(NULL, impossible[c], NULL, &y, gradient) ==
                    -INFINITY);
        assert_true(table->log_prior(NULL, impossible[c], NULL) == -INFINITY);
    }
    assert_true(log_likelihood(f, below, data) == -INFINITY);
}

// Means of the prior within 4 standard errors of shape * scale; variances shape * scale^2.
static void parameters_follow_the_prior(void **state)
{
    fixture_t *f = *state;
    enum { DRAWS = 20000 };
    const double shape[] = {2, 2, 6, 6, 3, 3}, scale[] = {1, 1, 0.15, 0.15, 0.15, 0.5};
    double sum[N_PARAMETERS] = {0}, squares[N_PARAMETERS] = {0};
    for (int64_t i = 0; i < DRAWS; i++) {
        assert_int_equal(simulator_row(f->simulator, SEED, RNG_CHECK, i, &f->rows, 0), OK);
        for (int k = 0; k < N_PARAMETERS; k++) {
            double z = (f->rows.parameters[k] / scale[k] - shape[k]) / sqrt(shape[k]);
            sum[k] += z;
            squares[k] += z * z;
        }
    }
    for (int k = 0; k < N_PARAMETERS; k++) {
        assert_true(fabs(sum[k] / DRAWS) < 4.0 / sqrt(DRAWS));
        // z^2 has variance 2 + 6 / shape
        assert_true(fabs(squares[k] / DRAWS - 1.0) < 4.0 * sqrt((2.0 + 6.0 / shape[k]) / DRAWS));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_iat_ddm GOLDEN_FOLDER\n");
        return 2;
    }
    fixture_t fixture = {.golden = argv[1]};
#define WITH_IAT(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &fixture)
    const struct CMUnitTest tests[] = {
        WITH_IAT(densities_match_the_golden_values),
        WITH_IAT(likelihood_is_the_sum_over_trials),
        WITH_IAT(the_order_of_trials_does_not_matter),
        WITH_IAT(gradients_are_the_differences),
        WITH_IAT(sides_of_the_passage_agree_with_its_density),
        WITH_IAT(trials_that_do_not_count_have_their_probability),
        WITH_IAT(data_are_in_range_and_in_order),
        WITH_IAT(impossible_parameters_are_rejected),
        WITH_IAT(parameters_follow_the_prior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
