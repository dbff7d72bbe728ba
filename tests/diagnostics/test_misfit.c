// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/misfit.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, REFERENCES = 400 };

static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                  "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};

static void normals(rng_t *r, int64_t n, double shift, double scale, float *out)
{
    for (int64_t i = 0; i < n * WIDTH; i++)
        out[i] = (float)(shift + scale * rng_normal(r));
}

static distance_t references(uint64_t seed)
{
    float *x = MEM_NEW(float, REFERENCES *WIDTH);
    rng_t r = rng_at(seed, RNG_CHECK, 0);
    normals(&r, REFERENCES, 0, 1, x);
    distance_t f = distance_fit(REFERENCES, WIDTH, x);
    free(x);
    return f;
}

/* Everything about n observed data sets, their summaries normal. */
static misfit_t judged(const distance_t *f, int64_t n, const float *summaries)
{
    double *distance = MEM_NEW(double, n);
    int64_t which[MISFIT_ROWS];
    float *some = MEM_NEW(float, MISFIT_ROWS *WIDTH);
    for (int64_t i = 0; i < n; i++)
        distance[i] = distance_value(f, summaries + i * WIDTH);
    misfit_t m = misfit_judge(f, n, distance);
    int64_t rows = misfit_pick(n, distance, which);
    for (int64_t i = 0; i < rows; i++)
        memcpy(some + i * WIDTH, summaries + which[i] * WIDTH, WIDTH * sizeof *some);
    misfit_compare(&m, f, rows, some, 99);
    free(some);
    free(distance);
    return m;
}

/* 200 times 20 right data sets and new references: each test alarms in 10 (sd 3.1) at most; 4 sd. Distances' p-values are at
 * most 0.1 in 400 of 4,000; the references are the same for 20 of them, so the sd is
 * sqrt(4000 0.09 + 200 380 var), var = 0.09 / 400 the variance of that chance: 21. */
static void right_data_are_not_found_more_often_than_said(void **state)
{
    (void)state;
    int many = 0, spread = 0, low = 0;
    float x[20 * WIDTH];
    for (uint64_t run = 0; run < 200; run++) {
        distance_t f = references(1000 + run);
        rng_t r = rng_at(2000 + run, RNG_CHECK, 0);
        normals(&r, 20, 0, 1, x);
        misfit_t m = judged(&f, 20, x);
        many += m.p_value <= MISFIT_LEVEL;
        spread += m.mmd.p_value <= MISFIT_LEVEL;
        for (int i = 0; i < 20; i++)
            low += distance_p_value(&f, distance_value(&f, x + i * WIDTH)) <= 0.1;
        distance_free(&f);
    }
    printf("of 200: too many unusual %d, MMD test %d; p <= 0.1 in %d of 4000\n", many, spread, low);
    assert_true(many <= 22 && spread <= 22);
    assert_true(abs(low - 400) < 4 * 21);
}

static void one_data_set_is_judged_alone(void **state)
{
    (void)state;
    distance_t f = references(1);
    const float near[WIDTH] = {0.1f, 0, 0}, far[WIDTH] = {9, 0, 0};
    misfit_t m = judged(&f, 1, near);
    assert_false(misfit_found(&m));
    assert_true(m.rows == 0); // one row is no spread
    char *words = misfit_words(&m, ids);
    assert_string_equal(words, "The observed data set looks like a simulated one.");
    free(words);
    m = judged(&f, 1, far);
    assert_true(misfit_found(&m) && m.beyond == 1);
    words = misfit_words(&m, ids);
    assert_non_null(strstr(words, "does not look like a simulated one: its summaries lie farther "
                                  "out than those of all 400 simulated data sets (p = 0.0025)"));
    assert_non_null(strstr(words, "look for outliers in the data"));
    free(words);
    distance_free(&f);
}

