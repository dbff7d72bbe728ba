// SPDX-License-Identifier: Apache-2.0
#include "cluster/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TYPE = 9 };

static message_t sample(void)
{
    message_t m;
    message_start(&m, TYPE);
    message_put_u8(&m, 200);
    message_put_u32(&m, 4000000000u);
    message_put_i64(&m, -5000000000);
    message_put_f64(&m, -0.1);
    return m;
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    message_t m = sample(), read;
    assert_int_equal(message_parse(m.n, m.bytes, &read), OK);
    assert_int_equal(message_type(&read), TYPE);
    assert_int_equal(message_get_u8(&read), 200);
    assert_true(message_get_u32(&read) == 4000000000u);
    assert_true(message_get_i64(&read) == -5000000000);
    assert_true(message_get_f64(&read) == -0.1);
    assert_int_equal(message_done(&read), OK);
}

static void bytes_are_as_drawn(void **state)
{
    (void)state;
    static const uint8_t expected[] = {'I', 'M', 1, TYPE, 4, 0, 0, 0, 0x44, 0x33, 0x22, 0x11};
    message_t m;
    message_start(&m, TYPE);
    message_put_u32(&m, 0x11223344);
    assert_int_equal(m.n, sizeof expected);
    assert_memory_equal(m.bytes, expected, sizeof expected);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    message_t m = sample(), read;
    for (size_t n = 0; n < m.n; n++)
        assert_true(err_is(message_parse(n, m.bytes, &read), ERR_FORMAT));
    assert_true(err_is(message_parse(MESSAGE_CAP + 1, m.bytes, &read), ERR_FORMAT));
}

static void another_version_is_refused_with_both_numbers(void **state)
{
    (void)state;
    message_t m = sample(), read;
    m.bytes[2] = 7;
    assert_true(err_is(message_parse(m.n, m.bytes, &read), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "version 7, expected 1"));
}

static void foreign_bytes_are_refused(void **state)
{
    (void)state;
    message_t read;
    assert_true(err_is(message_parse(12, "GET / HTTP/1", &read), ERR_FORMAT));
}

static void reading_too_much_or_too_little_is_an_error(void **state)
{
    (void)state;
    message_t m = sample(), more, less;
    assert_int_equal(message_parse(m.n, m.bytes, &more), OK);
    less = more;
    message_get_u8(&less);
    assert_true(err_is(message_done(&less), ERR_FORMAT));
    for (int i = 0; i < 4; i++)
        message_get_i64(&more);
    assert_true(err_is(message_done(&more), ERR_FORMAT));
    assert_true(message_get_i64(&more) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got),
        cmocka_unit_test(bytes_are_as_drawn),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(another_version_is_refused_with_both_numbers),
        cmocka_unit_test(foreign_bytes_are_refused),
        cmocka_unit_test(reading_too_much_or_too_little_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
