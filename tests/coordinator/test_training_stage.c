// SPDX-License-Identifier: Apache-2.0
#include "coordinator/training_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void variables_are_put_in(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"/plain/path", "/plain/path"},
                                           {"$STAGE_A", "/tmp/a"},
                                           {"$STAGE_A/x", "/tmp/a/x"},
                                           {"${STAGE_A}_1", "/tmp/a_1"},
                                           {"/n/$STAGE_B$STAGE_B/${STAGE_B}", "/n/77/7"},
                                           {"$STAGE_NONE.", "."}};
    setenv("STAGE_A", "/tmp/a", 1);
    setenv("STAGE_B", "7", 1);
    setenv("STAGE_NONE", "", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out;
        assert_int_equal(training_stage_expand(cases[i][0], &out), OK);
        assert_string_equal(out, cases[i][1]);
        free(out);
    }
}

static void what_is_no_variable_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"$STAGE_UNSET", "$", "/a/$/b", "${STAGE_A", "${}", "$$"};
    setenv("STAGE_A", "/tmp/a", 1);
    unsetenv("STAGE_UNSET");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *out;
        assert_true(err_is(training_stage_expand(wrong[i], &out), ERR_USAGE));
        assert_null(out);
        assert_non_null(strstr(err_text(), "train.stage: the environment has no variable"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variables_are_put_in),
                                       cmocka_unit_test(what_is_no_variable_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
