// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 64, REPLICATES = 50, LENGTH = 40 };

static int items_of(predictive_field_t field, predictive_item_t out[MOST_ITEMS])
{
    int n = predictive_items(1, &field, NULL);
    assert_true(n <= MOST_ITEMS);
    assert_int_equal(predictive_items(1, &field, out), n);
    return n;
}

static float *as_floats(golden_t g)
{
    float *x = MEM_NEW(float, g.n);
    for (int64_t i = 0; i < g.n; i++)
        x[i] = (float)g.x[i];
    return x;
}

static void compare_items(const char *path, const char *name, predictive_field_t field, int first,
                          int64_t n, const float *values)
{
    golden_t expected = golden_read(path, name);
    predictive_item_t items[MOST_ITEMS];
    items_of(field, items);
    double got[MOST_ITEMS];
    for (int64_t k = 0; k < expected.n; k++)
        got[k] = predictive_value(&field, &items[first + k], n, values);
    golden_compare(name, expected.n, got, expected.x, 1e-12);
    free(expected.x);
}

static void statistics_are_numpys(void **state)
{
    golden_t walk = golden_read(*state, "walk"), wide = golden_read(*state, "wide");
    float *x = as_floats(walk), *w = as_floats(wide);
    predictive_field_t series = {"y", PREDICTIVE_SERIES, 37, 2};
    compare_items(*state, "walk_statistics", series, 0, 37, x);
    x[2 * 3] = x[2 * 4] = x[2 * 20] = NAN; // of feature 1
    compare_items(*state, "holes_statistics", series, 0, 37, x);
    predictive_field_t set = {"y", PREDICTIVE_SET, 5, 20};
    compare_items(*state, "wide_statistics", set, 0, 5, w);
    free(walk.x);
    free(wide.x);
    free(x);
    free(w);
}

static void each_kind_has_its_statistics(void **state)
{
    (void)state;
    predictive_item_t items[MOST_ITEMS];
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_SET, 200, 1}, items), 7);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_SET, 200, 3}, items), 21);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_SERIES, 50, 1}, items), 9);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_IMAGE, 784, 1}, items), 2);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_VECTOR, 10, 1}, items), 17);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_VECTOR, 100, 1}, items), 7);
    assert_int_equal(items_of((predictive_field_t){"y", PREDICTIVE_VECTOR, 1, 1}, items), 1);
}

static void what_can_not_be_told_is_nan(void **state)
{
    (void)state;
    predictive_field_t y = {"y", PREDICTIVE_SERIES, 4, 1};
    const float one[1] = {3}, nothing[2] = {NAN, NAN}, level[3] = {2, 2, 2};
    predictive_item_t sd = {0, PREDICTIVE_SD, 0}, lag = {0, PREDICTIVE_LAG1, 0},
                      step = {0, PREDICTIVE_STEP, 0}, least = {0, PREDICTIVE_MINIMUM, 0};
    assert_true(isnan(predictive_value(&y, &sd, 1, one)));
    assert_true(isnan(predictive_value(&y, &step, 1, one)));
    assert_true(isnan(predictive_value(&y, &least, 2, nothing)));
    assert_true(isnan(predictive_value(&y, &least, 0, nothing)));
    assert_true(isnan(predictive_value(&y, &lag, 3, level)));
    assert_true(predictive_value(&y, &step, 3, level) == 0);
}

static void items_have_words(void **state)
{
    (void)state;
    predictive_field_t one = {"y", PREDICTIVE_SET, 9, 1}, two = {"y", PREDICTIVE_SET, 9, 2},
                       vector = {"y", PREDICTIVE_VECTOR, 9, 1},
                       number = {"y", PREDICTIVE_VECTOR, 1, 1};
    static const predictive_item_t least = {0, PREDICTIVE_MINIMUM, 1},
                                   third = {0, PREDICTIVE_VALUE, 2};
    char *words[] = {predictive_item_words(&one, &least), predictive_item_words(&two, &least),
                     predictive_item_words(&vector, &third),
                     predictive_item_words(&number, &third)};
    assert_string_equal(words[0], "the minimum of y");
    assert_string_equal(words[1], "the minimum of feature 2 of y");
    assert_string_equal(words[2], "value 3 of y");
    assert_string_equal(words[3], "y");
    for (int i = 0; i < 4; i++)
        free(words[i]);
}

/* One observable of LENGTH elements: the observed data set and its replicates, standard normal. */
typedef struct {
    predictive_field_t field;
    int64_t n;
    float x[REPLICATES + 1][LENGTH];
    const float *at[REPLICATES + 1];
    predictive_set_t set[REPLICATES + 1];
} world_t;

static void world_fill(world_t *w, predictive_kind_t kind, uint64_t index)
{
    rng_t r = rng_at(11, RNG_CHECK, index);
    w->field = (predictive_field_t){"y", kind, LENGTH, 1};
    w->n = LENGTH;
    rng_fill_normal_f32(&r, (REPLICATES + 1) * LENGTH, w->x[0]);
    for (int i = 0; i <= REPLICATES; i++) {
        w->at[i] = w->x[i];
        w->set[i] = (predictive_set_t){&w->n, &w->at[i]};
    }
}

static predictive_check_t world_check(const world_t *w, int64_t r)
{
    return predictive_check(1, &w->field, &w->set[0], r, w->set + 1, REPLICATES - r);
}

