// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/distance.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void fit_is_numpys(void **state)
{
    golden_t x = golden_read(*state, "summaries"), mean = golden_read(*state, "summaries_mean");
    golden_t l = golden_read(*state, "summaries_cholesky"),
             left = golden_read(*state, "distance_left_out");
    golden_t value = golden_read(*state, "distance");
    float summaries[90];
    for (int i = 0; i < 90; i++)
        summaries[i] = (float)x.x[i];
    distance_t f = distance_fit(30, 3, summaries);
    golden_compare("mean", 3, f.mean, mean.x, 1e-12);
    golden_compare("cholesky", 9, f.cholesky, l.x, 1e-12);
    golden_compare("reference", 30, f.reference, left.x, 1e-10);
    const float probe[3] = {1, -2, 3};
    double got = distance_value(&f, probe);
    golden_compare("distance", 1, &got, value.x, 1e-12);
    distance_free(&f);
    free(x.x);
    free(mean.x);
    free(l.x);
    free(left.x);
    free(value.x);
}

static void p_value_counts_the_larger_ones(void **state)
{
    (void)state;
    double reference[4] = {1, 2, 2, 5};
    distance_t f = {.n = 4, .d = 1, .reference = reference};
    assert_true(distance_p_value(&f, 0) == 1);
    assert_true(distance_p_value(&f, 2) == 4.0 / 5);
    assert_true(distance_p_value(&f, 2.5) == 2.0 / 5);
    assert_true(distance_p_value(&f, 6) == 1.0 / 5);
    assert_true(distance_p_value(&f, NAN) == 1.0 / 5);
}

static void constant_and_collinear_summaries_get_a_ridge(void **state)
{
    (void)state;
    enum { SETS = 200, WIDTH = 3 };
    float x[SETS * WIDTH];
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        x[i * WIDTH] = (float)rng_normal(&r);
        x[i * WIDTH + 1] = 2 * x[i * WIDTH];
        x[i * WIDTH + 2] = 7;
    }
    distance_t f = distance_fit(SETS, WIDTH, x);
    const float usual[WIDTH] = {0.3f, 0.6f, 7}, broken[WIDTH] = {0.3f, -0.6f, 7},
                moved[WIDTH] = {0.3f, 0.6f, 8};
    assert_true(distance_p_value(&f, distance_value(&f, usual)) > 0.1);
    assert_true(distance_p_value(&f, distance_value(&f, broken)) < 0.01);
    assert_true(distance_p_value(&f, distance_value(&f, moved)) < 0.01);
    distance_free(&f);
}

/* p-values of new data sets of the same kind are uniform: 4,000 of them; the share below 0.1 has sd 0.0047 from them and
 * 0.0095 from the 1,000 references; 5 of the two together. */
static void p_values_of_the_same_kind_are_uniform(void **state)
{
    (void)state;
    enum { SETS = 1000, WIDTH = 16, PROBES = 4000 };
    float *x = MEM_NEW(float, SETS *WIDTH), probe[WIDTH];
    rng_t r = rng_at(2, RNG_CHECK, 0);
    rng_fill_normal_f32(&r, SETS * WIDTH, x);
    distance_t f = distance_fit(SETS, WIDTH, x);
    int below = 0;
    for (int i = 0; i < PROBES; i++) {
        rng_fill_normal_f32(&r, WIDTH, probe);
        below += distance_p_value(&f, distance_value(&f, probe)) < 0.1;
    }
    assert_true(fabs((double)below / PROBES - 0.1) < 5 * sqrt(0.0047 * 0.0047 + 0.0095 * 0.0095));
    distance_free(&f);
    free(x);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(fit_is_numpys, path),
        cmocka_unit_test(p_value_counts_the_larger_ones),
        cmocka_unit_test(constant_and_collinear_summaries_get_a_ridge),
        cmocka_unit_test(p_values_of_the_same_kind_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
