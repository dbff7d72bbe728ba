// SPDX-License-Identifier: Apache-2.0
// Takes the folder of golden files.
#include "workers/load.h"

#include "cluster/mem.h"
#include "tests/reference/ks.h"
#include "tests/reference/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { V, A, T0, N_PARAMETERS };
enum { ROWS = 400, SEED = 31, N = 400, TRIALS = ROWS * N, SMALLEST_N = 50 };

static const double lapse = 0.05, slowest_lapse = 5.0;

typedef struct {
    const char *golden;
    simulator_t *simulator;
    rows_t rows;
} fixture_t;

// Both answers likely; one nearly certain (another proposal); long and slow; short and fast.
static const double cases[][N_PARAMETERS] = {
    {0.0, 1.8, 0.4}, {0.7, 1.2, 0.25}, {-2.0, 2.2, 0.3},
    {3.5, 1.6, 0.5}, {0.2, 4.5, 0.1},  {-8.0, 0.4, 0.2},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static int setup(void **state)
{
    fixture_t *f = *state;
    if (simulator_load_builtin("ddm", &f->simulator) != OK)
        return -1;
    f->rows = rows_create(simulator_schema(f->simulator), ROWS);
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    rows_destroy(&f->rows);
    simulator_close(&f->simulator);
    return 0;
}

// TRIALS signed reaction times, one after another.
static const float *simulate(fixture_t *f, const double *theta)
{
    const double design[] = {N};
    for (int64_t i = 0; i < ROWS; i++) {
        assert_int_equal(
            simulator_row_given(f->simulator, SEED, RNG_CHECK, i, theta, design, &f->rows, i), OK);
        assert_int_equal(f->rows.status[i], ROW_DONE);
    }
    return f->rows.observables[0];
}

static double probability_of_upper(const double *theta)
{
    return 1.0 / (1.0 + exp(-theta[A] * theta[V]));
}

static void choice_probability_is_logistic(void **state)
{
    fixture_t *f = *state;
    for (int c = 0; c < CASES; c++) {
        const float *y = simulate(f, cases[c]);
        double p = (1.0 - lapse) * probability_of_upper(cases[c]) + 0.5 * lapse, upper = 0.0;
        for (int64_t i = 0; i < TRIALS; i++)
            upper += y[i] > 0.0f;
        assert_true(fabs(upper / TRIALS - p) < 4.0 * sqrt(p * (1.0 - p) / TRIALS));
    }
}

// E T = a / (2 v) tanh(a v / 2), a^2 / 4 without drift
static void mean_time_is_the_closed_form(void **state)
{
    fixture_t *f = *state;
    for (int c = 0; c < CASES; c++) {
        const double *theta = cases[c];
        const float *y = simulate(f, theta);
        double decision = theta[V] == 0.0
                              ? theta[A] * theta[A] / 4.0
                              : theta[A] / (2.0 * theta[V]) * tanh(0.5 * theta[A] * theta[V]);
        double expected = (1.0 - lapse) * (theta[T0] + decision) + lapse * slowest_lapse / 2.0;
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < TRIALS; i++) {
            double d = fabs(y[i]) - expected;
            sum += d;
            squares += d * d;
        }
        assert_true(fabs(sum / TRIALS) < 4.0 * sqrt(squares / TRIALS / TRIALS));
    }
}

// Share of decisions not made by time t: the eigenfunction series of the interval (Feller 1968, XIV.6), over which the
// two boundaries share by the choice probability.
static double still_deciding(const double *theta, double t)
{
    double x = 4.0 * t / (theta[A] * theta[A]), m = 0.5 * theta[A] * theta[V], sum = 0.0;
    if (x < 2e-3) // below exp(-250)
        return 1.0;
    for (int k = 0; k < 200; k++) {
        double odd = (k + 0.5) * M_PI, rate = 0.5 * (m * m + odd * odd);
        if (rate * x > 100.0)
            break;
        sum += (k % 2 ? -1.0 : 1.0) * odd / rate * exp(-rate * x);
    }
    return cosh(m) * sum;
}

static double signed_cdf(const void *context, double y)
{
    const double *theta = context;
    double t = fabs(y), upper = probability_of_upper(theta);
    double slower = t > theta[T0] ? still_deciding(theta, t - theta[T0]) : 1.0;
    double lapse_slower = t < slowest_lapse ? 1.0 - t / slowest_lapse : 0.0;
    double side = y < 0.0 ? 1.0 - upper : upper;
    double beyond = (1.0 - lapse) * side * slower + 0.5 * lapse * lapse_slower;
    return y < 0.0 ? beyond : 1.0 - beyond;
}

