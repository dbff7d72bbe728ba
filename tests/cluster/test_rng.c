// SPDX-License-Identifier: Apache-2.0
// Seeds are fixed, so each result is the same in every run. A p-value below 1e-4 or a moment more than 4.5 standard
// errors off would come from a right generator at most once in ten thousand seeds.
#include "cluster/rng.h"
#include "tests/cluster/child.h"
#include "tests/cluster/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { DRAWS = 200000 };
static const double SMALL_P = 1e-4, STANDARD_ERRORS = 4.5;

static double draws[DRAWS];

/* ---- the words and the streams ---- */

static void words_are_those_of_philox(void **state)
{
    (void)state;
    /* zero counter and key: kat_vectors of Random123; the others: tests/golden/philox.py */
    static const struct {
        uint64_t seed, stream, index, block, words[4];
    } known[] = {
        {0,
         0,
         0,
         0,
         {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
        {0,
         0,
         1,
         0,
         {0x02f4ba6408e4d89b, 0x3dd62b0b9ca8c5b2, 0x1c8667a55d902e79, 0x907d7a052fd5b4dc}},
        {7,
         3,
         17,
         0,
         {0x9ac149a5f80c4661, 0x7c7e4e6b157751e1, 0xb045d02607875a8d, 0xa00949b098e282aa}},
        {7,
         3,
         17,
         1,
         {0x71a9eda0c6da2893, 0xaf79227b3c08af7d, 0xdfb5555bda8ecc89, 0x60432ac3918b48ef}},
        {UINT64_MAX,
         UINT64_C(1) << 63,
         UINT64_MAX,
         2,
         {0xcec5dd6768a9bd48, 0x1567afb75d2b8eb8, 0xeb5f8fa9b51651ee, 0x10d8e04e83b97cec}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        rng_t r = rng_at(known[i].seed, known[i].stream, known[i].index);
        for (uint64_t skip = 0; skip < 4 * known[i].block; skip++)
            rng_u64(&r);
        for (int w = 0; w < 4; w++)
            assert_true(rng_u64(&r) == known[i].words[w]);
    }
}

static void a_stream_does_not_depend_on_what_was_drawn_before(void **state)
{
    (void)state;
    rng_t other = rng_at(5, RNG_CHECK, 1), again = rng_at(5, RNG_CHECK, 9),
          r = rng_at(5, RNG_CHECK, 9);
    double first[50];
    for (int i = 0; i < 50; i++)
        first[i] = rng_gamma(&r, 0.3);
    for (int i = 0; i < 50; i++) {
        rng_normal(&other);
        assert_true(rng_gamma(&again, 0.3) == first[i]);
    }
}

static double uniform_cdf(double x, const double *args)
{
    (void)args;
    return fmin(fmax(x, 0), 1);
}

/* First words of streams that differ in one argument by one step: a set as random as one stream. */
static void neighbouring_streams_are_independent(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        double correlation = 0, last = 0.5;
        for (uint64_t i = 0; i < DRAWS; i++) {
            rng_t r = rng_at(which == 0 ? i : 1, which == 1 ? i : 1, which == 2 ? i : 1);
            draws[i] = rng_uniform(&r);
            correlation += (draws[i] - 0.5) * (last - 0.5) * 12 / DRAWS;
            last = draws[i];
        }
        assert_true(fabs(correlation) < STANDARD_ERRORS / sqrt(DRAWS));
        assert_true(fit_ks(DRAWS, draws, uniform_cdf, NULL) > SMALL_P);
    }
}

static void uniforms_never_reach_0_or_1(void **state)
{
    (void)state;
    rng_t r = rng_at(0, 0, 0);
    r.used = 0;
    r.word[0] = 0;
    r.word[1] = UINT64_MAX;
    assert_true(rng_uniform(&r) == 0x1p-53);
    assert_true(rng_uniform(&r) == 1 - 0x1p-53);
    r.used = 1;
    assert_true(rng_exponential(&r) > 0);
}

/* ---- counts and orders ---- */

static const double weights[] = {0, 1, 5, 0, 0.5, 3.5, 0};

static void edges_of_the_parameters_give_the_only_value(void **state)
{
    (void)state;
    rng_t r = rng_at(31, RNG_CHECK, 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_binomial(&r, 0, 0.5) == 0);
        assert_true(rng_binomial(&r, 1000, 0) == 0);
        assert_true(rng_binomial(&r, 1000, 1) == 1000);
        assert_true(rng_binomial(&r, 1000, 1e-300) == 0);
        assert_true(rng_poisson(&r, 0) == 0);
        assert_true(rng_poisson(&r, 1e-300) == 0);
        assert_true(rng_geometric(&r, 1) == 0);
        assert_true(rng_negative_binomial(&r, 3, 1) == 0);
        assert_true(rng_below(&r, 1) == 0);
        assert_true(rng_integer(&r, -5, -5) == -5);
    }
}

static void counts_saturate(void **state)
{
    (void)state;
    rng_t r = rng_at(32, RNG_CHECK, 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_poisson(&r, INFINITY) == RNG_COUNT_MAX);
        assert_true(rng_poisson(&r, 0.9999999 * 1e18) <= RNG_COUNT_MAX);
        assert_true(rng_geometric(&r, 1e-300) == RNG_COUNT_MAX);
        assert_true(rng_negative_binomial(&r, 1, 1e-300) == RNG_COUNT_MAX);
    }
}

