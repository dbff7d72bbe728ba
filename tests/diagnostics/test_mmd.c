// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/mmd.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static void both_kernels_are_numpys(void **state)
{
    golden_t few = golden_read(*state, "mmd_few"), many = golden_read(*state, "mmd_many");
    golden_t mmd = golden_read(*state, "mmd");
    const double got[4] = {mmd_squared(MMD_INVERSE_MULTIQUADRATIC, 12, few.x, 300, many.x, 3),
                           mmd_squared(MMD_GAUSSIAN, 12, few.x, 300, many.x, 3),
                           mmd_squared(MMD_INVERSE_MULTIQUADRATIC, 300, many.x, 7, many.x, 3),
                           mmd_squared(MMD_INVERSE_MULTIQUADRATIC, 1, few.x, 1, many.x, 3)};
    golden_compare("MMD^2", 4, got, mmd.x, 1e-12);
    mmd_config_t config = {.kernel = MMD_GAUSSIAN, .draws = 1};
    mmd_test_t test = mmd_test(&config, 12, few.x, 300, many.x, 3);
    golden_compare("MMD^2 of the test", 1, &test.squared, mmd.x + 1, 1e-12);
    free(few.x);
    free(many.x);
    free(mmd.x);
}

/* The 95 % quantile of 3,000 draws has standard error sqrt(0.95 0.05 / 3000) / density = 0.004 / density, and the density
 * there is about 0.04 / (97 % - 93 % quantile). Two such errors, 5 of them together. */
static void threshold_is_numpys(void **state)
{
    golden_t few = golden_read(*state, "mmd_few"), many = golden_read(*state, "mmd_many");
    golden_t want = golden_read(*state, "mmd_threshold");
    mmd_config_t config = {.draws = 3000, .seed = 1};
    mmd_test_t test = mmd_test(&config, 12, few.x, 300, many.x, 3);
    double error = sqrt(2) * 0.004 * want.x[1] / 0.04;
    assert_true(fabs(test.threshold - want.x[0]) < 5 * error);
    free(few.x);
    free(many.x);
    free(want.x);
}

typedef struct {
    int at_5, at_50, beyond_threshold;
} alarms_t;

enum { RUNS = 200, WIDTH = 4, MANY = 120 };

/* How often the test alarms when observed and reference rows are normal, the observed ones moved and scaled. */
static alarms_t alarms(int64_t n, double shift, double scale, int runs)
{
    alarms_t out = {0};
    double *x = MEM_NEW(double, n *WIDTH), *y = MEM_NEW(double, MANY *WIDTH);
    for (int run = 0; run < runs; run++) {
        rng_t r = rng_at(4, RNG_CHECK, (uint64_t)(run + 1000 * n));
        rng_fill_normal(&r, (size_t)(n * WIDTH), x);
        rng_fill_normal(&r, MANY * WIDTH, y);
        for (int64_t i = 0; i < n * WIDTH; i++)
            x[i] = scale * x[i] + shift;
        mmd_config_t config = {.draws = 99, .seed = (uint64_t)run};
        mmd_test_t test = mmd_test(&config, n, x, MANY, y, WIDTH);
        out.at_5 += test.p_value <= 0.05;
        out.at_50 += test.p_value <= 0.5;
        out.beyond_threshold += test.squared > test.threshold;
    }
    free(x);
    free(y);
    return out;
}

/* p-values of 200 runs are uniform: 10 at most 0.05 (sd 3.1) and 100 at most 0.5 (sd 7.1); 4 of them. The peer's region
 * holds more the more rows are observed, as the header says. */
static void p_values_are_uniform_under_the_null(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 14, 60};
    alarms_t a = {0};
    for (int i = 0; i < 3; i++) {
        a = alarms(sizes[i], 0, 1, RUNS);
        printf(
            "%ld observed: p <= 0.05 in %d of %d, p <= 0.5 in %d, beyond the peer's threshold %d\n",
            (long)sizes[i], a.at_5, RUNS, a.at_50, a.beyond_threshold);
        assert_true(abs(a.at_5 - 10) <= 12);
        assert_true(abs(a.at_50 - 100) <= 28);
    }
    assert_true(a.beyond_threshold >
                25); // of 60 observed and 120 reference rows: 10 would be right
}

static void moved_wider_and_narrower_samples_are_found(void **state)
{
    (void)state;
    assert_true(alarms(14, 1, 1, 20).at_5 >= 19);
    assert_true(alarms(14, 0, 3, 20).at_5 >= 19);
    assert_true(alarms(60, 0, 0.4, 20).at_5 >= 19);
}

static void p_value_is_a_function_of_the_seed(void **state)
{
    golden_t few = golden_read(*state, "mmd_few"), many = golden_read(*state, "mmd_many");
    mmd_config_t config = {.draws = 200, .seed = 5}, other = {.draws = 200, .seed = 6};
    mmd_test_t a = mmd_test(&config, 12, few.x, 300, many.x, 3),
               b = mmd_test(&config, 12, few.x, 300, many.x, 3),
               c = mmd_test(&other, 12, few.x, 300, many.x, 3);
    assert_true(a.p_value == b.p_value && a.threshold == b.threshold);
    assert_true(a.squared == c.squared && a.threshold != c.threshold);
    free(few.x);
    free(many.x);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(both_kernels_are_numpys, path),
        cmocka_unit_test_prestate(threshold_is_numpys, path),
        cmocka_unit_test(p_values_are_uniform_under_the_null),
        cmocka_unit_test(moved_wider_and_narrower_samples_are_found),
        cmocka_unit_test_prestate(p_value_is_a_function_of_the_seed, path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
