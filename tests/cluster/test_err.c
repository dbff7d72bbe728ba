// SPDX-License-Identifier: Apache-2.0
#include "cluster/err.h"
#include "tests/cluster/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static err_t inner(void)
{
    return err_fail(ERR_FORMAT, "%s: row %d: got %d bytes, expected %d", "a.h5", 3, 7, 8);
}

static err_t outer(void)
{
    TRY(inner());
    return OK;
}

static err_t outer_with_cleanup(bool *cleaned)
{
    err_t err = OK;
    TRY_TO(done, inner());
done:
    *cleaned = true;
    return err;
}

static void failing_gives_code_and_words(void **state)
{
    (void)state;
    err_t err = inner();
    assert_true(err_is(err, ERR_FORMAT));
    assert_false(err_is(err, ERR_IO));
    assert_string_equal(err_text(), "a.h5: row 3: got 7 bytes, expected 8");
    assert_string_equal(err_trace(), "");
}

static void try_returns_the_code_and_adds_a_frame(void **state)
{
    (void)state;
    assert_true(err_is(outer(), ERR_FORMAT));
    assert_non_null(strstr(err_trace(), "test_err.c:"));
    bool cleaned = false;
    assert_true(err_is(outer_with_cleanup(&cleaned), ERR_FORMAT));
    assert_true(cleaned);
    assert_non_null(strstr(err_trace(), "test_err.c:"));
}

static void a_new_error_clears_the_old_trace(void **state)
{
    (void)state;
    assert_true(outer() != OK);
    assert_true(inner() != OK);
    assert_string_equal(err_trace(), "");
}

static void the_old_text_may_be_an_argument(void **state)
{
    (void)state;
    assert_true(inner() != OK);
    assert_true(err_is(err_fail(ERR_IO, "again: %s", err_text()), ERR_IO));
    assert_string_equal(err_text(), "again: a.h5: row 3: got 7 bytes, expected 8");
}

static void context_stands_before_the_cause(void **state)
{
    (void)state;
    err_t err = err_context(inner(), "reading %s", "people");
    assert_true(err_is(err, ERR_FORMAT));
    assert_string_equal(err_text(), "reading people: a.h5: row 3: got 7 bytes, expected 8");
}

static void context_without_an_error_changes_nothing(void **state)
{
    (void)state;
    assert_true(inner() != OK); // what waits is told, or taken over, by somebody else
    assert_int_equal(err_context(OK, "reading %s", "people"), OK);
    assert_string_equal(err_text(), "a.h5: row 3: got 7 bytes, expected 8");
    err_clear();
    assert_int_equal(err_context(OK, "reading %s", "people"), OK);
    assert_string_equal(err_text(), "");
}

static void errno_is_put_in_words(void **state)
{
    (void)state;
    errno = ENOSPC;
    assert_true(err_is(err_errno(ERR_IO, "bank/0.h5"), ERR_IO));
    assert_string_equal(err_text(), "bank/0.h5: No space left on device");
}

static void long_text_is_cut_and_ends(void **state)
{
    (void)state;
    char text[10000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_t err = err_fail(ERR_IO, "%s", text);
    assert_in_range(strlen(err_text()), 1000, 5000);
    assert_true(err_is(err_context(err, "%s", text), ERR_IO));
    assert_in_range(strlen(err_text()), 1000, 5000);
    for (int i = 0; i < 1000; i++)
        err_frame(err, __FILE__, i);
    assert_in_range(strlen(err_trace()), 500, 5000);
}

static void text_can_be_taken_over_and_cleared(void **state)
{
    (void)state;
    err_set_text("rank 3: disk full");
    assert_string_equal(err_text(), "rank 3: disk full");
    err_clear();
    assert_string_equal(err_text(), "");
}

static void every_code_has_name_words_and_exit_code(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++) {
        assert_true(strlen(err_name(-code)) > 0);
        assert_true(strlen(err_words(-code)) > 0);
        assert_in_range(err_exit_code(-code), code == 0 ? 0 : 1, code == 0 ? 0 : 4);
    }
    assert_int_equal(err_exit_code(-ERR_USAGE), 2);
    assert_int_equal(err_exit_code(-ERR_GATE), 3);
    assert_int_equal(err_exit_code(-ERR_STOPPED), 4);
    assert_string_equal(err_name(-ERR_IO), "ERR_IO");
    assert_int_equal(err_exit_code(-1000), 1);
    assert_int_equal(err_exit_code(1000), 1);
}

static void broken_invariant(void)
{
    int rows = -3;
    CHECK(rows >= 0, "%d rows", rows);
}

static void a_broken_invariant_dies_with_place_and_values(void **state)
{
    (void)state;
    assert_true(child_dies(broken_invariant, "-3 rows"));
    assert_true(child_dies(broken_invariant, "test_err.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_gives_code_and_words),
        cmocka_unit_test(try_returns_the_code_and_adds_a_frame),
        cmocka_unit_test(a_new_error_clears_the_old_trace),
        cmocka_unit_test(the_old_text_may_be_an_argument),
        cmocka_unit_test(context_stands_before_the_cause),
        cmocka_unit_test(context_without_an_error_changes_nothing),
        cmocka_unit_test(errno_is_put_in_words),
        cmocka_unit_test(long_text_is_cut_and_ends),
        cmocka_unit_test(text_can_be_taken_over_and_cleared),
        cmocka_unit_test(every_code_has_name_words_and_exit_code),
        cmocka_unit_test(a_broken_invariant_dies_with_place_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