static void too_many_unusual_ones_are_named(void **state)
{
    (void)state;
    distance_t f = references(2);
    float x[20 * WIDTH] = {0};
    rng_t r = rng_at(3, RNG_CHECK, 0);
    normals(&r, 20, 0, 1, x);
    for (int i = 0; i < 6; i++)
        x[(3 * i + 1) * WIDTH] = (float)(20 - i);
    misfit_t m = judged(&f, 20, x);
    assert_true(m.unusual >= 6 && m.beyond == 6 && m.p_value < 1e-3 && misfit_found(&m));
    assert_true(fabs(m.expected - 20 * 20.0 / 401) <
                1e-12); // 20 references beyond the 20th farthest
    char *words = misfit_words(&m, ids);
    assert_non_null(strstr(words, "more than chance explains"));
    assert_non_null(strstr(words, "Farthest first: b (p = 0.0025), e (p = 0.0025), h (p = 0.0025), "
                                  "k (p = 0.0025), n (p = 0.0025), and others."));
    assert_non_null(strstr(words, "6 lie farther out than all 400 simulated data sets."));
    assert_non_null(strstr(words, "As a whole they do not look like simulated data sets"));
    assert_null(strstr(words, "more alike"));
    free(words);
    distance_free(&f);
}

/* Data sets that are more alike than the prior makes them: none is unusual, the MMD test finds them, and the words say that
 * this may be no misfit. */
static void alike_data_sets_are_no_misfit_by_themselves(void **state)
{
    (void)state;
    distance_t f = references(4);
    float x[20 * WIDTH];
    rng_t r = rng_at(5, RNG_CHECK, 0);
    normals(&r, 20, 0.3, 0.2, x);
    misfit_t m = judged(&f, 20, x);
    assert_true(m.unusual == 0 && m.p_value == 1 && m.mmd.p_value == 0.01);
    char *words = misfit_words(&m, ids);
    assert_non_null(strstr(words, "0 of 20 observed data sets are unusual for this model (p below "
                                  "0.05), 1.0 would be by chance: no more than chance explains."));
    assert_non_null(strstr(words, "As a whole they do not look like simulated data sets (MMD test "
                                  "of the summaries, p = 0.01)."));
    assert_non_null(strstr(words, "more alike than the prior makes them"));
    free(words);
    distance_free(&f);
}

/* 100,000 data sets: the chance of an unusual one is only known by the references, and the count allows for it. */
static void many_data_sets_are_judged_by_what_the_references_know(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    distance_t f = references(6);
    float *x = MEM_NEW(float, MANY *WIDTH);
    rng_t r = rng_at(7, RNG_CHECK, 0);
    normals(&r, MANY, 0, 1, x);
    misfit_t m = judged(&f, MANY, x);
    assert_true(m.n == MANY && m.rows == MISFIT_ROWS);
    assert_true(m.p_value > 0.01 && m.named == MISFIT_NAMED);
    normals(&r, MANY, 0, 1.2, x);
    m = judged(&f, MANY, x);
    assert_true(m.p_value < 0.01);
    free(x);
    distance_free(&f);
}

static void data_sets_without_a_distance_do_not_count(void **state)
{
    (void)state;
    distance_t f = references(8);
    const double none[3] = {NAN, NAN, NAN}, some[4] = {NAN, 1, NAN, 50};
    int64_t which[MISFIT_ROWS];
    misfit_t m = misfit_judge(&f, 3, none);
    char *words = misfit_words(&m, ids);
    assert_true(m.n == 0 && words[0] == '\0' && !misfit_found(&m));
    free(words);
    m = misfit_judge(&f, 4, some);
    assert_true(m.n == 2 && m.unusual == 1 && m.name[0] == 3);
    assert_int_equal(misfit_pick(4, some, which), 2);
    assert_true(which[0] == 1 && which[1] == 3);
    distance_free(&f);
}

/* With 18 references the smallest p-value is 1 / 19 > 0.05. */
static void few_references_call_nothing_unusual(void **state)
{
    (void)state;
    float x[18 * WIDTH];
    rng_t r = rng_at(9, RNG_CHECK, 0);
    normals(&r, 18, 0, 1, x);
    distance_t f = distance_fit(18, WIDTH, x);
    const double far[2] = {1000, 1};
    misfit_t m = misfit_judge(&f, 2, far);
    assert_true(m.unusual == 0 && m.expected == 0 && m.p_value == 1 && isinf(m.threshold));
    distance_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_data_are_not_found_more_often_than_said),
        cmocka_unit_test(one_data_set_is_judged_alone),
        cmocka_unit_test(too_many_unusual_ones_are_named),
        cmocka_unit_test(alike_data_sets_are_no_misfit_by_themselves),
        cmocka_unit_test(many_data_sets_are_judged_by_what_the_references_know),
        cmocka_unit_test(data_sets_without_a_distance_do_not_count),
        cmocka_unit_test(few_references_call_nothing_unusual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
