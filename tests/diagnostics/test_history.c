// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/history.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

enum { EPOCHS = 50 };

/* Both losses fall by `gain` with time constant `tau` epochs; validation rises by `rise` from the middle on. */
static history_verdict_t inspect(double start, double gain, double tau, double rise)
{
    double train[EPOCHS], valid[EPOCHS];
    for (int i = 0; i < EPOCHS; i++) {
        train[i] = start - gain * (1 - exp(-i / tau));
        valid[i] = train[i] + (i > EPOCHS / 2 ? rise * (i - EPOCHS / 2) / (EPOCHS / 2.0) : 0);
    }
    return history_inspect(EPOCHS, train, valid, 1.1);
}

static void good_training_is_called_good(void **state)
{
    (void)state;
    for (int shift = -4; shift <= 4; shift++) { // also around and below zero
        history_verdict_t v = inspect(shift, 2, 4, 0);
        assert_false(v.diverged || v.overfitting || v.undertrained);
        assert_true(fabs(v.ratio - 1) < 1e-9);
    }
}

static void positive_losses_give_the_plain_ratio(void **state)
{
    (void)state;
    const double train[3] = {3, 2, 2}, valid[3] = {3, 2.2, 2.6};
    history_verdict_t v = history_inspect(3, train, valid, 1.1);
    assert_true(fabs(v.ratio - 2.6 / 2) < 1e-12);
    assert_true(v.overfitting);
    assert_int_equal(v.best, 1);
}

static void a_gap_of_a_twentieth_of_a_nat_is_none_where_the_loss_is_near_zero(void **state)
{
    (void)state;
    const double train[4] = {0.2, -0.2, -0.25, -0.25}, valid[4] = {-0.1, -0.19, -0.2, -0.2};
    assert_false(history_inspect(4, train, valid, 1.1).overfitting);
    const double worse[4] = {-0.1, -0.19, -0.15, -0.1};
    assert_true(history_inspect(4, train, worse, 1.1).overfitting);
}

static void overfitting_is_seen_below_zero_too(void **state)
{
    (void)state;
    for (int shift = -4; shift <= 4; shift++) {
        history_verdict_t v = inspect(shift, 2, 4, 1.5);
        assert_true(v.overfitting);
        assert_true(v.best <= EPOCHS / 2);
        assert_non_null(strstr(v.words, "overfits"));
    }
}

static void a_falling_end_is_undertraining(void **state)
{
    (void)state;
    history_verdict_t v = inspect(2, 2, 40, 0);
    assert_true(v.undertrained && !v.overfitting);
    assert_non_null(strstr(v.words, "more than 50 epochs"));
}

static void a_loss_that_is_not_finite_is_divergence(void **state)
{
    (void)state;
    const double train[4] = {3, 2, NAN, NAN}, valid[4] = {3, 2.5, INFINITY, NAN};
    history_verdict_t v = history_inspect(4, train, valid, 1.1);
    assert_true(v.diverged && isnan(v.ratio));
    assert_int_equal(v.best, 1);
    assert_non_null(strstr(v.words, "epoch 3"));
}

static void an_empty_history_has_no_best_epoch(void **state)
{
    (void)state;
    history_verdict_t v = history_inspect(0, NULL, NULL, 1.1);
    assert_int_equal(v.best, -1);
    assert_false(v.diverged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_training_is_called_good),
        cmocka_unit_test(positive_losses_give_the_plain_ratio),
        cmocka_unit_test(a_gap_of_a_twentieth_of_a_nat_is_none_where_the_loss_is_near_zero),
        cmocka_unit_test(overfitting_is_seen_below_zero_too),
        cmocka_unit_test(a_falling_end_is_undertraining),
        cmocka_unit_test(a_loss_that_is_not_finite_is_divergence),
        cmocka_unit_test(an_empty_history_has_no_best_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
