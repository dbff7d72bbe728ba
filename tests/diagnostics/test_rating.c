// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/rating.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void ratings_change_at_their_limits(void **state)
{
    (void)state;
    ratings_t at = ratings_default();
    assert_string_equal(rate_calibration(&at, 0.05).words, "excellent");
    assert_string_equal(rate_calibration(&at, 0.10).words, "fair");
    assert_string_equal(rate_calibration(&at, 0.11).words, "poor");
    assert_string_equal(rate_calibration(&at, NAN).words, "poor");
    assert_string_equal(rate_nrmse(&at, 0.05).words, "excellent");
    assert_string_equal(rate_nrmse(&at, 0.10).words, "good");
    assert_string_equal(rate_nrmse(&at, 0.15).words, "fair");
    assert_string_equal(rate_nrmse(&at, 0.16).words, "weak");
    assert_string_equal(rate_contraction(&at, 0.79, 0).words, "low");
    assert_string_equal(rate_contraction(&at, 0.95, 0).words, "medium");
    assert_string_equal(rate_contraction(&at, 0.96, 0.10).words, "high");
    assert_string_equal(rate_contraction(&at, 0.96, 0.11).words, "overconfident");
}

static void thresholds_are_settings(void **state)
{
    (void)state;
    ratings_t at = ratings_default();
    at.calibration_excellent = 0.01;
    at.calibration_fair = 0.02;
    at.nrmse_good = 0.3;
    at.contraction_high = 0.99;
    assert_string_equal(rate_calibration(&at, 0.015).words, "fair");
    assert_string_equal(rate_nrmse(&at, 0.25).words, "good");
    assert_string_equal(rate_contraction(&at, 0.96, 0.03).words, "medium");
    assert_string_equal(rate_contraction(&at, 0.995, 0.03).words, "overconfident");
    char *text = ratings_text(&at);
    assert_non_null(strstr(text, "excellent up to 0.01, fair up to 0.02"));
    free(text);
}

static void a_parameter_is_a_line(void **state)
{
    (void)state;
    ratings_t at = ratings_default();
    parameter_metrics_t p = {.calibration_error = 0.03, .nrmse = 0.08, .contraction = 0.97};
    char *words = rating_words(&at, "mu", &p);
    assert_string_equal(words, "mu: excellent calibration; good recovery; high contraction");
    free(words);
}

static void without_calibration_nothing_else_is_trusted(void **state)
{
    (void)state;
    ratings_t at = ratings_default();
    parameter_metrics_t p = {.calibration_error = 0.2, .nrmse = 0.03, .contraction = 0.99};
    char *words = rating_words(&at, "mu", &p);
    assert_non_null(strstr(words, "poor calibration; excellent recovery; overconfident"));
    assert_non_null(strstr(words, "neither recovery nor contraction is to be trusted"));
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratings_change_at_their_limits),
        cmocka_unit_test(thresholds_are_settings),
        cmocka_unit_test(a_parameter_is_a_line),
        cmocka_unit_test(without_calibration_nothing_else_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
