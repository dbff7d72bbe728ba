// SPDX-License-Identifier: Apache-2.0
// What a digest keeps of draws; its numbers against NumPy are in test_metrics.c.
#include "diagnostics/digest.h"
#include "diagnostics/sample_stats.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { N = 30, S = 50, D = 2 };

typedef struct {
    double draws[N * S * D], truth[N * D];
} data_t;

static data_t *data_create(void)
{
    data_t *x = MEM_NEW(data_t, 1);
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < N * D; i++)
        x->truth[i] = rng_normal(&r);
    for (int i = 0; i < N * S * D; i++)
        x->draws[i] = x->truth[i / (S * D) * D + i % D] + rng_normal(&r);
    return x;
}

static void a_value_is_what_it_says(void **state)
{
    (void)state;
    const double draws[] = {5, 1, 3, 2, 4}, truth[] = {3, 0};
    double both[10];
    digest_t g;
    memcpy(both, draws, sizeof draws);
    memcpy(both + 5, draws, sizeof draws);
    assert_int_equal(digest_of_draws(2, 5, 1, both, truth, &g), OK);
    const digest_value_t *v = &g.value[0], *w = &g.value[1];
    assert_true(v->truth == 3 && v->mean == 3 && v->median == 3);
    assert_true(fabs(v->sd - sqrt(2.5)) < 1e-15 && fabs(v->rmse - sqrt(2)) < 1e-15);
    assert_true(fabs(v->low - 1.1) < 1e-15 && fabs(v->high - 4.9) < 1e-14);
    assert_true(v->below == 2 && v->not_above == 3);
    assert_int_equal(v->inside, (1u << (DIGEST_BIT_95 + 1)) - 1);
    assert_true(w->below == 0 && w->not_above == 0 && w->inside == 0);
    digest_free(&g);
}

static void levels_are_linear(void **state)
{
    (void)state;
    assert_true(digest_level(0) == 0.005 && digest_level(DIGEST_LEVELS - 1) == 0.995);
    assert_true(digest_level(DIGEST_BIT_50) == 0.5 && digest_level(DIGEST_BIT_95) == 0.95);
    for (int k = 1; k < DIGEST_LEVELS; k++)
        assert_true(fabs(digest_level(k) - digest_level(k - 1) - 0.99 / 19) < 1e-12);
}

/* The reference is the truth of another data set: draws that all lie there are nearer than the truth, draws at the truth
 * are not. */
static void nearer_counts_draws_nearer_to_the_reference(void **state)
{
    (void)state;
    const double truth[] = {0, 1}, draws[] = {1, 1, 1, 1, 1, 0.5};
    digest_t g;
    assert_int_equal(digest_of_draws(2, 3, 1, draws, truth, &g), OK);
    assert_int_equal(g.joint[0].nearer, 3);
    assert_int_equal(g.joint[1].nearer, 1);
    digest_free(&g);
}

/* Data sets in any order, sums in two parts: the same digest. */
static void data_sets_may_come_in_any_order(void **state)
{
    (void)state;
    data_t *x = data_create();
    digester_t *digester = NULL;
    digest_t whole, parts = digest_create(N, S, D);
    assert_int_equal(digest_of_draws(N, S, D, x->draws, x->truth, &whole), OK);
    assert_int_equal(digester_create(N, S, D, x->truth, &digester), OK);
    size_t sums = digester_sums(digester);
    double *a = MEM_NEW(double, sums), *b = MEM_NEW(double, sums);
    for (int i = N - 1; i >= 0; i--)
        assert_int_equal(digester_add(digester, i, x->draws + i * S * D, &parts, i % 2 ? a : b),
                         OK);
    for (size_t j = 0; j < sums; j++)
        a[j] += b[j];
    digester_finish(digester, a, &parts);
    assert_memory_equal(parts.value, whole.value, N * D * sizeof *parts.value);
    assert_memory_equal(parts.joint, whole.joint, N * sizeof *parts.joint);
    for (int k = 0; k < D; k++) // sums of 30 terms in another order
        assert_true(fabs(parts.correlation[k] - whole.correlation[k]) < 1e-13);
    digester_destroy(&digester);
    digest_free(&whole);
    digest_free(&parts);
    free(a);
    free(b);
    free(x);
}

/* One-pass sums far from the origin: a million times the spread away. */
static void correlation_keeps_its_digits(void **state)
{
    (void)state;
    data_t *x = data_create();
    digest_t near, far;
    assert_int_equal(digest_of_draws(N, S, D, x->draws, x->truth, &near), OK);
    for (int i = 0; i < N * S * D; i++)
        x->draws[i] += 1048576;
    for (int i = 0; i < N * D; i++)
        x->truth[i] += 1048576;
    assert_int_equal(digest_of_draws(N, S, D, x->draws, x->truth, &far), OK);
    for (int k = 0; k < D; k++) // the shift itself rounds at 2^-33
        assert_true(fabs(near.correlation[k] - far.correlation[k]) < 1e-8);
    digest_free(&near);
    digest_free(&far);
    free(x);
}

static void draws_without_spread_have_no_correlation(void **state)
{
    (void)state;
    const double draws[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, truth[] = {1, 2, 4};
    digest_t g;
    assert_int_equal(digest_of_draws(3, 2, 1, draws, truth, &g), OK);
    assert_true(isnan(g.correlation[0]));
    digest_free(&g);
}

static void a_draw_that_is_not_finite_is_named(void **state)
{
    (void)state;
    const double draws[] = {1, 2, 3, 4, 5, 6, 7, NAN}, truth[] = {1, 2, 3, 4};
    digest_t g;
    assert_true(err_is(digest_of_draws(2, 2, 2, draws, truth, &g), ERR_FAILED));
    assert_non_null(strstr(err_text(), "data set 1, draw 1: parameter 1 is nan"));
}

static void a_truth_that_is_not_finite_is_named(void **state)
{
    (void)state;
    const double truth[] = {1, 2, INFINITY, 4};
    digester_t *digester = NULL;
    assert_true(err_is(digester_create(2, 2, 2, truth, &digester), ERR_FAILED));
    assert_non_null(strstr(err_text(), "data set 1: true value of parameter 0 is inf"));
    assert_null(digester);
}

static void too_little_data_is_refused(void **state)
{
    (void)state;
    const double draws[] = {1, 2}, truth[] = {1};
    digest_t g;
    assert_true(err_is(digest_of_draws(1, 2, 1, draws, truth, &g), ERR_FAILED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_what_it_says),
        cmocka_unit_test(levels_are_linear),
        cmocka_unit_test(nearer_counts_draws_nearer_to_the_reference),
        cmocka_unit_test(data_sets_may_come_in_any_order),
        cmocka_unit_test(correlation_keeps_its_digits),
        cmocka_unit_test(draws_without_spread_have_no_correlation),
        cmocka_unit_test(a_draw_that_is_not_finite_is_named),
        cmocka_unit_test(a_truth_that_is_not_finite_is_named),
        cmocka_unit_test(too_little_data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
