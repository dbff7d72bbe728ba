// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/local.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { N = 300, S = 99, D = 2 };
static const char *const NAMES[D] = {"a", "v"}, *const DESIGN[1] = {"n"};

typedef struct {
    digest_t digest;
    double design[N];
} data_t;

/* Right posteriors N(x, 1) of truths N(0, 2), at designs 20, 21, ... 319 in random order; those of "v" are moved and widened
 * by the caller's rule. */
static data_t *data_create(double shift, double width, double from, double below, uint64_t stream)
{
    data_t *x = MEM_NEW(data_t, 1);
    double *draws = MEM_NEW(double, N *S *D), *truth = MEM_NEW(double, N *D);
    rng_t r = rng_at(9, RNG_CHECK, stream);
    int64_t order[N];
    for (int i = 0; i < N; i++)
        order[i] = i;
    rng_shuffle(&r, N, order);
    for (int i = 0; i < N; i++) {
        x->design[i] = 20 + (double)order[i];
        bool wrong = x->design[i] >= from && x->design[i] < below;
        for (int k = 0; k < D; k++) {
            double centre = rng_normal(&r);
            truth[i * D + k] = centre + rng_normal(&r);
            for (int j = 0; j < S; j++)
                draws[(i * S + j) * D + k] = k == 1 && wrong
                                                 ? centre + shift + width * rng_normal(&r)
                                                 : centre + rng_normal(&r);
        }
    }
    assert_int_equal(digest_of_draws(N, S, D, draws, truth, &x->digest), OK);
    free(draws);
    free(truth);
    return x;
}

static void data_free(data_t *x)
{
    digest_free(&x->digest);
    free(x);
}

static void a_shift_is_found_where_it_is(void **state)
{
    (void)state;
    data_t *x = data_create(-0.6, 1, 20, 120, 0);
    local_group_t worst[D];
    local_compute(&x->digest, 1, x->design, worst);
    const local_group_t *v = &worst[1];
    assert_true(v->parameter == 1 && v->by == 0 && v->n == 100 && v->kind == LOCAL_LOCATION);
    assert_true(v->from == 20 && v->to == 119 && v->p < 0.001);
    assert_true(fabs(v->error - sqrt(1.0 / 12 / 100)) < 1e-12);
    /* Phi(0.6 / sqrt 2) = 0.664, 5 errors */
    assert_true(fabs(v->value - 0.664) < 5 * v->error);
    char *words = local_words(v, 1, DESIGN, NAMES);
    assert_non_null(strstr(words, "ranks too high where n is 20 to 119 (mean rank 0.6"));
    assert_non_null(strstr(words, "expected 0.50 ± 0.029): the posterior lies too low there"));
    free(words);
    data_free(x);
}

static void a_width_is_found_where_it_is(void **state)
{
    (void)state;
    static const struct {
        double width;
        const char *words;
    } cases[] = {{0.4, "ranks too often at the ends where n is 220 to 319 (mean distance from 1/2"},
                 {2.5, "ranks too often in the middle where n is 220 to 319 (mean distance"}};
    for (int c = 0; c < 2; c++) {
        data_t *x = data_create(0, cases[c].width, 220, 320, 1);
        local_group_t worst[D];
        local_compute(&x->digest, 1, x->design, worst);
        assert_true(worst[1].kind == LOCAL_SPREAD && worst[1].calibration_error > 0.1);
        char *words = local_words(&worst[1], 1, DESIGN, NAMES);
        assert_non_null(strstr(words, cases[c].words));
        assert_non_null(strstr(words, c == 0 ? "too narrow there" : "too wide there"));
        free(words);
        data_free(x);
    }
}

/* A posterior pulled to 0: too low where its mean is large, too high where it is small; on the whole unbiased. */
static void a_region_of_the_posterior_mean_is_named(void **state)
{
    (void)state;
    data_t *x = data_create(0, 1, 0, 0, 2);
    for (int i = 0; i < N; i++) {
        digest_value_t *v = &x->digest.value[i * D + 1];
        int32_t moved = (int32_t)fmin(S, fmax(0, v->below + 30 * v->mean));
        v->below = v->not_above = moved;
    }
    local_group_t worst[D];
    local_compute(&x->digest, 0, NULL, worst);
    char *words = local_words(&worst[1], 0, NULL, NAMES);
    assert_non_null(strstr(words, "where the posterior mean of v is"));
    free(words);
    data_free(x);
}

/* Family-wise at 5 %: of 60 right cases those with a word are at most Binomial(60, 0.05), 3 +- 1.7; 5 sd. */
static void right_posteriors_are_left_in_peace(void **state)
{
    (void)state;
    enum { REPEATS = 60 };
    int told = 0;
    for (int t = 0; t < REPEATS; t++) {
        data_t *x = data_create(0, 1, 0, 0, (uint64_t)(10 + t));
        local_group_t worst[D];
        local_compute(&x->digest, 1, x->design, worst);
        char *a = local_words(&worst[0], 1, DESIGN, NAMES),
             *v = local_words(&worst[1], 1, DESIGN, NAMES);
        told += a[0] != '\0' || v[0] != '\0';
        free(a);
        free(v);
        data_free(x);
    }
    assert_true(told <= 3 + 5 * sqrt(REPEATS * 0.05 * 0.95));
}

/* Means that differ by chance alone would order the ranks. */
static void means_that_tell_nothing_are_not_used(void **state)
{
    (void)state;
    digest_t g = digest_create(N, 9, 1);
    for (int i = 0; i < N; i++)
        g.value[i] = (digest_value_t){
            .mean = (i % 10 - 4.5) / 9, .sd = 1, .below = 9 - i % 10, .not_above = 9 - i % 10};
    local_group_t worst;
    local_compute(&g, 0, NULL, &worst);
    assert_true(worst.by == -1 && worst.p == 1);
    char *words = local_words(&worst, 0, NULL, NAMES);
    assert_string_equal(words, "");
    free(words);
    digest_free(&g);
}

/* Noticed among very many data sets, and not worth a word. */
static void a_small_thing_is_not_told(void **state)
{
    (void)state;
    local_group_t group = {.n = 20000, .value = 0.52, .expected = 0.5, .error = 0.002, .p = 1e-9};
    char *small = local_words(&group, 1, DESIGN, NAMES);
    group.value = 0.56;
    char *large = local_words(&group, 1, DESIGN, NAMES);
    assert_string_equal(small, "");
    assert_non_null(strstr(large, "ranks too high where n is"));
    free(small);
    free(large);
}

static void too_few_data_sets_make_no_group(void **state)
{
    (void)state;
    const double design[4] = {1, 2, 3, 4};
    digest_t g = digest_create(4, 9, 1);
    for (int i = 0; i < 4; i++)
        g.value[i] = (digest_value_t){.mean = i, .sd = 1};
    local_group_t worst;
    local_compute(&g, 1, design, &worst);
    assert_int_equal(worst.by, -1);
    digest_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_is_found_where_it_is),
        cmocka_unit_test(a_width_is_found_where_it_is),
        cmocka_unit_test(a_region_of_the_posterior_mean_is_named),
        cmocka_unit_test(right_posteriors_are_left_in_peace),
        cmocka_unit_test(means_that_tell_nothing_are_not_used),
        cmocka_unit_test(a_small_thing_is_not_told),
        cmocka_unit_test(too_few_data_sets_make_no_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
