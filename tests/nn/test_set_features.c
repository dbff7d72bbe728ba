// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/set_features.h"
#include "nn/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 300, COLUMNS = 2 };
static const double mean[COLUMNS] = {0.5, -1.0}, sd[COLUMNS] = {2.0, 0.5};
static const set_features_t all = {COLUMNS, LONGEST, false, true, true, false};
static const set_features_t moments = {1, LONGEST, false, true, false, false};

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-5 * (1.0 + fabs(expected))))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static void test_sorting(void **state)
{
    (void)state;
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int n = 0; n <= LONGEST; n++) {
        float x[LONGEST], scratch[LONGEST];
        double sum = 0.0;
        for (int i = 0; i < n; i++) {
            x[i] = (float)(rng_normal(&rng) * pow(10.0, (double)(i % 9) - 4.0));
            sum += (double)x[i];
        }
        sort_floats(n, x, scratch);
        for (int i = 0; i < n; i++) {
            sum -= (double)x[i];
            assert_true(i == 0 || x[i - 1] <= x[i]);
        }
        assert_true(fabs(sum) < 1e-3);
    }
}

static void test_sorting_knows_signs_and_infinities(void **state)
{
    (void)state;
    float x[] = {1.0f, -INFINITY, 0.0f, -2.0f, INFINITY, -0.5f}, scratch[6];
    static const float expected[] = {-INFINITY, -2.0f, -0.5f, 0.0f, 1.0f, INFINITY};
    sort_floats(6, x, scratch);
    assert_memory_equal(x, expected, sizeof expected);
}

// Against the formulas of the header, for four numbers.
static void test_moments_of_a_small_set(void **state)
{
    (void)state;
    static const float y[] = {1.0f, -2.0f, 3.0f, 4.0f};
    float out[8], scratch[3 * LONGEST];
    double value = 0.0, squares = 0.0;
    assert_int_equal(set_features_set_columns(&moments), 8);
    set_features_set(&moments, mean, sd, 4, y, scratch, out);
    for (int i = 0; i < 4; i++)
        value += ((double)y[i] - mean[0]) / sd[0] / 4.0;
    for (int i = 0; i < 4; i++)
        squares += pow(((double)y[i] - mean[0]) / sd[0] - value, 2.0) / 4.0;
    assert_near((double)out[0], log(4.0 / LONGEST) + 1.0);
    assert_near((double)out[1], value);
    assert_near((double)out[2], log(sqrt(squares) + 1e-4));
    assert_near((double)out[3], (1.0 + 2.0 + 3.0 + 4.0) / 4.0 / sd[0] - 1.0);
    assert_near((double)out[7], log(3.5 / 1.5));
}

// Of two columns r is 1, though one is narrow; of a third it is in between; of a constant one it is 0.
static void test_correlations_of_columns(void **state)
{
    (void)state;
    static const set_features_t f = {4, LONGEST, false, true, false, false};
    static const double zero[4] = {0.0}, one[4] = {1.0, 1.0, 1.0, 1.0};
    static const float y[] = {1.0f,  100.00390625f,   3.0f, 7.0f, -2.0f, 99.9921875f, 9.0f, 7.0f,
                              0.25f, 100.0009765625f, 2.0f, 7.0f, 4.0f,  100.015625f, 0.5f, 7.0f};
    enum { COLS = 1 + 4 * 7 + 6 };
    float out[COLS], scratch[3 * LONGEST];
    double a = 0.0, c = 0.0, aa = 0.0, cc = 0.0, ac = 0.0;
    assert_int_equal(set_features_set_columns(&f), COLS);
    set_features_set(&f, zero, one, 4, y, scratch, out);
    for (int i = 0; i < 4; i++) {
        a += (double)y[4 * i] / 4.0;
        c += (double)y[4 * i + 2] / 4.0;
        aa += (double)(y[4 * i] * y[4 * i]) / 4.0;
        cc += (double)(y[4 * i + 2] * y[4 * i + 2]) / 4.0;
        ac += (double)(y[4 * i] * y[4 * i + 2]) / 4.0;
    }
    const float *pair = out + 1 + 4 * 7;
    assert_near((double)pair[0], atanh(0.999));
    assert_near((double)pair[1], atanh(0.999 * (ac - a * c) / sqrt((aa - a * a) * (cc - c * c))));
    for (int k = 3; k < 6; k++)
        assert_true(pair[k] == 0.0f);
}

