// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/benchmark.h"

#include "cluster/mem.h"
#include "tests/reference/ks.h"
#include "tests/reference/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 41 };

static void read_golden(const benchmark_t *b, const char *prefix, const char *file, table_t *out)
{
    char *path = mem_format("%s/%s%s", b->golden, prefix, file);
    assert_int_equal(table_read(path, out), OK);
    free(path);
}

static double cell(const table_t *table, int64_t row, int64_t column)
{
    double value;
    assert_int_equal(table_number(table, row, column, &value), OK);
    return value;
}

static void read_observation(benchmark_t *b)
{
    table_t density;
    read_golden(b, b->name, "_density.csv", &density);
    for (int j = 0; j < b->n_parameters; j++)
        b->theta[j] = cell(&density, 0, j);
    for (int k = 0; k < b->n_values; k++)
        b->x[k] = (float)cell(&density, 0, b->n_parameters + k);
    table_free(&density);
}

int benchmark_setup(void **state)
{
    benchmark_t *b = *state;
    if (simulator_load_builtin(b->name, &b->simulator) != OK)
        return -1;
    const schema_t *schema = simulator_schema(b->simulator);
    b->n_parameters = schema->n_parameters;
    b->n_values = (int)schema_size(&schema->observables[0]);
    read_observation(b);
    b->rows = rows_create(schema, BENCHMARK_ROWS);
    for (int64_t i = 0; i < BENCHMARK_ROWS; i++)
        if (simulator_row(b->simulator, SEED, RNG_CHECK, i, &b->rows, i) != OK ||
            b->rows.status[i] != ROW_DONE)
            return -1;
    return 0;
}

int benchmark_teardown(void **state)
{
    benchmark_t *b = *state;
    rows_destroy(&b->rows);
    simulator_close(&b->simulator);
    return 0;
}

void benchmark_simulate(benchmark_t *b, const double *theta)
{
    const double no_design[] = {0.0};
    for (int64_t i = 0; i < BENCHMARK_ROWS; i++) {
        assert_int_equal(
            simulator_row_given(b->simulator, SEED, RNG_CHECK, i, theta, no_design, &b->rows, i),
            OK);
        assert_int_equal(b->rows.status[i], ROW_DONE);
    }
}

double benchmark_log_prior(const benchmark_t *b, const double *theta)
{
    return simulator_log_prior(b->simulator, theta, NULL);
}

double benchmark_log_likelihood(const benchmark_t *b, const double *theta, const float *x)
{
    return simulator_table(b->simulator)->log_likelihood(NULL, theta, NULL, &x);
}

static double normal_cdf(const void *context, double x)
{
    (void)context;
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double uniform_cdf(const void *context, double x)
{
    (void)context;
    return fmin(1.0, fmax(0.0, x));
}

void benchmark_is_normal(int64_t n, double *values)
{
    assert_true(ks_distance(n, values, normal_cdf, NULL) < 1.95);
}

void benchmark_is_uniform(int64_t n, double *values)
{
    assert_true(ks_distance(n, values, uniform_cdf, NULL) < 1.95);
}

static void check_density(const benchmark_t *b, double got, double expected, int64_t row)
{
    if (!(fabs(got - expected) <= b->tolerance * fmax(1.0, fabs(expected))))
        fail_msg("row %d: got %.17g, expected %.17g", (int)row, got, expected);
}

void benchmark_densities_match_scipy(void **state)
{
    const benchmark_t *b = *state;
    table_t density;
    read_golden(b, b->name, "_density.csv", &density);
    assert_true(density.rows > 5);
    for (int64_t i = 0; i < density.rows; i++) {
        double theta[BENCHMARK_MAX];
        float x[BENCHMARK_MAX];
        for (int j = 0; j < b->n_parameters; j++)
            theta[j] = cell(&density, i, j);
        for (int k = 0; k < b->n_values; k++)
            x[k] = (float)cell(&density, i, b->n_parameters + k);
        int last = b->n_parameters + b->n_values;
        check_density(b, benchmark_log_prior(b, theta), cell(&density, i, last), i);
        check_density(b, benchmark_log_likelihood(b, theta, x), cell(&density, i, last + 1), i);
    }
    table_free(&density);
}

// exp(log_weight) over its sum; the caller frees it
static double *normalised(int64_t n, const double *log_weight)
{
    double *weight = MEM_NEW(double, n), largest = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, log_weight[i]);
    for (int64_t i = 0; i < n; i++)
        sum += weight[i] = exp(log_weight[i] - largest);
    for (int64_t i = 0; i < n; i++)
        weight[i] /= sum;
    return weight;
}

typedef struct {
    double mean, variance; // variance of the mean: that of self-normalised importance sampling
} moment_t;

// E theta_j theta_k, or E theta_j where k < 0.
static moment_t moment(int64_t n, int d, const double *theta, const double *weight, int j, int k)
{
    moment_t m = {0.0, 0.0};
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n; i++) {
            double value = theta[i * d + j] * (k < 0 ? 1.0 : theta[i * d + k]);
            double part = weight[i] * (value - (pass ? m.mean : 0.0));
            if (pass)
                m.variance += part * part;
            else
                m.mean += part;
        }
    return m;
}

void benchmark_moments_match(const benchmark_t *b, int64_t n, const double *theta,
                             const double *log_weight)
{
    double *weight = normalised(n, log_weight);
    int d = b->n_parameters, seen = 0;
    table_t golden;
    read_golden(b, "", "benchmark_moments.csv", &golden);
    for (int64_t i = 0; i < golden.rows; i++) {
        if (strcmp(golden.cell[i * golden.columns], b->name) != 0)
            continue;
        int j = (int)cell(&golden, i, 1), k = (int)cell(&golden, i, 2);
        moment_t m = moment(n, d, theta, weight, j, k);
        double expected = cell(&golden, i, 3), se = hypot(cell(&golden, i, 4), sqrt(m.variance));
        if (!(fabs(m.mean - expected) < 4.0 * se))
            fail_msg("E theta%d theta%d: got %g, expected %g, standard error %g", j, k, m.mean,
                     expected, se);
        seen++;
    }
    assert_int_equal(seen, d + d * (d + 1) / 2);
    table_free(&golden);
    free(weight);
}
