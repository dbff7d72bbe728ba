// SPDX-License-Identifier: Apache-2.0
#include "storage/reader.h"

#include "cluster/mem.h"
#include "tests/storage/memory_bank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 1000, SLICES = 4, SLICE_ROWS = 8 };

static shuffle_t *plan(int64_t window_rows)
{
    shuffle_config_t config = shuffle_config_default();
    config.seed = 11;
    config.rows = ROWS;
    config.validation_rows = 37;
    config.block_rows = 32;
    config.window_rows = window_rows;
    config.slices = SLICES;
    config.slice_rows = SLICE_ROWS;
    shuffle_t *s = NULL;
    assert_int_equal(shuffle_create(&config, &s), OK);
    return s;
}

/* The row holds what the memory bank gives for its number. */
static void assert_row(const rows_t *rows, int64_t at, int64_t number)
{
    assert_int_equal(rows->index[at], number);
    assert_true(rows->parameters[at] == (double)number + 0.5);
    assert_true(rows->observables[1][2 * at + 1] == (float)number);
    assert_true(rows->observables[0][8 * at + 3] == -(float)number - 0.25f);
    assert_int_equal(rows->length[2 * at], 2 + number % 3);
}

static void assert_batch(const shuffle_t *s, int64_t epoch, int slice, int64_t step,
                         const rows_t *rows)
{
    int64_t expected[SLICE_ROWS];
    shuffle_cursor_t *c = shuffle_cursor_create(s, epoch, slice, step);
    shuffle_cursor_rows(c, SLICE_ROWS, expected);
    assert_int_equal(rows->n, SLICE_ROWS);
    for (int64_t i = 0; i < SLICE_ROWS; i++)
        assert_row(rows, i, expected[i]);
    shuffle_cursor_destroy(&c);
}