static void random_set(int64_t n, float *y)
{
    rng_t rng = rng_at(2, RNG_CHECK, (uint64_t)n);
    rng_fill_normal_f32(&rng, (size_t)(n * COLUMNS), y);
}

static void test_the_order_of_elements_does_not_change_a_bit(void **state)
{
    (void)state;
    int64_t cols = set_features_set_columns(&all), order[LONGEST];
    float y[LONGEST * COLUMNS], turned[LONGEST * COLUMNS], scratch[3 * LONGEST];
    float *first = MEM_NEW(float, cols), *second = MEM_NEW(float, cols);
    random_set(LONGEST, y);
    rng_t rng = rng_at(3, RNG_CHECK, 0);
    for (int64_t i = 0; i < LONGEST; i++)
        order[i] = i;
    rng_shuffle(&rng, LONGEST, order);
    for (int64_t i = 0; i < LONGEST; i++)
        memcpy(turned + i * COLUMNS, y + order[i] * COLUMNS, COLUMNS * sizeof(float));
    set_features_set(&all, mean, sd, LONGEST, y, scratch, first);
    set_features_set(&all, mean, sd, LONGEST, turned, scratch, second);
    assert_memory_equal(first, second, (size_t)cols * sizeof(float));
    free(second);
    free(first);
}

static void test_sets_of_any_length_give_finite_features(void **state)
{
    (void)state;
    int64_t cols = set_features_set_columns(&all);
    float y[LONGEST * COLUMNS], scratch[3 * LONGEST], *out = MEM_NEW(float, cols + 1);
    for (int64_t n = 0; n <= LONGEST; n++) {
        random_set(n, y);
        out[cols] = 77.0f;
        set_features_set(&all, mean, sd, n, y, scratch, out);
        for (int64_t k = 0; k < cols; k++)
            assert_true(isfinite(out[k]));
        assert_true(out[cols] == 77.0f);
    }
    free(out);
}

// Shapes do not change when a set is moved and stretched; only scales do. (The shape block begins after 1 + 7 columns.)
static void test_the_shape_of_a_set_is_seen_however_narrow_it_is(void **state)
{
    (void)state;
    static const set_features_t f = {1, LONGEST, false, true, true, false};
    static const double unit = 1.0, zero = 0.0;
    int64_t cols = set_features_set_columns(&f);
    float y[LONGEST * COLUMNS], narrow[LONGEST], scratch[3 * LONGEST];
    float *wide_out = MEM_NEW(float, cols), *narrow_out = MEM_NEW(float, cols);
    random_set(LONGEST, y);
    for (int i = 0; i < LONGEST; i++)
        narrow[i] = 3.0f + 0.25f * y[i];
    set_features_set(&f, &zero, &unit, LONGEST, y, scratch, wide_out);
    set_features_set(&f, &zero, &unit, LONGEST, narrow, scratch, narrow_out);
    for (int k = 8; k < 8 + 39; k++)
        assert_true(fabsf(wide_out[k] - narrow_out[k]) < 0.02f);
    assert_true(narrow_out[8 + 39] <
                wide_out[8 + 39] - 1.0f); // ln of the range between the quartiles
    free(narrow_out);
    free(wide_out);
}

static void test_elements_get_their_channels(void **state)
{
    (void)state;
    static const float y[] = {-1.5f, 0.0f};
    static const set_features_t one = {1, LONGEST, false, true, true, false},
                                plain = {1, LONGEST, true, 0, 0, 0};
    float out[8];
    assert_int_equal(set_features_element_columns(&one), 4);
    set_features_elements(&one, mean, sd, 2, y, out);
    assert_near((double)out[0], (-1.5 - 0.5) / 2.0);
    assert_near((double)out[1], 1.5 / 2.0 - 1.0);
    assert_near((double)out[2], log(0.75 + 1e-3));
    assert_true(out[3] == -1.0f && out[7] == 0.0f);
    assert_int_equal(set_features_element_columns(&plain), 1);
    assert_int_equal(set_features_set_columns(&plain), 0);
    set_features_elements(&plain, mean, sd, 2, y, out);
    assert_near((double)out[1], -0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_sorting_knows_signs_and_infinities),
        cmocka_unit_test(test_moments_of_a_small_set),
        cmocka_unit_test(test_correlations_of_columns),
        cmocka_unit_test(test_the_order_of_elements_does_not_change_a_bit),
        cmocka_unit_test(test_sets_of_any_length_give_finite_features),
        cmocka_unit_test(test_the_shape_of_a_set_is_seen_however_narrow_it_is),
        cmocka_unit_test(test_elements_get_their_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
