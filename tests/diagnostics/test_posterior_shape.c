// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/posterior_shape.h"

#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

enum { N = 8, S = 1000, D = 3, TRIES = 200 };

typedef struct {
    exchange_count_t count[D];
    double sums[D * (D + 1) / 2];
    posterior_shape_t shape;
} looked_at_t;

/* n data sets, looked at one by one. */
static looked_at_t look(int n, int s, int d, const double *draws, const double *truth)
{
    looked_at_t l = {0};
    for (int i = 0; i < n; i++) {
        shape_add(s, d, draws + i * s * d, l.sums);
        exchange_add(s, d, draws + i * s * d, truth + i * d, l.count);
    }
    l.shape = posterior_shape(n, s, d, l.sums, l.count);
    return l;
}

/* x normal, y = rho x + sqrt(1 - rho^2) e, z normal by itself: the mean over N sets of a correlation of S draws has the
 * standard error (1 - rho^2) / sqrt(N S) = 0.011 at 0, 0.0002 at 0.99. */
static void correlations_are_those_of_the_draws(void **state)
{
    (void)state;
    static double draws[N * S * D], truth[N * D];
    rng_t r = rng_at(1, RNG_HELD_OUT, 0);
    double rho = -0.99;
    for (int i = 0; i < N * S; i++) {
        double x = rng_normal(&r), e = rng_normal(&r);
        draws[i * D] = 3 + x;
        draws[i * D + 1] = rho * x + sqrt(1 - rho * rho) * e;
        draws[i * D + 2] = rng_normal(&r);
    }
    posterior_shape_t shape = look(N, S, D, draws, truth).shape;
    assert_true(fabs(shape.correlation[1] - rho) < 5 * 0.0003);
    assert_true(shape.correlation[1] == shape.correlation[D]);
    assert_true(fabs(shape.correlation[2]) < 5 * 0.011);
    assert_true(fabs(shape.correlation[0] - 1) < 1e-12);
    for (int k = 0; k < D; k++)
        assert_true(shape.bimodal[k] == 0);
    posterior_shape_free(&shape);
}

/* Two normals `apart` standard deviations apart; the second holds `share`. */
static int bimodal(double apart, double share, uint64_t index)
{
    double draws[S];
    rng_t r = rng_at(2, RNG_HELD_OUT, index);
    for (int i = 0; i < S; i++)
        draws[i] = rng_normal(&r) + (rng_uniform(&r) < share ? apart : 0);
    return shape_is_bimodal(S, draws);
}

/* A valley at the middle of two equal normals a apart is 2 exp(-a^2 / 8) of a peak: 0.09 at 5, and 0.65 at 3. One normal has
 * no valley; one found by chance in 200 would still be a rate of 0.5 %. */
static void two_modes_are_told_from_one(void **state)
{
    (void)state;
    int one = 0, near = 0, far = 0, uneven = 0, small = 0;
    for (uint64_t i = 0; i < TRIES; i++) {
        one += bimodal(0, 0, i);
        near += bimodal(2.5, 0.5, i);
        far += bimodal(5, 0.5, i);
        uneven += bimodal(6, 0.2, i);
        small += bimodal(6, 0.03, i);
    }
    assert_true(one <= 1);
    assert_true(near <= 2);
    assert_int_equal(far, TRIES);
    assert_int_equal(uneven, TRIES);
    assert_int_equal(small, 0);
}

/* Correlation -0.9 in the first two of three data sets, none in the third: every one of them counts. */
static void all_data_sets_count(void **state)
{
    (void)state;
    static double draws[3 * S * 2], truth[3 * 2];
    rng_t r = rng_at(4, RNG_HELD_OUT, 0);
    for (int i = 0; i < 3 * S; i++) {
        double x = rng_normal(&r), e = rng_normal(&r), rho = i < 2 * S ? -0.9 : 0;
        draws[2 * i] = x;
        draws[2 * i + 1] = rho * x + sqrt(1 - rho * rho) * e;
    }
    posterior_shape_t shape = look(3, S, 2, draws, truth).shape;
    // the standard error is that of the third, 1 / (3 sqrt S) = 0.011
    assert_true(fabs(shape.correlation[1] + 0.6) < 5 * 0.012);
    posterior_shape_free(&shape);
}

/* (a, b) and (b, a) with equal chance: labels that switch. */
static void labels_that_switch_are_counted(void **state)
{
    (void)state;
    static double draws[N * S * 2], truth[N * 2];
    rng_t r = rng_at(3, RNG_HELD_OUT, 0);
    for (int i = 0; i < N * S; i++) {
        double a = -3 + rng_normal(&r), b = 3 + rng_normal(&r);
        int swap = rng_uniform(&r) < 0.5;
        draws[2 * i] = swap ? b : a;
        draws[2 * i + 1] = swap ? a : b;
    }
    looked_at_t l = look(N, S, 2, draws, truth);
    assert_int_equal(exchange_judge(&l.count[0]), EXCHANGE_SWITCHES);
    assert_true(l.shape.bimodal[0] == 1 && l.shape.bimodal[1] == 1);
    posterior_shape_free(&l.shape);
}

static void nothing_is_computed_of_nothing(void **state)
{
    (void)state;
    posterior_shape_t shape = posterior_shape(0, S, D, NULL, NULL);
    assert_null(shape.correlation);
    posterior_shape_free(&shape);
    assert_int_equal(shape_sums(SHAPE_FEWEST_DRAWS - 1, D), 0);
    assert_int_equal(shape_sums(S, SHAPE_MOST_PARAMETERS + 1), 0);
    shape_add(S, SHAPE_MOST_PARAMETERS + 1, NULL, NULL); // reads and adds nothing
    shape = posterior_shape(N, S, SHAPE_MOST_PARAMETERS + 1, NULL, NULL);
    assert_null(shape.correlation);
    double same[50];
    for (int i = 0; i < 50; i++)
        same[i] = 2;
    assert_int_equal(shape_is_bimodal(50, same), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correlations_are_those_of_the_draws),
        cmocka_unit_test(two_modes_are_told_from_one),
        cmocka_unit_test(all_data_sets_count),
        cmocka_unit_test(labels_that_switch_are_counted),
        cmocka_unit_test(nothing_is_computed_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
