// SPDX-License-Identifier: Apache-2.0
#include "cluster/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void what_it_says_is_taken(void **state)
{
    char *text;
    (void)state;
    assert_int_equal(capture_run(ARGV("printf", "one\\ntwo\\n"), &text), OK);
    assert_string_equal(text, "one\ntwo");
    free(text);
    assert_int_equal(capture_run(ARGV("true"), &text), OK);
    assert_string_equal(text, "");
    free(text);
}

static void more_than_a_pipe_holds_is_taken(void **state)
{
    char *text;
    (void)state;
    assert_int_equal(capture_run(ARGV("head", "-c", "1000000", "/dev/zero"), &text), OK);
    free(text);
    assert_int_equal(capture_run(ARGV("seq", "200000"), &text), OK);
    assert_true(strlen(text) == 1288894); // 1,288,895 with the last line feed
    free(text);
}

static void its_stdin_is_empty(void **state)
{
    char *text;
    (void)state;
    assert_int_equal(capture_run(ARGV("cat"), &text), OK);
    assert_string_equal(text, "");
    free(text);
}

static void failures_are_told(void **state)
{
    char *text;
    (void)state;
    err_t err = capture_run(ARGV("no-such-program-here"), &text);
    assert_true(err_is(err, ERR_MISSING) && text == NULL);
    assert_non_null(strstr(err_text(), "no-such-program-here can not be run"));
    err = capture_run(ARGV("sh", "-c", "echo said; exit 3"), &text);
    assert_true(err_is(err, ERR_IO) && text == NULL);
    assert_non_null(strstr(err_text(), "sh ended with 3"));
    err = capture_run(ARGV("sh", "-c", "kill -9 $$"), &text);
    assert_true(err_is(err, ERR_IO) && text == NULL);
    assert_non_null(strstr(err_text(), "ended by signal 9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_taken), cmocka_unit_test(more_than_a_pipe_holds_is_taken),
        cmocka_unit_test(its_stdin_is_empty), cmocka_unit_test(failures_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
