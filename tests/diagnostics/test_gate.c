// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/gate.h"
#include "diagnostics/markup.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const NAMES[2] = {"drift", "t0 \"quoted\""};
static const gate_subject_t SUBJECT = {.study = "reaction-times",
                                       .weights = "9f3c21ab",
                                       .bank = "ddm-1-77",
                                       .seed = UINT64_MAX,
                                       .first_row = 100,
                                       .remark = "a and b switch labels"};

static gate_record_t judge(double calibration, double deviation, int64_t n)
{
    parameter_metrics_t p[2] = {
        {.calibration_error = 0.02, .ecdf_deviation = 0.03, .nrmse = 0.1, .ecdf_inside = true},
        {.calibration_error = calibration, .ecdf_deviation = deviation, .nrmse = NAN}};
    p[0].bias.worst = -0.25;
    p[0].worst.by = p[1].worst.by = -1;
    p[0].dependence.location_p = p[1].dependence.location_p = 1;
    p[0].dependence.spread_p = p[1].dependence.spread_p = 1;
    metrics_t m = {
        .n = n, .s = 1000, .d = 2, .level = 0.99, .parameter = p, .joint = {.atc = 0.02}};
    gate_limits_t limits = gate_limits_default();
    return gate_judge(&m, NAMES, &limits, &SUBJECT);
}

static char *temporary(void)
{
    char *path = mem_copy_text("gate_test_XXXXXX");
    close(mkstemp(path));
    return path;
}

static void drop(char *path)
{
    unlink(path);
    free(path);
}

static void good_numbers_pass(void **state)
{
    (void)state;
    gate_record_t r = judge(0.10, 0.10, 300); // the limits themselves are allowed
    assert_true(r.passed && r.parameters[0].passed && r.parameters[1].passed);
    assert_int_equal(r.n_reasons, 0);
    gate_free(&r);
}

static void each_limit_is_a_reason(void **state)
{
    (void)state;
    gate_record_t r = judge(0.14, 0.21, 299);
    assert_false(r.passed || r.parameters[1].passed);
    assert_true(r.parameters[0].passed);
    assert_int_equal(r.n_reasons, 2);
    assert_non_null(strstr(r.reasons[0], "299 simulated data sets, at least 300"));
    assert_non_null(strstr(
        r.reasons[1], "t0 \"quoted\": calibration error 0.14, at most 0.1 allowed; ranks deviate"));
    gate_free(&r);
}

static void a_number_that_is_not_known_does_not_pass(void **state)
{
    (void)state;
    gate_record_t r = judge(NAN, 0.01, 300);
    assert_false(r.passed);
    gate_free(&r);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    char *path = temporary();
    gate_record_t r = judge(0.3, 0.05, 300), back;
    r.ratings.nrmse_fair = 0.25;
    assert_int_equal(gate_write(path, &r), OK);
    assert_int_equal(gate_read(path, &back), OK);
    assert_string_equal(back.weights, "9f3c21ab");
    assert_string_equal(back.study, "reaction-times");
    assert_string_equal(back.reasons[0], r.reasons[0]);
    assert_string_equal(back.remark, "a and b switch labels");
    assert_string_equal(back.parameters[1].name, NAMES[1]);
    assert_true(back.seed == UINT64_MAX && back.first_row == 100 && back.rows == 300 &&
                back.draws == 1000);
    assert_true(ratings_equal(&back.ratings, &r.ratings) && back.ratings.nrmse_fair == 0.25);
    assert_true(back.level == 0.99 && back.limits.calibration_error == 0.10 && !back.passed);
    assert_true(back.parameters[0].metrics.nrmse == 0.1 && isnan(back.parameters[1].metrics.nrmse));
    assert_true(back.joint.atc == 0.02 && back.limits.rank_r2 == 0.10);
    assert_true(back.parameters[0].metrics.ecdf_inside &&
                back.parameters[0].metrics.bias.worst == -0.25);
    gate_free(&r);
    gate_free(&back);
    drop(path);
}

static void other_weights_are_refused_with_a_cure(void **state)
{
    (void)state;
    gate_record_t r = judge(0.01, 0.01, 300);
    assert_int_equal(gate_check_weights(&r, "9f3c21ab"), OK);
    assert_true(err_is(gate_check_weights(&r, "00000000"), ERR_GATE));
    assert_non_null(strstr(err_text(), "infermill diagnose"));
    assert_non_null(strstr(err_text(), "--unverified REASON"));
    gate_free(&r);
}