// KS distance below 1.95: exceeded once in 1000 seeds
static void signed_times_follow_the_distribution(void **state)
{
    fixture_t *f = *state;
    double *y = MEM_NEW(double, TRIALS);
    for (int c = 0; c < CASES; c++) {
        const float *simulated = simulate(f, cases[c]);
        for (int64_t i = 0; i < TRIALS; i++)
            y[i] = simulated[i];
        double distance = ks_distance(TRIALS, y, signed_cdf, cases[c]);
        if (!(distance < 1.95))
            fail_msg("v %g, a %g, t0 %g: distance %.3f", cases[c][V], cases[c][A], cases[c][T0],
                     distance);
    }
    free(y);
}

static double log_density(const fixture_t *f, const double *theta, double y)
{
    const float value = (float)y, *const observable[] = {&value};
    const double design[] = {1.0};
    return simulator_table(f->simulator)->log_likelihood(NULL, theta, design, observable);
}

// The midpoint rule over log-spaced decision times, lapses apart: their density jumps at 5 s.
static double mass_of_decisions(const fixture_t *f, const double *theta)
{
    enum { STEPS = 4000 };
    double sum = 0.0, low = log(1e-3 * theta[A] * theta[A]), high = log(1e3 + theta[T0]);
    for (int sign = -1; sign <= 1; sign += 2)
        for (int i = 0; i < STEPS; i++) {
            double t = exp(low + (i + 0.5) * (high - low) / STEPS);
            float time = (float)(theta[T0] + t); // the density is taken where the float lies
            double density = exp(log_density(f, theta, (double)sign * time)) -
                             (time <= 5.0f ? 0.5 * lapse / slowest_lapse : 0.0);
            sum += density * t * (high - low) / STEPS;
        }
    return sum;
}

static void density_integrates_to_one(void **state)
{
    fixture_t *f = *state;
    for (int c = 0; c < CASES; c++)
        // float times near t0 are rounded by 3e-8 of a decision time of 1e-3 or more
        assert_true(fabs(mass_of_decisions(f, cases[c]) - (1.0 - lapse)) < 1e-4);
}

static void densities_match_the_golden_values(void **state)
{
    const fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    char *path = mem_format("%s/ddm_density.csv", f->golden);
    table_t golden;
    assert_int_equal(table_read(path, &golden), OK);
    free(path);
    assert_in_range(golden.rows, 70, 80);
    for (int64_t i = 0; i < golden.rows; i++) {
        double x[6];
        for (int k = 0; k < 6; k++)
            assert_int_equal(table_number(&golden, i, k, &x[k]), OK);
        double prior = table->log_prior(NULL, x, NULL), likelihood = log_density(f, x, x[3]);
        if (fabs(prior - x[4]) > 1e-13 * fabs(x[4]) ||
            fabs(likelihood - x[5]) > 1e-12 * fmax(1.0, fabs(x[5])))
            fail_msg("row %d: got %.17g and %.17g, expected %.17g and %.17g", (int)i, prior,
                     likelihood, x[4], x[5]);
    }
    table_free(&golden);
}

static void likelihood_is_the_sum_over_trials(void **state)
{
    fixture_t *f = *state;
    const float *y = simulate(f, cases[2]);
    const double design[] = {N};
    double sum = 0.0;
    for (int i = 0; i < N; i++)
        sum += log_density(f, cases[1], y[i]);
    double together = simulator_table(f->simulator)->log_likelihood(NULL, cases[1], design, &y);
    assert_true(fabs(together - sum) < 1e-11 * fabs(sum));
}

static const double extreme[][N_PARAMETERS] = {
    {0.0, 1e-6, 0.3},      {1e4, 1e-3, 0.3},  {0.0, 300.0, 0.3},     {500.0, 20.0, 0.3},
    {-60.0, 1.0, 0.3},     {60.0, 1.0, 1e-9}, {1e150, 1e-150, 1e-6}, {-1e200, 1e90, 0.2},
    {1e-300, 1e-300, 4.0}, {31.0, 1.9, 20.0},
};