static void batches_follow_the_shuffle_over_two_epochs(void **state)
{
    (void)state;
    shuffle_t *s = plan(200);
    bank_t *bank = memory_bank_create(ROWS);
    const int slices[] = {1, 3};
    reader_t *r;
    assert_int_equal(reader_create(bank, s, 2, slices, 0, 0, &r), OK);
    for (int64_t epoch = 0; epoch < 2; epoch++)
        for (int64_t step = 0; step < shuffle_steps(s); step++)
            for (int k = 0; k < 2; k++) {
                const rows_t *rows;
                assert_int_equal(reader_next(r, k, &rows), OK);
                assert_batch(s, epoch, slices[k], step, rows);
            }
    reader_destroy(&r);
    assert_null(r);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void a_start_in_the_middle_gives_the_same_batches(void **state)
{
    (void)state;
    shuffle_t *s = plan(200);
    bank_t *bank = memory_bank_create(ROWS);
    const int slice = 2;
    for (int64_t from = 1; from <= shuffle_steps(s); from += 7) {
        reader_t *r;
        assert_int_equal(reader_create(bank, s, 1, &slice, 5, from, &r), OK);
        const rows_t *rows;
        for (int64_t step = from; step < shuffle_steps(s); step++) {
            assert_int_equal(reader_next(r, 0, &rows), OK);
            assert_batch(s, 5, slice, step, rows);
        }
        assert_int_equal(reader_next(r, 0, &rows), OK);
        assert_batch(s, 6, slice, 0, rows);
        reader_destroy(&r);
    }
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void a_batch_stays_until_its_slice_is_asked_again(void **state)
{
    (void)state;
    shuffle_t *s = plan(64);
    bank_t *bank = memory_bank_create(ROWS);
    const int slices[] = {0, 1};
    reader_t *r;
    const rows_t *held, *rows;
    assert_int_equal(reader_create(bank, s, 2, slices, 0, 0, &r), OK);
    assert_int_equal(reader_next(r, 1, &held), OK);
    for (int64_t step = 0; step < shuffle_steps(s); step++)
        assert_int_equal(reader_next(r, 0, &rows), OK);
    assert_batch(s, 0, 1, 0, held);
    reader_destroy(&r);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

/* With a window of the whole bank each block is read once by each slice that has rows of it: at most all blocks and two
 * more for each slice, where a stretch begins and ends. */
static void each_block_is_read_once_an_epoch(void **state)
{
    (void)state;
    shuffle_t *s = plan(ROWS);
    bank_t *bank = memory_bank_create(ROWS);
    const int slices[] = {0, 1, 2, 3};
    reader_t *r;
    assert_int_equal(reader_create(bank, s, SLICES, slices, 0, 0, &r), OK);
    for (int k = 0; k < SLICES; k++) {
        const rows_t *rows;
        assert_int_equal(reader_next(r, k, &rows), OK);
    }
    assert_true(memory_bank_reads(bank) <= 32 + 2 * SLICES);
    reader_destroy(&r);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void the_disk_is_told_of_each_block_before_it_is_read(void **state)
{
    (void)state;
    shuffle_t *s = plan(64);
    bank_t *bank = memory_bank_create(ROWS);
    const int slices[] = {0, 1, 2, 3};
    reader_t *r;
    assert_int_equal(reader_create(bank, s, SLICES, slices, 0, 0, &r), OK);
    for (int64_t step = 0; step < 2 * shuffle_steps(s); step++)
        for (int k = 0; k < SLICES; k++) {
            const rows_t *rows;
            assert_int_equal(reader_next(r, k, &rows), OK);
        }
    reader_destroy(&r);
    assert_true(memory_bank_reads(bank) > 32);
    assert_int_equal(memory_bank_surprises(bank), 0);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void memory_is_windows_blocks_and_batches(void **state)
{
    (void)state;
    shuffle_t *s = plan(200);
    bank_t *bank = memory_bank_create(ROWS);
    const int slices[] = {0, 1};
    reader_t *r;
    assert_int_equal(reader_create(bank, s, 2, slices, 0, 0, &r), OK);
    size_t rows = 2 * (200 / SLICES + 32 + READER_AHEAD * SLICE_ROWS);
    assert_int_equal(reader_bytes(r), rows * rows_bytes(bank_schema(bank)));
    reader_destroy(&r);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void what_the_thread_fails_with_comes_back_once_good_batches_are_used(void **state)
{
    (void)state;
    shuffle_t *s = plan(64);
    bank_t *bank = memory_bank_create(ROWS);
    const int slice = 0;
    int64_t in_slice = -1;
    shuffle_cursor_t *c = shuffle_cursor_create(s, 0, slice, 20);
    shuffle_cursor_rows(c, 1, &in_slice);
    shuffle_cursor_destroy(&c);
    memory_bank_fail_at(bank, in_slice);
    reader_t *r;
    const rows_t *rows;
    assert_int_equal(reader_create(bank, s, 1, &slice, 0, 0, &r), OK);
    err_t err = OK;
    int64_t good = 0;
    while ((err = reader_next(r, 0, &rows)) == OK)
        assert_batch(s, 0, slice, good++, rows);
    assert_int_equal(err, -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "is torn"));
    assert_in_range(good, 1, 20);
    assert_int_equal(reader_next(r, 0, &rows), -ERR_FORMAT);
    assert_null(rows);
    reader_destroy(&r);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void a_reader_without_slices_reads_nothing(void **state)
{
    (void)state;
    shuffle_t *s = plan(64);
    bank_t *bank = memory_bank_create(ROWS);
    reader_t *r;
    assert_int_equal(reader_create(bank, s, 0, NULL, 0, 0, &r), OK);
    reader_destroy(&r);
    assert_int_equal(memory_bank_reads(bank), 0);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

static void chosen_rows_are_gathered(void **state)
{
    (void)state;
    shuffle_t *s = plan(64);
    bank_t *bank = memory_bank_create(ROWS);
    int64_t n;
    const int64_t *validation = shuffle_validation(s, &n);
    rows_t rows = rows_create(bank_schema(bank), n);
    assert_int_equal(reader_gather(bank, s, n, validation, &rows), OK);
    assert_int_equal(rows.n, 37);
    for (int64_t i = 0; i < n; i++)
        assert_row(&rows, i, validation[i]);
    memory_bank_fail_at(bank, validation[5]);
    assert_int_equal(reader_gather(bank, s, n, validation, &rows), -ERR_FORMAT);
    rows_destroy(&rows);
    memory_bank_destroy(&bank);
    shuffle_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_follow_the_shuffle_over_two_epochs),
        cmocka_unit_test(a_start_in_the_middle_gives_the_same_batches),
        cmocka_unit_test(a_batch_stays_until_its_slice_is_asked_again),
        cmocka_unit_test(each_block_is_read_once_an_epoch),
        cmocka_unit_test(the_disk_is_told_of_each_block_before_it_is_read),
        cmocka_unit_test(memory_is_windows_blocks_and_batches),
        cmocka_unit_test(what_the_thread_fails_with_comes_back_once_good_batches_are_used),
        cmocka_unit_test(a_reader_without_slices_reads_nothing),
        cmocka_unit_test(chosen_rows_are_gathered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
