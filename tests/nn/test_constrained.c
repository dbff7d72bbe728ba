// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/rng.h"
#include "tests/nn/jacobian.h"
#include "nn/constrained.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *golden_path;

typedef struct {
    const char *name;
    bool (*holds)(int k, const double *x);
    double (*free)(int k, const double *x, double *u);
    double (*restore)(int k, const double *u, double *x);
    int k, n_x, n_u;
} kind_t;

static const kind_t kinds[] = {
    {"simplex", simplex_holds, simplex_free, simplex_restore, 2, 2, 1},
    {"simplex", simplex_holds, simplex_free, simplex_restore, 3, 3, 2},
    {"simplex", simplex_holds, simplex_free, simplex_restore, 8, 8, 7},
    {"ordered", ordered_holds, ordered_free, ordered_restore, 2, 2, 2},
    {"ordered", ordered_holds, ordered_free, ordered_restore, 6, 6, 6},
    {"covariance", covariance_holds, covariance_free, covariance_restore, 1, 1, 1},
    {"covariance", covariance_holds, covariance_free, covariance_restore, 2, 3, 3},
    {"covariance", covariance_holds, covariance_free, covariance_restore, 4, 10, 10},
    {"correlation", correlation_holds, correlation_free, correlation_restore, 2, 1, 1},
    {"correlation", correlation_holds, correlation_free, correlation_restore, 3, 3, 3},
    {"correlation", correlation_holds, correlation_free, correlation_restore, 6, 15, 15}};
enum { KINDS = sizeof kinds / sizeof *kinds, TRIES = 40 };

static void normals(rng_t *r, double size, int n, double *u)
{
    for (int i = 0; i < n; i++)
        u[i] = size * rng_normal(r);
}

static void test_there_and_back(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++)
        for (int t = 0; t < TRIES; t++) {
            const kind_t *kind = &kinds[k];
            double u[JACOBIAN_MOST], x[JACOBIAN_MOST], back[JACOBIAN_MOST];
            rng_t r = rng_at(1, RNG_CHECK, (uint64_t)t);
            normals(&r, 1.0, kind->n_u, u);
            double there = kind->restore(kind->k, u, x);
            assert_true(kind->holds(kind->k, x));
            assert_true(fabs(kind->free(kind->k, x, back) - there) < 1e-9);
            for (int i = 0; i < kind->n_u; i++)
                assert_true(fabs(back[i] - u[i]) < 1e-9);
        }
}

// The map from the numbers that are free to move: of a simplex the last is what remains.
static void free_map(void *user, const double *from, double *to)
{
    const kind_t *kind = user;
    double x[JACOBIAN_MOST], rest = 1.0;
    for (int i = 0; i < kind->n_u; i++) {
        x[i] = from[i];
        rest -= from[i];
    }
    if (kind->n_u < kind->n_x)
        x[kind->n_x - 1] = rest;
    kind->free(kind->k, x, to);
}

static void test_the_log_determinant(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++)
        for (int t = 0; t < TRIES; t++) {
            const kind_t *kind = &kinds[k];
            double u[JACOBIAN_MOST], x[JACOBIAN_MOST];
            rng_t r = rng_at(2, RNG_CHECK, (uint64_t)t);
            normals(&r, 0.4, kind->n_u, u);
            double said = kind->restore(kind->k, u, x);
            // central differences: h^2 of truncation, magnified by u''' of the smallest share or pivot
            double seen = jacobian_log_det(kind->n_u, free_map, (void *)kind, x, 1e-6);
            assert_true(fabs(seen - said) < 1e-5);
        }
}

static double log_normals(int n, const double *u)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum -= 0.5 * u[i] * u[i] + 0.5 * log(2.0 * M_PI);
    return sum;
}

// The standard normal on the free numbers, as a density of x on a grid of midpoints.
static void test_densities_integrate_to_one(void **state)
{
    (void)state;
    enum { N = 1200 };
    double simplex = 0.0, ordered = 0.0, u[2];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double a = (i + 0.5) / N, b = (j + 0.5) / N;
            // b of the half that is left of the triangle, so that no cell is cut: a factor 1 - a
            double x[3] = {a, b * (1.0 - a), (1.0 - b) * (1.0 - a)};
            double log_slope = simplex_free(3, x, u);
            simplex += (1.0 - a) * exp(log_slope + log_normals(2, u));
            double y[2] = {16.0 * a - 8.0, 16.0 * a - 8.0 + 60.0 * b};
            log_slope = ordered_free(2, y, u);
            ordered += 16.0 * 60.0 * exp(log_slope + log_normals(2, u));
        }
    // beyond 60 lies Phi(-ln 60) = 2e-5 of the ordered ones; the rest is the midpoint rule next to 0
    assert_true(fabs(simplex / N / N - 1.0) < 1e-3);
    assert_true(fabs(ordered / N / N - 1.0) < 1e-3);
}

static void test_a_correlation_integrates_to_one(void **state)
{
    (void)state;
    enum { N = 2000 };
    double sum = 0.0, u;
    for (int i = 0; i < N; i++) {
        double r = 2.0 * (i + 0.5) / N - 1.0;
        double log_slope = correlation_free(2, &r, &u);
        sum += 2.0 * exp(log_slope + log_normals(1, &u));
    }
    assert_true(fabs(sum / N - 1.0) < 1e-4);
}

