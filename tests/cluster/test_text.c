// SPDX-License-Identifier: Apache-2.0
#include "cluster/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void begins_empty_and_ends_in_zero(void **state)
{
    (void)state;
    text_t t = text_create();
    assert_string_equal(t.data, "");
    assert_int_equal(t.length, 0);
    text_free(&t);
    assert_null(t.data);
}

static void grows_beyond_any_capacity(void **state)
{
    (void)state;
    text_t t = text_create();
    for (int i = 0; i < 1000; i++)
        text_add(&t, "%d,", i);
    assert_int_equal(t.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(t.data), t.length);
    assert_memory_equal(t.data + t.length - 8, "998,999,", 8);
    text_free(&t);
}

static void keeps_bytes_as_they_are(void **state)
{
    (void)state;
    text_t t = text_create();
    text_add_bytes(&t, 3, "a%b\0c");
    text_add_bytes(&t, 2, "\0d");
    assert_int_equal(t.length, 5);
    assert_memory_equal(t.data, "a%b\0d", 6);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_empty_and_ends_in_zero),
        cmocka_unit_test(grows_beyond_any_capacity),
        cmocka_unit_test(keeps_bytes_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
