// SPDX-License-Identifier: Apache-2.0
#include "cluster/arena.h"
#include "tests/cluster/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void pieces_are_aligned_cleared_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 500 };
    static unsigned char *pieces[PIECES];
    arena_t *arena = arena_create();
    size_t total = 0;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(arena, i * i % 4999, 2);
        total += 2 * (i * i % 4999);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        for (size_t b = 0; b < 2 * (i * i % 4999); b++)
            assert_int_equal(pieces[i][b], 0);
        memset(pieces[i], (int)(i % 255) + 1, 2 * (i * i % 4999));
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t b = 0; b < 2 * (i * i % 4999); b++)
            assert_int_equal(pieces[i][b], i % 255 + 1);
    assert_int_equal(arena_bytes(arena), total);
    arena_destroy(&arena);
    assert_null(arena);
    arena_destroy(&arena);
}

static void a_piece_may_be_larger_than_any_block(void **state)
{
    (void)state;
    arena_t *arena = arena_create();
    double *many = ARENA_NEW(arena, double, 1000000);
    many[999999] = 1;
    char *small = arena_alloc(arena, 1, 1);
    *small = 'x';
    assert_true(many[999999] == 1);
    arena_destroy(&arena);
}

static void texts_are_copied_and_formatted(void **state)
{
    (void)state;
    arena_t *arena = arena_create();
    assert_string_equal(arena_copy_text(arena, "abc"), "abc");
    assert_string_equal(arena_format(arena, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_copy_text(arena, NULL));
    arena_destroy(&arena);
}

static void overflow(void)
{
    arena_t *arena = arena_create();
    arena_alloc(arena, SIZE_MAX / 2, 8);
    arena_destroy(&arena);
}

static void a_count_that_overflows_dies(void **state)
{
    (void)state;
    assert_true(child_dies(overflow, "too many"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_cleared_and_apart),
        cmocka_unit_test(a_piece_may_be_larger_than_any_block),
        cmocka_unit_test(texts_are_copied_and_formatted),
        cmocka_unit_test(a_count_that_overflows_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
