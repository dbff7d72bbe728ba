// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/histogram.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 20000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Order statistics of the same values, of which a bin's width is all that may be lost. */
static void assert_like_a_sort(double *x)
{
    histogram_t h = histogram_create();
    for (int i = 0; i < N; i++)
        histogram_add(&h, x[i]);
    assert_int_equal(h.n, N);
    qsort(x, N, sizeof *x, by_value);
    double range = x[N - 1] - x[0];
    assert_true(h.width < range / 32000);
    for (int k = 1; k < 100; k++) {
        int at = k * N / 100 - 1;
        double got = histogram_quantile(&h, (at + 0.5) / N);
        assert_true(got >= x[at] - h.width && got <= x[at] + h.width);
    }
    for (int k = 1; k < 4; k++) {
        int at = k * N / 4;
        double cut = floor(x[at] / h.width) * h.width, below = 0;
        for (int i = 0; i < N; i++)
            below += x[i] < cut;
        assert_true(histogram_between(&h, -INFINITY, cut) == below);
        assert_true(histogram_between(&h, cut, INFINITY) == N - below);
    }
    histogram_free(&h);
}

static void fill(double *x, double shift, double scale, int spread)
{
    rng_t rng = rng_at(4, RNG_CHECK, (uint64_t)spread);
    for (int i = 0; i < N; i++)
        x[i] = shift + scale * exp(spread * rng_normal(&rng)) * (i % 3 == 0 ? -1 : 1);
}

static void quantiles_are_those_of_a_sort(void **state)
{
    (void)state;
    double *x = MEM_NEW(double, N);
    const double shifts[] = {0, 0, 1e6, -3, 1e-8}, scales[] = {1, 1e-12, 1e-3, 1e200, 1e-9};
    const int spreads[] = {0, 1, 1, 2, 3};
    for (int c = 0; c < 5; c++) {
        fill(x, shifts[c], scales[c], spreads[c]);
        assert_like_a_sort(x);
    }
    free(x);
}

static void few_values_and_none(void **state)
{
    (void)state;
    histogram_t h = histogram_create();
    assert_true(isnan(histogram_quantile(&h, 0.5)));
    assert_true(histogram_between(&h, -1, 1) == 0);
    histogram_add(&h, NAN);
    histogram_add(&h, INFINITY);
    assert_int_equal(h.n, 0);
    for (int i = 0; i < 3; i++)
        histogram_add(&h, 0);
    assert_true(fabs(histogram_quantile(&h, 0.5)) <= h.width);
    histogram_add(&h, 1e300);
    histogram_add(&h, -1e300);
    assert_true(fabs(histogram_quantile(&h, 1) - 1e300) <= 2 * h.width);
    assert_int_equal(h.n, 5);
    histogram_free(&h);
}

/* The smallest numbers there are, and the largest, in either order. */
static void no_number_is_too_small_or_large(void **state)
{
    (void)state;
    const double small = 4.9406564584124654e-324, large = 1.7e308;
    for (int first = 0; first < 2; first++) {
        histogram_t h = histogram_create();
        histogram_add(&h, first ? large : small);
        histogram_add(&h, first ? small : large);
        histogram_add(&h, -large);
        assert_int_equal(h.n, 3);
        assert_true(fabs(histogram_quantile(&h, 0.5)) <= h.width);
        assert_true(histogram_quantile(&h, 0.1) < -1.6e308);
        histogram_free(&h);
    }
    histogram_t h = histogram_create();
    for (int i = 0; i < 3; i++)
        histogram_add(&h, small);
    assert_true(fabs(histogram_quantile(&h, 0.5)) < 1e-300);
    histogram_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_a_sort),
        cmocka_unit_test(few_values_and_none),
        cmocka_unit_test(no_number_is_too_small_or_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
