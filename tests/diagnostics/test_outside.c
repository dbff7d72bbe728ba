// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/outside.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { SIMULATIONS = 1000, K = 7, PEOPLE = 100, STUDIES = 3000 };

static const predictive_field_t field = {"rt", PREDICTIVE_SET, 50, 1};

/* Statistics of a simulated data set: of every sign, positive with a long tail, heavy on both sides, positive near 0. */
static void simulate(rng_t *r, double out[K])
{
    for (int k = 0; k < 3; k++)
        out[k] = rng_normal(r);
    out[3] = exp(rng_normal(r));
    out[4] = 1 + rng_exponential(r);
    out[5] = rng_student_t(r, 2);
    out[6] = rng_uniform(r);
}

typedef struct {
    prior_reach_t reach;
    distance_t distance; // of two summaries, standard normal
} trained_on_t;

static trained_on_t train(uint64_t seed)
{
    static double statistics[SIMULATIONS * K];
    static float summaries[SIMULATIONS * 2];
    rng_t r = rng_at(seed, RNG_CHECK, 1);
    for (int i = 0; i < SIMULATIONS; i++)
        simulate(&r, statistics + i * K);
    rng_fill_normal_f32(&r, SIMULATIONS * 2, summaries);
    return (trained_on_t){prior_reach_fit(SIMULATIONS, 0, NULL, K, statistics),
                          distance_fit(SIMULATIONS, 2, summaries)};
}

static void trained_on_free(trained_on_t *t)
{
    prior_reach_free(&t->reach);
    distance_free(&t->distance);
}

static double near_distance(rng_t *r)
{
    double a = rng_normal(r), b = rng_normal(r);
    return sqrt(a * a + b * b);
}

/* All people of one study are alike, as much as they can be: one draw from the model, n times. At a level of 1e-4 at most 0.3
 * of 3,000 studies are found by chance; two or more have a chance below 4 %, and the seed is fixed. */
static void right_data_are_not_outside(void **state)
{
    (void)state;
    int found = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        trained_on_t t = train(seed);
        rng_t r = rng_at(seed, RNG_CHECK, 2);
        for (int s = 0; s < STUDIES / 3; s++) {
            double x[2 * K], distances[2] = {near_distance(&r), NAN};
            simulate(&r, x);
            memcpy(x + K, x, K * sizeof *x);
            distances[1] = distances[0];
            found += outside_judge(&t.reach, &t.distance, 2, x, distances).found;
        }
        trained_on_free(&t);
    }
    assert_true(found <= 1);
}

/* people (PEOPLE, K), of which the first `bad` have statistic k times this factor. */
static outside_t judge(int bad, int k, double factor)
{
    trained_on_t t = train(7);
    static double x[PEOPLE * K], distances[PEOPLE];
    rng_t r = rng_at(7, RNG_CHECK, 2);
    for (int i = 0; i < PEOPLE; i++) {
        simulate(&r, x + i * K);
        distances[i] = near_distance(&r);
        if (i < bad)
            x[i * K + k] *= factor;
    }
    outside_t o = outside_judge(&t.reach, &t.distance, PEOPLE, x, distances);
    trained_on_free(&t);
    return o;
}

static void another_unit_is_found_on_either_side(void **state)
{
    (void)state;
    predictive_item_t items[K];
    predictive_items(1, &field, items);
    outside_t o = judge(PEOPLE, 4, 1000);
    assert_true(o.found && o.which == 4 && o.above && o.outside == PEOPLE && o.n == PEOPLE);
    assert_true(o.least > o.limit && o.limit >= o.high && o.median >= o.least &&
                o.most >= o.median);
    char *words = outside_words(&o, K, &field, items);
    assert_non_null(strstr(words,
                           " of rt lies outside of all that the prior produces, in 100 of 100 "
                           "data sets: "));
    assert_non_null(strstr(words, "milliseconds for seconds"));
    assert_non_null(strstr(words, "--unverified REASON"));
    free(words);
    o = judge(PEOPLE, 4, 0.001);
    assert_true(o.found && o.which == 4 && !o.above && o.most < o.limit && o.limit <= o.low);
    words = outside_words(&o, K, &field, items);
    assert_non_null(strstr(words, "It is about 0.000977 times"));
    free(words);
}

/* A statistic of both signs is not said to be of another unit. */
static void a_shift_is_found(void **state)
{
    (void)state;
    trained_on_t t = train(1);
    predictive_item_t items[K];
    predictive_items(1, &field, items);
    double x[K] = {0, -40, 0, 1, 2, 0, 0.5}, distance = 1;
    outside_t o = outside_judge(&t.reach, &t.distance, 1, x, &distance);
    assert_true(o.found && o.which == 1 && !o.above && o.n == 1);
    char *words = outside_words(&o, K, &field, items);
    assert_non_null(strstr(words, "in 1 of 1 data sets: −40.00, in 1000 simulations "));
    assert_null(strstr(words, "milliseconds"));
    free(words);
    trained_on_free(&t);
}

/* Simulated values from 1e-3 to 1 may be 0 in a person's data, but not -1; those from 1 to 8 may not be 0. */
static void zero_is_outside_where_it_is_far(void **state)
{
    (void)state;
    trained_on_t t = train(1);
    double distance = 1;
    const struct {
        int which;
        double value;
        bool found;
    } cases[] = {{6, 0, false}, {6, -1, true}, {4, 0, true}, {3, 0, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double x[K] = {0, 0, 0, 1, 2, 0, 0.5};
        x[cases[c].which] = cases[c].value;
        assert_int_equal(outside_judge(&t.reach, &t.distance, 1, x, &distance).found,
                         cases[c].found);
    }
    trained_on_free(&t);
}

static void some_bad_people_are_no_reason(void **state)
{
    (void)state;
    assert_false(judge(89, 4, 1000).found);
    assert_true(judge(90, 4, 1000).found);
    assert_false(judge(PEOPLE, 4, 1).found);
}

static void far_summaries_are_found_where_no_statistic_is(void **state)
{
    (void)state;
    trained_on_t t = train(1);
    double x[2 * K] = {0, 0, 0, 1, 2, 0, 0.5, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
                 distances[2] = {50, 60};
    outside_t o = outside_judge(&t.reach, &t.distance, 2, x, distances);
    assert_true(o.found && o.which == K && o.least == 50 && o.most == 60);
    assert_true(o.high == t.distance.reference[SIMULATIONS - 1]);
    char *words = outside_words(&o, K, &field, NULL);
    assert_non_null(strstr(words, "the distance of the learned summaries lies outside"));
    free(words);
    distances[1] = NAN; // one of two is too few
    assert_false(outside_judge(&t.reach, &t.distance, 2, x, distances).found);
    trained_on_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_data_are_not_outside),
        cmocka_unit_test(another_unit_is_found_on_either_side),
        cmocka_unit_test(a_shift_is_found),
        cmocka_unit_test(zero_is_outside_where_it_is_far),
        cmocka_unit_test(some_bad_people_are_no_reason),
        cmocka_unit_test(far_summaries_are_found_where_no_statistic_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