static void test_even_shares_are_zero(void **state)
{
    (void)state;
    double u[4] = {0}, x[5];
    simplex_restore(5, u, x);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(x[i] - 0.2) < 1e-15);
}

static void test_far_out_it_still_holds(void **state)
{
    (void)state;
    static const double sizes[] = {5.0, 30.0, 1000.0};
    for (int k = 0; k < KINDS; k++)
        for (int s = 0; s < 3; s++)
            for (int t = 0; t < TRIES; t++) {
                const kind_t *kind = &kinds[k];
                double u[JACOBIAN_MOST], x[JACOBIAN_MOST], sum = 0.0;
                rng_t r = rng_at(3, RNG_CHECK, (uint64_t)t);
                normals(&r, sizes[s], kind->n_u, u);
                assert_true(isfinite(kind->restore(kind->k, u, x)));
                assert_true(kind->holds(kind->k, x));
                for (int i = 0; i < kind->k; i++)
                    sum += kind->restore == simplex_restore ? x[i] : 0.2 / kind->k * 5.0;
                // each share is off by a rounding of exp and of a logarithm of up to 5000
                assert_true(fabs(sum - 1.0) < 1e-11);
            }
}

static void test_what_does_not_hold(void **state)
{
    (void)state;
    assert_false(simplex_holds(3, (double[]){0.0, 0.4, 0.6}));
    assert_false(simplex_holds(3, (double[]){-0.1, 0.5, 0.6}));
    assert_false(simplex_holds(3, (double[]){0.2, 0.3, 0.4}));
    assert_false(simplex_holds(2, (double[]){NAN, 0.5}));
    assert_false(ordered_holds(2, (double[]){1.0, 1.0}));
    assert_false(ordered_holds(2, (double[]){1.0, NAN}));
    assert_false(covariance_holds(2, (double[]){1.0, 1.0, 1.0}));
    assert_false(covariance_holds(2, (double[]){0.0, 0.0, 1.0}));
    assert_false(covariance_holds(2, (double[]){1.0, NAN, 1.0}));
    assert_false(correlation_holds(2, (double[]){1.0}));
    assert_false(correlation_holds(3, (double[]){0.9, 0.9, -0.9}));
    assert_true(correlation_holds(3, (double[]){0.9, 0.9, 0.9}));
}

static void test_what_is_not_a_number_stays_so(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        double u[JACOBIAN_MOST] = {0}, x[JACOBIAN_MOST];
        u[0] = NAN;
        kinds[k].restore(kinds[k].k, u, x);
        assert_false(kinds[k].holds(kinds[k].k, x));
    }
}

static void test_sides(void **state)
{
    (void)state;
    assert_int_equal(covariance_side(1), 1);
    assert_int_equal(covariance_side(6), 3);
    assert_int_equal(covariance_side(5), 0);
    assert_int_equal(correlation_side(1), 2);
    assert_int_equal(correlation_side(3), 3);
    assert_int_equal(correlation_side(2), 0);
    assert_int_equal(covariance_side(22 * 23 / 2), 22);
    assert_int_equal(covariance_side(23 * 24 / 2), 0);
}

static int read_numbers(char *text, double *out)
{
    int n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
        out[n++] = strtod(word, NULL);
    return n;
}

static const kind_t *kind_named(const char *name)
{
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return &kinds[k];
    return NULL;
}

static void test_numpy_agrees(void **state)
{
    (void)state;
    char line[4096];
    int lines = 0;
    FILE *file = fopen(golden_path, "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); lines++) {
        char *rest = NULL, *name = strtok_r(line, ";", &rest), *side = strtok_r(NULL, ";", &rest),
             *from = strtok_r(NULL, ";", &rest), *to = strtok_r(NULL, ";", &rest);
        double x[JACOBIAN_MOST], expected[JACOBIAN_MOST], u[JACOBIAN_MOST];
        int n = read_numbers(from, x);
        assert_int_equal(read_numbers(to, expected), n);
        kind_named(name)->free(atoi(side), x, u);
        for (int i = 0; i < n; i++)
            assert_true(fabs(u[i] - expected[i]) < 1e-9 * (1.0 + fabs(expected[i])));
    }
    fclose(file);
    assert_int_equal(lines, 21);
}

int main(int argc, char **argv)
{
    golden_path = argc > 1 ? argv[1] : "tests/golden/adapter.csv";
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back),
                                       cmocka_unit_test(test_the_log_determinant),
                                       cmocka_unit_test(test_densities_integrate_to_one),
                                       cmocka_unit_test(test_a_correlation_integrates_to_one),
                                       cmocka_unit_test(test_even_shares_are_zero),
                                       cmocka_unit_test(test_far_out_it_still_holds),
                                       cmocka_unit_test(test_what_does_not_hold),
                                       cmocka_unit_test(test_what_is_not_a_number_stays_so),
                                       cmocka_unit_test(test_sides),
                                       cmocka_unit_test(test_numpy_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
