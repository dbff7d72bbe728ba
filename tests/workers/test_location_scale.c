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

enum { ROWS = 4000, SEED = 21, SMALLEST_N = 20, LARGEST_N = 200 };

typedef struct {
    const char *golden;
    simulator_t *simulator;
    rows_t rows; // ROWS draws
} fixture_t;

static int setup(void **state)
{
    fixture_t *f = *state;
    if (simulator_load_builtin("location_scale", &f->simulator) != OK)
        return -1;
    f->rows = rows_create(simulator_schema(f->simulator), ROWS);
    for (int64_t i = 0; i < ROWS; i++)
        if (simulator_row(f->simulator, SEED, RNG_CHECK, i, &f->rows, i) != OK ||
            f->rows.status[i] != ROW_DONE)
            return -1;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    rows_destroy(&f->rows);
    simulator_close(&f->simulator);
    return 0;
}

static double normal_cdf(const void *context, double x)
{
    (void)context;
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double sigma_cdf(const void *context, double sigma)
{
    (void)context;
    double x = (sigma - 0.05) / 0.5;
    return x <= 0.0 ? 0.0 : 1.0 - exp(-x) * (1.0 + x);
}

// KS distances below 1.95: exceeded once in 1000 seeds
static void parameters_follow_the_prior(void **state)
{
    const fixture_t *f = *state;
    double *mu = MEM_NEW(double, ROWS), *sigma = MEM_NEW(double, ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        mu[i] = f->rows.parameters[2 * i];
        sigma[i] = f->rows.parameters[2 * i + 1];
    }
    assert_true(ks_distance(ROWS, mu, normal_cdf, NULL) < 1.95);
    assert_true(ks_distance(ROWS, sigma, sigma_cdf, NULL) < 1.95);
    assert_true(sigma[0] > 0.05);
    free(mu);
    free(sigma);
}

static void sizes_are_uniform(void **state)
{
    const fixture_t *f = *state;
    int64_t cells = LARGEST_N - SMALLEST_N + 1, seen[LARGEST_N + 1] = {0};
    double chi = 0.0, expected = (double)ROWS / (double)cells;
    for (int64_t i = 0; i < ROWS; i++) {
        assert_in_range(f->rows.length[i], SMALLEST_N, LARGEST_N);
        seen[f->rows.length[i]]++;
    }
    for (int n = SMALLEST_N; n <= LARGEST_N; n++)
        chi += ((double)seen[n] - expected) * ((double)seen[n] - expected) / expected;
    assert_true(seen[SMALLEST_N] > 0 && seen[LARGEST_N] > 0);
    // chi-square of 180 degrees: mean 180, sd sqrt(360) = 19; 4 sd
    assert_true(fabs(chi - 180.0) < 76.0);
}

static void values_are_normal_around_the_parameters(void **state)
{
    const fixture_t *f = *state;
    double *z = MEM_NEW(double, ROWS *LARGEST_N);
    int64_t n = 0;
    for (int64_t i = 0; i < ROWS; i++)
        for (int k = 0; k < f->rows.length[i]; k++)
            z[n++] = (f->rows.observables[0][i * LARGEST_N + k] - f->rows.parameters[2 * i]) /
                     f->rows.parameters[2 * i + 1];
    assert_true(ks_distance(n, z, normal_cdf, NULL) < 1.95);
    free(z);
}

static void densities_match_scipy(void **state)
{
    const fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    const float values[] = {-1.5f, 0.25f, 0.75f, 3.0f}, *const y[] = {values};
    const double design[] = {4.0};
    char *path = mem_format("%s/location_scale_density.csv", f->golden);
    table_t golden;
    assert_int_equal(table_read(path, &golden), OK);
    free(path);
    assert_int_equal(golden.rows, 4);
    for (int64_t i = 0; i < golden.rows; i++) {
        double x[4];
        for (int k = 0; k < 4; k++)
            assert_int_equal(table_number(&golden, i, k, &x[k]), OK);
        assert_true(fabs(table->log_prior(NULL, x, design) - x[2]) < 1e-13 * fabs(x[2]));
        assert_true(fabs(table->log_likelihood(NULL, x, design, y) - x[3]) < 1e-13 * fabs(x[3]));
    }
    table_free(&golden);
}

static void densities_vanish_outside_the_support(void **state)
{
    const fixture_t *f = *state;
    const infermill_simulator_t *table = simulator_table(f->simulator);
    const double design[] = {1.0},
                 outside[][2] = {{0.0, 0.05}, {0.0, -1.0}, {NAN, 1.0}, {0.0, NAN}, {0.0, INFINITY}};
    const float values[] = {0.5f}, *const y[] = {values};
    for (int i = 0; i < 5; i++) {
        assert_true(table->log_prior(NULL, outside[i], design) == -INFINITY);
        assert_true(table->log_likelihood(NULL, outside[i], design, y) == -INFINITY);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_location_scale GOLDEN_FOLDER\n");
        return 2;
    }
    fixture_t fixture = {.golden = argv[1]};
    void *prestate = &fixture;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(parameters_follow_the_prior, setup, teardown,
                                                 prestate),
        cmocka_unit_test_prestate_setup_teardown(sizes_are_uniform, setup, teardown, prestate),
        cmocka_unit_test_prestate_setup_teardown(values_are_normal_around_the_parameters, setup,
                                                 teardown, prestate),
        cmocka_unit_test_prestate_setup_teardown(densities_match_scipy, setup, teardown, prestate),
        cmocka_unit_test_prestate_setup_teardown(densities_vanish_outside_the_support, setup,
                                                 teardown, prestate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
