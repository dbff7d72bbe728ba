// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "tests/cluster/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void memory_is_aligned_and_cleared(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *bytes = mem_zero(n, 3);
        assert_int_equal((uintptr_t)bytes % 64, 0);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(bytes[i], 0);
        free(bytes);
    }
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    int *items = MEM_NEW(int, 4);
    items[3] = 17;
    items = MEM_GROW(items, int, 4000);
    assert_int_equal(items[3], 17);
    items = MEM_GROW(items, int, 0);
    assert_non_null(items);
    free(items);
}

static void texts_are_copied_and_formatted(void **state)
{
    (void)state;
    char *copy = mem_copy_text("abc"), *text = mem_format("%d-%s", 7, "x");
    assert_string_equal(copy, "abc");
    assert_string_equal(text, "7-x");
    assert_null(mem_copy_text(NULL));
    free(copy);
    free(text);
}

static void overflow(void)
{
    free(mem_zero(SIZE_MAX / 4, 8));
}

static void a_count_that_overflows_dies(void **state)
{
    (void)state;
    assert_true(child_dies(overflow, "too many"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_cleared),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(texts_are_copied_and_formatted),
        cmocka_unit_test(a_count_that_overflows_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
