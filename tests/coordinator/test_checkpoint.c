// SPDX-License-Identifier: Apache-2.0
#include "coordinator/training.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

static void expect(const char *a, const char *b, const char *words)
{
    char *found = settings_difference(a, b);
    if (words == NULL)
        assert_null(found);
    else
        assert_string_equal(found, words);
    free(found);
}

static void equal_settings_have_no_difference(void **state)
{
    (void)state;
    expect("", "", NULL);
    expect("train.epochs: 20\nadapter: none\n", "train.epochs: 20\nadapter: none\n", NULL);
}

static void a_setting_is_named_with_both_values(void **state)
{
    (void)state;
    expect("train.epochs: 20\ntrain.seed: 1\n", "train.epochs: 40\ntrain.seed: 2\n",
           "train.epochs: 20 against 40");
    expect("train.epochs: 20\n", "train.epochs: 200\n", "train.epochs: 20 against 200");
}

static void a_line_that_only_one_has_is_named_itself(void **state)
{
    (void)state;
    expect("a: 1\nc: 3\n", "a: 1\nb: 2\nc: 3\n", "b: none against 2");
    expect("a: 1\nb: 2\nc: 3\n", "a: 1\nc: 3\n", "b: 2 against none");
    expect("a: 1\n", "a: 1\nb: 2\n", "b: none against 2");
    expect("a: 1\nb: 2\n", "a: 1\n", "b: 2 against none");
}

static void a_line_without_a_value_is_compared_too(void **state)
{
    (void)state;
    expect("network\na: 1\n", "network\na: 2\n", "a: 1 against 2");
    expect("network.x\n", "network.y\n", "network.x: against none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_settings_have_no_difference),
        cmocka_unit_test(a_setting_is_named_with_both_values),
        cmocka_unit_test(a_line_that_only_one_has_is_named_itself),
        cmocka_unit_test(a_line_without_a_value_is_compared_too),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