static void p_values_are_counted(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_VECTOR, 0);
    w.field.elements = w.n = 1;
    for (int i = 0; i <= REPLICATES; i++)
        w.x[i][0] = (float)i; // replicates are 1 .. 50
    w.x[0][0] = 41;
    predictive_check_t c = world_check(&w, REPLICATES);
    assert_int_equal(c.n_tests, 1);
    predictive_test_t t = c.test[0];
    assert_int_equal(t.below, 40);
    assert_int_equal(t.equal, 1);
    assert_int_equal(t.above, 9);
    assert_true(t.share == 9.5 / 50 && t.p == 2 * (9.5 / 50));
    assert_true(t.low == 1 && t.median == 25.5 && t.high == 50 && t.observed == 41);
    /* The median of all 51 is 26; the central 68 % reach from 9 to 42 (the values at 8 and at 42 of 0 .. 50). 41 lies 15/16
     * of the way out; as far lie 41 .. 50, and below 1 .. 10 (26 - x >= 17 * 15/16). */
    assert_true(t.adjusted == 21.0 / 51);
    assert_true(c.p_value == t.adjusted && c.reproduced);
    predictive_check_free(&c);
}

/* Observed and replicates from one distribution. Each share is uniform on 0, 1/50 .. 1 (mean 1/2, variance 52/600): the mean
 * of 2,000 has sd 0.0066. The family-wise p is at most 0.05 (2 of 51 data sets) with chance 2/51: sd 0.0043. 4 sd each. */
static void right_models_have_uniform_p_values(void **state)
{
    (void)state;
    enum { SETS = 2000 };
    world_t w;
    double sum[9] = {0}, squares[9] = {0};
    int refused = 0;
    for (int i = 0; i < SETS; i++) {
        world_fill(&w, PREDICTIVE_SERIES, (uint64_t)i);
        predictive_check_t c = world_check(&w, REPLICATES);
        assert_int_equal(c.n_tests, 9);
        for (int k = 0; k < 9; k++) {
            sum[k] += c.test[k].share;
            squares[k] += c.test[k].share * c.test[k].share;
        }
        refused += !c.reproduced;
        predictive_check_free(&c);
    }
    for (int k = 0; k < 9; k++) {
        double mean = sum[k] / SETS, variance = squares[k] / SETS - mean * mean;
        assert_true(fabs(mean - 0.5) < 4 * 0.0066);
        // of the variance of a uniform: sd sqrt(1/180) / sqrt(2000) = 0.0017
        assert_true(fabs(variance - 52.0 / 600) < 4 * 0.0017);
    }
    assert_true(fabs((double)refused / SETS - 2.0 / 51) < 4 * 0.0043);
}

static void an_outlier_is_named_by_its_statistic(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SET, 1);
    w.x[0][7] = -44;
    predictive_check_t c = world_check(&w, REPLICATES);
    assert_false(c.reproduced);
    assert_true(c.p_value == 1.0 / 51);
    assert_non_null(strstr(c.words, "the minimum of y, −44, is below all 50 replicates (−"));
    assert_non_null(strstr(c.words, "the model does not produce such values"));
    predictive_check_free(&c);
}

static void dependence_is_named_in_a_series(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SERIES, 2);
    for (int i = 1; i < LENGTH; i++)
        w.x[0][i] = 0.9f * w.x[0][i - 1] + 0.436f * w.x[0][i]; // of the same variance
    predictive_check_t c = world_check(&w, REPLICATES);
    assert_false(c.reproduced);
    assert_non_null(strstr(c.words, "the autocorrelation at lag 1 of y"));
    assert_non_null(strstr(c.words, "is above all 50 replicates"));
    predictive_check_free(&c);
}

static void statistics_that_never_vary_do_not_judge(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SET, 3);
    for (int i = 0; i <= REPLICATES; i++)
        for (int k = 0; k < LENGTH; k++)
            w.x[i][k] = 2;
    predictive_check_t c = world_check(&w, REPLICATES);
    assert_true(c.reproduced && c.p_value == 1);
    predictive_check_free(&c);
    w.x[0][0] = 3; // what the model never does
    c = world_check(&w, REPLICATES);
    assert_false(c.reproduced);
    assert_non_null(strstr(c.words, "the maximum of y, 3, is above all 50 replicates (2 to 2)"));
    predictive_check_free(&c);
}

static void too_few_replicates_do_not_judge(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SET, 4);
    predictive_check_t c = world_check(&w, PREDICTIVE_FEWEST - 1);
    assert_true(isnan(c.p_value) && !c.reproduced);
    assert_string_equal(c.words, "not judged: of 50 simulations from its posterior 31 failed");
    assert_true(isfinite(c.test[0].p));
    predictive_check_free(&c);
    c = world_check(&w, 0);
    assert_true(isnan(c.test[0].p) && isnan(c.test[0].low));
    predictive_check_free(&c);
}

static void chance_of_some_is_binomial(void **state)
{
    (void)state;
    assert_true(predictive_chance(20, 0) == 1);
    assert_true(fabs(predictive_chance(20, 1) - (1 - pow(0.95, 20))) < 1e-12);
    assert_true(predictive_chance(20, 6) < 0.001);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "predictive.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(statistics_are_numpys, path),
        cmocka_unit_test(each_kind_has_its_statistics),
        cmocka_unit_test(what_can_not_be_told_is_nan),
        cmocka_unit_test(items_have_words),
        cmocka_unit_test(p_values_are_counted),
        cmocka_unit_test(right_models_have_uniform_p_values),
        cmocka_unit_test(an_outlier_is_named_by_its_statistic),
        cmocka_unit_test(dependence_is_named_in_a_series),
        cmocka_unit_test(statistics_that_never_vary_do_not_judge),
        cmocka_unit_test(too_few_replicates_do_not_judge),
        cmocka_unit_test(chance_of_some_is_binomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