/* Two thirds of 2^64 and a modulus would give the lower half twice the weight of the upper. */
static void large_ranges_are_unbiased(void **state)
{
    (void)state;
    rng_t r = rng_at(33, RNG_CHECK, 0);
    const uint64_t third = UINT64_C(1) << 62;
    double count[3] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint64_t drawn = rng_below(&r, 3 * third);
        assert_true(drawn < 3 * third);
        count[drawn / third]++;
    }
    const double even[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    assert_true(fit_chi_square(3, count, even, DRAWS) > SMALL_P);
    int negative = 0;
    for (int i = 0; i < DRAWS; i++)
        negative += rng_integer(&r, INT64_MIN, INT64_MAX) < 0;
    assert_true(abs(negative - DRAWS / 2) < STANDARD_ERRORS * sqrt(DRAWS) / 2);
}

static void multinomial_counts_add_up(void **state)
{
    (void)state;
    rng_t r = rng_at(34, RNG_CHECK, 0);
    for (int64_t trials = 0; trials < 2000; trials++) {
        int64_t out[7], sum = 0;
        rng_multinomial(&r, trials, 7, weights, out);
        for (int i = 0; i < 7; i++) {
            assert_true(out[i] >= 0 && (weights[i] > 0 || out[i] == 0));
            sum += out[i];
        }
        assert_true(sum == trials);
    }
}

static void every_order_is_equally_likely(void **state)
{
    (void)state;
    rng_t r = rng_at(35, RNG_CHECK, 0);
    double count[256] = {0}, seen[24], even[24];
    for (int i = 0; i < DRAWS; i++) {
        int64_t items[] = {0, 1, 2, 3};
        rng_shuffle(&r, 4, items);
        count[items[0] << 6 | items[1] << 4 | items[2] << 2 | items[3]]++;
    }
    int n = 0;
    for (int code = 0; code < 256; code++)
        if (count[code] > 0) {
            assert_true(n < 24);
            even[n] = 1.0 / 24;
            seen[n++] = count[code];
        }
    assert_int_equal(n, 24);
    assert_true(fit_chi_square(24, seen, even, DRAWS) > SMALL_P);
}

static void filling_is_drawing_one_by_one(void **state)
{
    (void)state;
    double wide[101];
    float narrow[101];
    rng_t a = rng_at(36, RNG_CHECK, 0), b = a, c = a;
    rng_fill_normal(&a, 101, wide);
    rng_fill_normal_f32(&b, 101, narrow);
    for (int i = 0; i < 101; i++) {
        assert_true(wide[i] == rng_normal(&c));
        assert_true(narrow[i] == (float)wide[i]);
    }
    rng_fill_uniform(&a, 101, wide);
    for (int i = 0; i < 101; i++)
        assert_true(wide[i] == rng_uniform(&c));
}

/* ---- wrong use ---- */

#define WRONG_USE(name, call)                                                                      \
    static void name(void)                                                                         \
    {                                                                                              \
        rng_t r = rng_at(0, RNG_CHECK, 0);                                                         \
        (void)call;                                                                                \
    }
WRONG_USE(gamma_of_0, rng_gamma(&r, 0))
WRONG_USE(gamma_of_nan, rng_gamma(&r, NAN))
WRONG_USE(below_0, rng_below(&r, 0))
WRONG_USE(poisson_of_nan, rng_poisson(&r, NAN))
WRONG_USE(binomial_of_2, rng_binomial(&r, 10, 2))
WRONG_USE(integer_reversed, rng_integer(&r, 3, 2))
WRONG_USE(geometric_of_0, rng_geometric(&r, 0))
WRONG_USE(categorical_of_nothing, rng_categorical(&r, 2, (double[]){0, 0}))
WRONG_USE(categorical_of_minus, rng_categorical(&r, 2, (double[]){2, -1}))
#undef WRONG_USE

static void arguments_outside_the_domain_die(void **state)
{
    (void)state;
    assert_true(child_dies(gamma_of_0, "rng_gamma: shape 0"));
    assert_true(child_dies(gamma_of_nan, "rng_gamma"));
    assert_true(child_dies(below_0, "rng_below"));
    assert_true(child_dies(poisson_of_nan, "rng_poisson"));
    assert_true(child_dies(binomial_of_2, "rng_binomial: n 10, p 2"));
    assert_true(child_dies(integer_reversed, "rng_integer: 3 > 2"));
    assert_true(child_dies(geometric_of_0, "rng_geometric"));
    assert_true(child_dies(categorical_of_nothing, "2 weights sum to 0"));
    assert_true(child_dies(categorical_of_minus, "weight 1 of 2 is -1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_philox),
        cmocka_unit_test(a_stream_does_not_depend_on_what_was_drawn_before),
        cmocka_unit_test(neighbouring_streams_are_independent),
        cmocka_unit_test(uniforms_never_reach_0_or_1),
        cmocka_unit_test(edges_of_the_parameters_give_the_only_value),
        cmocka_unit_test(counts_saturate),
        cmocka_unit_test(large_ranges_are_unbiased),
        cmocka_unit_test(multinomial_counts_add_up),
        cmocka_unit_test(every_order_is_equally_likely),
        cmocka_unit_test(filling_is_drawing_one_by_one),
        cmocka_unit_test(arguments_outside_the_domain_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