static void a_failed_gate_is_refused_with_its_reason(void **state)
{
    (void)state;
    char *path = temporary();
    gate_record_t r = judge(0.3, 0.01, 300);
    assert_int_equal(gate_write(path, &r), OK);
    assert_true(err_is(gate_require(path, "9f3c21ab"), ERR_GATE));
    assert_non_null(strstr(err_text(), "calibration error 0.3"));
    gate_free(&r);
    drop(path);
}

static void a_missing_record_is_named(void **state)
{
    (void)state;
    gate_record_t r;
    assert_true(err_is(gate_read("no_such_gate.json", &r), ERR_MISSING));
    assert_true(err_is(gate_require("no_such_gate.json", "9f3c21ab"), ERR_GATE));
    assert_non_null(strstr(err_text(), "no_such_gate.json"));
}

static void every_torn_file_is_a_format_error(void **state)
{
    (void)state;
    char *path = temporary();
    gate_record_t r = judge(0.01, 0.01, 300), back;
    text_t text;
    assert_int_equal(gate_write(path, &r), OK);
    assert_int_equal(file_read(path, &text), OK);
    for (size_t length = 0; length < text.length; length += 7) {
        assert_int_equal(file_replace(path, length, text.data), OK);
        assert_true(err_is(gate_read(path, &back), ERR_FORMAT));
    }
    text_free(&text);
    gate_free(&r);
    drop(path);
}

/* Replaces `old` by `new` in the written record; the new file must be refused. */
static void check_forgery(const char *old, const char *new)
{
    char *path = temporary();
    gate_record_t r = judge(0.3, 0.01, 300), back;
    text_t text, forged = text_create();
    assert_int_equal(gate_write(path, &r), OK);
    assert_int_equal(file_read(path, &text), OK);
    char *at = strstr(text.data, old);
    assert_non_null(at);
    text_add(&forged, "%.*s%s%s", (int)(at - text.data), text.data, new, at + strlen(old));
    assert_int_equal(file_replace(path, forged.length, forged.data), OK);
    assert_true(err_is(gate_read(path, &back), ERR_FORMAT));
    text_free(&text);
    text_free(&forged);
    gate_free(&r);
    drop(path);
}

static void a_forged_record_is_a_format_error(void **state)
{
    (void)state;
    check_forgery("9f3c21ab", "00000000");
    check_forgery("\"passed\": false", "\"passed\": true");
    check_forgery("infermill-gate-1", "infermill-gate-2");
    check_forgery("\"rows\": 300", "\"rows\": 3000");
}

/* Even with a right checksum: the verdict must follow from the numbers. */
static void a_verdict_against_its_numbers_is_a_format_error(void **state)
{
    (void)state;
    char *path = temporary();
    gate_record_t r = judge(0.3, 0.01, 300), back;
    r.passed = r.parameters[1].passed = true;
    assert_int_equal(gate_write(path, &r), OK);
    assert_true(err_is(gate_read(path, &back), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "does not follow"));
    gate_free(&r);
    drop(path);
}

static void garbage_is_a_format_error(void **state)
{
    (void)state;
    static const char *const garbage[] = {"",
                                          "null",
                                          "[]",
                                          "{}",
                                          "not json",
                                          "{\"format\": \"infermill-gate-1\"}",
                                          "{\"format\": \"infermill-gate-1\", \"checksum\": \"0\"}",
                                          "\xff\xfe\x00"};
    char *path = temporary();
    gate_record_t back;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        assert_int_equal(file_replace(path, strlen(garbage[i]), garbage[i]), OK);
        assert_true(err_is(gate_read(path, &back), ERR_FORMAT));
    }
    drop(path);
}

static void a_folder_that_is_not_there_is_an_io_error(void **state)
{
    (void)state;
    gate_record_t r = judge(0.01, 0.01, 300);
    assert_true(err_is(gate_write("no/such/folder/gate.json", &r), ERR_IO));
    gate_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_numbers_pass),
        cmocka_unit_test(each_limit_is_a_reason),
        cmocka_unit_test(a_number_that_is_not_known_does_not_pass),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(other_weights_are_refused_with_a_cure),
        cmocka_unit_test(a_failed_gate_is_refused_with_its_reason),
        cmocka_unit_test(a_missing_record_is_named),
        cmocka_unit_test(every_torn_file_is_a_format_error),
        cmocka_unit_test(a_forged_record_is_a_format_error),
        cmocka_unit_test(a_verdict_against_its_numbers_is_a_format_error),
        cmocka_unit_test(garbage_is_a_format_error),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
