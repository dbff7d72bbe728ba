// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/group_means.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const names[] = {"a", "b", "none", "c"};

/* Against sums of two passes, of numbers far from zero. */
static void means_and_sds_are_those_of_two_passes(void **state)
{
    (void)state;
    enum { N = 1000 };
    group_means_t g = group_means_create(4, names, 2);
    double sum[2] = {0}, squares[2] = {0};
    for (int i = 0; i < N; i++) {
        double x[2] = {1e6 + sin(i), -3.0 * i};
        group_means_add(&g, 1, x);
        sum[0] += x[0] - 1e6;
        sum[1] += x[1];
    }
    for (int i = 0; i < N; i++) {
        squares[0] += pow(sin(i) - sum[0] / N, 2);
        squares[1] += pow(-3.0 * i - sum[1] / N, 2);
    }
    assert_true(fabs(g.mean[2] - 1e6 - sum[0] / N) < 1e-8);
    assert_true(fabs(g.mean[3] - sum[1] / N) < 1e-9);
    for (int k = 0; k < 2; k++) {
        double sd = sqrt(squares[k] / (N - 1));
        assert_true(fabs(group_means_sd(&g, 1, k) - sd) < 1e-7 * sd);
    }
    group_means_free(&g);
}

static void the_largest_come_first(void **state)
{
    (void)state;
    group_means_t g = group_means_create(4, names, 1);
    const int groups[] = {0, 3, 3, 1, 3, 1, 0};
    const double x = 2.5;
    int order[4];
    for (int i = 0; i < 7; i++)
        group_means_add(&g, groups[i], &x);
    assert_int_equal(group_means_order(&g, order), 3);
    assert_true(order[0] == 3 && order[1] == 0 && order[2] == 1);
    assert_true(g.mean[3] == x && group_means_sd(&g, 3, 0) == 0);
    assert_true(isnan(group_means_sd(&g, 2, 0)));
    group_means_free(&g);
    g = group_means_create(0, NULL, 1);
    assert_int_equal(group_means_order(&g, order), 0);
    group_means_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_sds_are_those_of_two_passes),
        cmocka_unit_test(the_largest_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
