// SPDX-License-Identifier: Apache-2.0
#include "workers/c2st.h"
#include "diagnostics/auc.h"
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
#include <string.h>

static golden_t get(const char *path, const char *name, const char *what)
{
    char *full = mem_format("%s_%s", name, what);
    golden_t g = golden_read(path, full);
    free(full);
    return g;
}

/* Sums of a row in whole tenths: many ties. */
static double *sums(int64_t n, int d, const double *x)
{
    double *out = MEM_NEW(double, n);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < d; k++)
            out[i] += nearbyint(1000 * x[i * d + k]);
        out[i] = floor(out[i] / 100);
    }
    return out;
}

static const char *const pairs[] = {"banana", "same", "correlated"};

static void auc_with_ties_is_scikit_learns(void **state)
{
    for (int i = 0; i < 3; i++) {
        golden_t x = get(*state, pairs[i], "x"), y = get(*state, pairs[i], "y");
        golden_t score = get(*state, pairs[i], "score"),
                 want = get(*state, pairs[i], "auc_of_sums");
        int d = (int)score.x[0];
        double *a = sums(x.n / d, d, x.x), *b = sums(y.n / d, d, y.x);
        auc_t auc = auc_of(y.n / d, b, x.n / d, a);
        golden_compare("AUC", 1, &auc.value, want.x, 1e-12);
        /* for continuous numbers of one kind the variance is (n + m + 1) / (12 n m) */
        assert_true(fabs(auc.error - sqrt(1401.0 / 12) / 700) < 0.0015);
        free(a);
        free(b);
        free(x.x);
        free(y.x);
        free(score.x);
        free(want.x);
    }
}

/* Both networks see the same rows. What differs is how well a network learns: the sd over scikit-learn's ten seeds, for
 * them and for us, and the folds. 4 sd of the difference, but ours may be better by as much as its overfitting costs: 0.06.
 * The best there is for the bananas, by their density ratio, is 0.70 +- 0.01. */
static void scores_are_scikit_learns(void **state)
{
    for (int i = 0; i < 3; i++) {
        golden_t x = get(*state, pairs[i], "x"), y = get(*state, pairs[i], "y");
        golden_t want = get(*state, pairs[i], "score");
        int d = (int)want.x[0];
        classifier_config_t config = classifier_config_default();
        c2st_t got = c2st(&config, x.n / d, x.x, y.n / d, y.x, d);
        printf("%s: accuracy %.3f +- %.3f (scikit-learn %.3f), AUC %.3f +- %.3f (%.3f)\n", pairs[i],
               got.accuracy, got.accuracy_error, want.x[1], got.auc, got.auc_error, want.x[2]);
        assert_true(got.accuracy > want.x[1] - 4 * sqrt(2) * want.x[3]);
        assert_true(got.accuracy < want.x[1] + 4 * sqrt(2) * want.x[3] + 0.06);
        assert_true(got.auc > want.x[2] - 4 * sqrt(2) * want.x[4]);
        assert_true(got.auc < want.x[2] + 4 * sqrt(2) * want.x[4] + 0.06);
        free(x.x);
        free(y.x);
        free(want.x);
    }
}

/* Normal samples of unit covariance, their means `shift` apart: the best accuracy is Phi(shift / 2), the best AUC
 * Phi(shift / sqrt 2). A network that is trained on 2,400 rows loses little of it. */
static void shifted_normals_are_told_as_well_as_can_be(void **state)
{
    (void)state;
    enum { ROWS = 2000, WIDTH = 3 };
    static const double shifts[] = {0, 0.5, 1, 3};
    double *x = MEM_NEW(double, ROWS *WIDTH), *y = MEM_NEW(double, ROWS *WIDTH);
    for (int k = 0; k < 4; k++) {
        rng_t r = rng_at(1, RNG_CHECK, (uint64_t)k);
        rng_fill_normal(&r, ROWS * WIDTH, x);
        rng_fill_normal(&r, ROWS * WIDTH, y);
        for (int i = 0; i < ROWS; i++)
            y[i * WIDTH + 1] -= shifts[k];
        classifier_config_t config = classifier_config_default();
        c2st_t got = c2st(&config, ROWS, x, ROWS, y, WIDTH);
        double best = 0.5 * erfc(-shifts[k] / 2 / M_SQRT2), best_auc = 0.5 * erfc(-shifts[k] / 2);
        printf("shift %.1f: accuracy %.4f +- %.4f, best %.4f; AUC %.4f +- %.4f, best %.4f\n",
               shifts[k], got.accuracy, got.accuracy_error, best, got.auc, got.auc_error, best_auc);
        assert_true(fabs(got.accuracy - best) < 4 * got.accuracy_error + 0.01);
        assert_true(fabs(got.auc - best_auc) < 4 * got.auc_error + 0.01);
    }
    free(x);
    free(y);
}

/* 200 against 1,000 rows of one kind: a classifier that always says the larger kind would have accuracy 0.83 if rows
 * weighed the same. */
static void samples_of_different_sizes_weigh_the_same(void **state)
{
    (void)state;
    enum { FEW = 200, MANY = 1000 };
    double x[FEW], *y = MEM_NEW(double, MANY);
    rng_t r = rng_at(2, RNG_CHECK, 0);
    rng_fill_normal(&r, FEW, x);
    rng_fill_normal(&r, MANY, y);
    classifier_config_t config = classifier_config_default();
    c2st_t got = c2st(&config, FEW, x, MANY, y, 1);
    assert_true(fabs(got.accuracy - 0.5) < 4 * got.accuracy_error + 0.01);
    free(y);
}

static void the_result_is_a_function_of_rows_and_seed(void **state)
{
    golden_t x = get(*state, "banana", "x"), y = get(*state, "banana", "y");
    classifier_config_t config = classifier_config_default();
    config.least_steps = config.most_steps = 200;
    c2st_t a = c2st(&config, 300, x.x, 300, y.x, 2), b = c2st(&config, 300, x.x, 300, y.x, 2);
    assert_memory_equal(&a, &b, sizeof a);
    config.seed = 1;
    c2st_t other = c2st(&config, 300, x.x, 300, y.x, 2);
    assert_true(memcmp(&a, &other, sizeof a) != 0);
    free(x.x);
    free(y.x);
}

static void folds_hold_both_kinds_evenly(void **state)
{
    (void)state;
    uint8_t label[103] = {0};
    int32_t fold[103], count[5][2] = {{0}};
    for (int i = 0; i < 103; i += 4)
        label[i] = 1;
    classifier_folds(3, 5, 103, label, fold);
    for (int i = 0; i < 103; i++)
        count[fold[i]][label[i]]++;
    for (int k = 0; k < 5; k++) {
        assert_true(count[k][0] >= 15 && count[k][0] <= 16);
        assert_true(count[k][1] >= 5 && count[k][1] <= 6);
    }
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "c2st.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(auc_with_ties_is_scikit_learns, path),
        cmocka_unit_test_prestate(scores_are_scikit_learns, path),
        cmocka_unit_test(shifted_normals_are_told_as_well_as_can_be),
        cmocka_unit_test(samples_of_different_sizes_weigh_the_same),
        cmocka_unit_test_prestate(the_result_is_a_function_of_rows_and_seed, path),
        cmocka_unit_test(folds_hold_both_kinds_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
