// SPDX-License-Identifier: Apache-2.0
// Sorting against the library's; quantiles and scores against NumPy are in test_metrics.c and test_dependence.c.
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

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_sorted(int64_t n, double *x)
{
    double *want = MEM_NEW(double, n + 1);
    memcpy(want, x, (size_t)n * sizeof *x);
    qsort(want, (size_t)n, sizeof *want, compare);
    stats_sort(n, x);
    for (int64_t i = 0; i < n; i++)
        assert_true(x[i] == want[i]);
    free(want);
}

static void any_values_are_sorted(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    double *x = MEM_NEW(double, MOST);
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int64_t n = 0; n < MOST; n += 1 + n / 7) {
        for (int64_t i = 0; i < n; i++)
            x[i] = rng_normal(&r);
        check_sorted(n, x);
        check_sorted(n, x); // sorted already
        for (int64_t i = 0; i < n; i++)
            x[i] = (double)rng_integer(&r, 0, 3) - 1;
        check_sorted(n, x);
        for (int64_t i = 0; i < n; i++)
            x[i] = i % 97 == 5 ? INFINITY : i % 89 == 3 ? -INFINITY : (double)(n - i);
        check_sorted(n, x);
        for (int64_t i = 0; i < n; i++)
            x[i] = 7;
        check_sorted(n, x);
    }
    free(x);
}

/* Orders in which the median of three is the second smallest time and again (Musser 1997): the library's sort takes over. */
static void an_order_made_to_be_slow_is_sorted(void **state)
{
    (void)state;
    enum { N = 4096, HALF = N / 2 };
    double *x = MEM_NEW(double, N);
    for (int i = 0; i < HALF; i++) {
        x[i] = i % 2 == 0 ? i + 1 : HALF + i + (i % 4 == 1);
        x[HALF + i] = 2.0 * (i + 1);
    }
    check_sorted(N, x);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_values_are_sorted),
        cmocka_unit_test(an_order_made_to_be_slow_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
