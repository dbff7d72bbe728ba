// SPDX-License-Identifier: Apache-2.0
// Takes tests/golden/trust.txt.
#include "diagnostics/psis.h"

#include "cluster/mem.h"
#include "tests/diagnostics/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *golden_path;

static golden_t golden(const char *name, const char *what)
{
    char *full = mem_format("%s_%s", name, what);
    golden_t g = golden_read(golden_path, full);
    free(full);
    return g;
}

static void weights_are_those_of_arviz(void **state)
{
    (void)state;
    const char *const names[] = {"close", "wide", "heavy", "few", "flat"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        golden_t ratio = golden(names[k], "ratio"), weight = golden(names[k], "weight");
        golden_t khat = golden(names[k], "khat"), effective = golden(names[k], "effective");
        psis_t got = psis_smooth(ratio.n, ratio.x);
        golden_compare(names[k], ratio.n, ratio.x, weight.x, 1e-12);
        golden_compare(names[k], 1, &got.khat, khat.x, 1e-9);
        golden_compare(names[k], 1, &got.effective, effective.x, 1e-9);
        free(ratio.x);
        free(weight.x);
        free(khat.x);
        free(effective.x);
    }
}

// Ratios of an exponential of rate 1 to one of rate r > 1 have a Pareto tail of shape 1 - 1 / r.
static void khat_is_the_shape_of_the_tail(void **state)
{
    (void)state;
    enum { N = 20000 };
    double *ratio = MEM_NEW(double, N);
    for (int k = 1; k <= 3; k++) {
        double rate = 1.0 + 0.4 * k, shape = 1.0 - 1.0 / rate;
        for (int i = 0; i < N; i++) // quantiles instead of draws
            ratio[i] = (rate - 1.0) * -log((i + 0.5) / N) / rate;
        psis_t got = psis_smooth(N, ratio);
        // the tail has 425 weights: (1 + shape) / sqrt(425) is the sd of a random sample's estimate, 0.08
        assert_true(fabs(got.khat - shape) < 0.08);
    }
    free(ratio);
}

static void thresholds_are_the_papers(void **state)
{
    (void)state;
    assert_true(fabs(psis_threshold(100) - 0.5) < 1e-15);
    assert_true(fabs(psis_threshold(1000) - (1.0 - 1.0 / 3.0)) < 1e-15);
    assert_true(psis_threshold(10000) == 0.7 && psis_threshold(1000000) == 0.7);
}

static void equal_ratios_are_equal_weights(void **state)
{
    (void)state;
    double ratio[50];
    for (int i = 0; i < 50; i++)
        ratio[i] = 3.0;
    psis_t got = psis_smooth(50, ratio);
    assert_true(got.khat == INFINITY && fabs(got.effective - 50.0) < 1e-12);
    for (int i = 0; i < 50; i++)
        assert_true(fabs(ratio[i] - 0.02) < 1e-15);
}

static void what_is_impossible_gets_no_weight(void **state)
{
    (void)state;
    double ratio[] = {0.0, -INFINITY, NAN, 0.0}, none[] = {-INFINITY, NAN, -INFINITY};
    psis_t got = psis_smooth(4, ratio);
    assert_true(ratio[1] == 0.0 && ratio[2] == 0.0 && ratio[0] == 0.5 && ratio[3] == 0.5 &&
                got.effective == 2.0);
    got = psis_smooth(3, none);
    assert_true(got.effective == 0.0 && got.khat == INFINITY && none[0] == 1.0 / 3.0);
}

static void draws_are_taken_by_their_weights(void **state)
{
    (void)state;
    const double weight[] = {0.1, 0.0, 0.35, 0.3, 0.25, 0.0};
    for (double u = 0.0; u < 1.0; u += 0.0625) {
        int64_t index[1000], count[6] = {0};
        psis_resample(6, weight, u, 1000, index);
        for (int k = 0; k < 1000; k++) {
            assert_in_range(index[k], k == 0 ? 0 : index[k - 1], 5);
            count[index[k]]++;
        }
        for (int i = 0; i < 6; i++)
            assert_true(fabs((double)count[i] - 1000.0 * weight[i]) < 1.0 + 1e-9);
        assert_true(count[1] == 0 && count[5] == 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_psis GOLDEN\n");
        return 2;
    }
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_arviz),
        cmocka_unit_test(khat_is_the_shape_of_the_tail),
        cmocka_unit_test(thresholds_are_the_papers),
        cmocka_unit_test(equal_ratios_are_equal_weights),
        cmocka_unit_test(what_is_impossible_gets_no_weight),
        cmocka_unit_test(draws_are_taken_by_their_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