static void extreme_parameters_are_simulated(void **state)
{
    fixture_t *f = *state;
    for (size_t c = 0; c < sizeof extreme / sizeof extreme[0]; c++) {
        const float *y = simulate(f, extreme[c]);
        int64_t lapses = 0;
        double wrong = 0.0;
        for (int64_t i = 0; i < TRIALS; i++) {
            assert_true(isfinite(y[i]));
            lapses += fabsf(y[i]) < (float)extreme[c][T0];
            wrong += fabs(extreme[c][V] * extreme[c][A]) > 50.0 && y[i] * extreme[c][V] < 0.0;
        }
        double share = lapse * fmin(1.0, extreme[c][T0] / slowest_lapse);
        assert_true(fabs((double)lapses / TRIALS - share) <
                    4.0 * sqrt(share * (1.0 - share) / TRIALS));
        assert_true(wrong / TRIALS < 0.5 * lapse + 4.0 * sqrt(0.5 * lapse / TRIALS));
    }
}

static void extreme_parameters_have_a_density(void **state)
{
    fixture_t *f = *state;
    const double times[] = {1e-30, 1e-3, 0.2, 0.3, 0.30001, 1.0, 4.999, 5.0, 5.001, 1e3, 1e30};
    for (size_t c = 0; c < sizeof extreme / sizeof extreme[0]; c++)
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
            for (int sign = -1; sign <= 1; sign += 2) {
                double log = log_density(f, extreme[c], sign * times[i]);
                assert_true(!isnan(log) && log < INFINITY);
                if (times[i] <= slowest_lapse) // never below the lapses
                    assert_true(log > -5.2983173665481);
            }
}

static void impossible_parameters_are_rejected(void **state)
{
    fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    const double impossible[][N_PARAMETERS] = {
        {NAN, 1.0, 0.3}, {1.0, 0.0, 0.3}, {1.0, INFINITY, 0.3}, {1.0, 1.0, NAN}};
    const double design[] = {N};
    for (size_t c = 0; c < sizeof impossible / sizeof impossible[0]; c++) {
        assert_int_equal(simulator_row_given(f->simulator, SEED, RNG_CHECK, 0, impossible[c],
                                             design, &f->rows, 0),
                         OK);
        assert_int_equal(f->rows.status[0], ROW_NONFINITE);
        assert_true(log_density(f, impossible[c], 1.0) == -INFINITY);
        assert_true(table->log_prior(NULL, impossible[c], design) == -INFINITY);
    }
    const double overflow[] = {1e200, 1e200, 0.3};
    assert_int_equal(
        simulator_row_given(f->simulator, SEED, RNG_CHECK, 0, overflow, design, &f->rows, 0), OK);
    assert_int_equal(f->rows.status[0], ROW_REJECTED);
}

// Means of the prior within 4 standard errors: N(0, 2), Gamma(6, 0.3), Gamma(4, 0.1), n uniform on 50..400
static void parameters_follow_the_prior(void **state)
{
    fixture_t *f = *state;
    enum { DRAWS = 20000 };
    const double mean[] = {0.0, 1.8, 0.4, 225.0};
    const double variance[] = {4.0, 0.54, 0.04, (351.0 * 351.0 - 1.0) / 12.0};
    double sum[4] = {0.0}, squares[4] = {0.0};
    for (int64_t i = 0; i < DRAWS; i++) {
        assert_int_equal(simulator_row(f->simulator, SEED, RNG_CHECK, i, &f->rows, 0), OK);
        assert_in_range(f->rows.length[0], SMALLEST_N, N);
        for (int k = 0; k < 4; k++) {
            double d = (k < 3 ? f->rows.parameters[k] : f->rows.design[0]) - mean[k];
            sum[k] += d;
            squares[k] += d * d;
        }
    }
    for (int k = 0; k < 4; k++) {
        assert_true(fabs(sum[k] / DRAWS) < 4.0 * sqrt(variance[k] / DRAWS));
        // the kurtosis is at most 3 + 6 / 4: 4 sqrt(3.5 / DRAWS)
        assert_true(fabs(squares[k] / DRAWS / variance[k] - 1.0) < 4.0 * sqrt(3.5 / DRAWS));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_ddm GOLDEN_FOLDER\n");
        return 2;
    }
    fixture_t fixture = {.golden = argv[1]};
#define WITH_DDM(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &fixture)
    const struct CMUnitTest tests[] = {
        WITH_DDM(choice_probability_is_logistic),       WITH_DDM(mean_time_is_the_closed_form),
        WITH_DDM(signed_times_follow_the_distribution), WITH_DDM(density_integrates_to_one),
        WITH_DDM(densities_match_the_golden_values),    WITH_DDM(likelihood_is_the_sum_over_trials),
        WITH_DDM(extreme_parameters_are_simulated),     WITH_DDM(extreme_parameters_have_a_density),
        WITH_DDM(impossible_parameters_are_rejected),   WITH_DDM(parameters_follow_the_prior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
