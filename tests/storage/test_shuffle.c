// SPDX-License-Identifier: Apache-2.0
#include "storage/shuffle.h"

#include "cluster/mem.h"
#include "storage/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 1000, SLICES = 3 };

/* 1,000 rows in blocks of 64; every seventh was rejected, 50 are for validation. */
static shuffle_t *small(uint64_t seed, uint8_t status[ROWS])
{
    for (int i = 0; i < ROWS; i++)
        status[i] = i % 7 == 3 ? ROW_REJECTED : ROW_DONE;
    shuffle_config_t config = shuffle_config_default();
    config.seed = seed;
    config.rows = ROWS;
    config.status = status;
    config.validation_rows = 50;
    config.block_rows = 64;
    config.window_rows = 120;
    config.slices = SLICES;
    config.slice_rows = 8;
    shuffle_t *s = NULL;
    assert_int_equal(shuffle_create(&config, &s), OK);
    return s;
}

static void rows_of(const shuffle_t *s, int64_t epoch, int slice, int64_t *rows)
{
    shuffle_cursor_t *c = shuffle_cursor_create(s, epoch, slice, 0);
    shuffle_cursor_rows(c, shuffle_steps(s) * shuffle_config(s)->slice_rows, rows);
    shuffle_cursor_destroy(&c);
}

static void each_usable_row_comes_at_most_once_an_epoch(void **state)
{
    (void)state;
    uint8_t status[ROWS];
    shuffle_t *s = small(5, status);
    int64_t n = shuffle_steps(s) * 8, n_validation;
    const int64_t *validation = shuffle_validation(s, &n_validation);
    assert_int_equal(shuffle_usable(s), ROWS - 143 - 50);
    assert_int_equal(shuffle_steps(s), 807 / SLICES / 8);
    for (int64_t epoch = 0; epoch < 4; epoch++) {
        int seen[ROWS] = {0};
        int64_t rows[ROWS];
        for (int slice = 0; slice < SLICES; slice++) {
            rows_of(s, epoch, slice, rows);
            for (int64_t i = 0; i < n; i++)
                seen[rows[i]]++;
        }
        for (int i = 0; i < ROWS; i++)
            assert_true(seen[i] <= (status[i] == ROW_DONE));
        for (int64_t i = 0; i < n_validation; i++)
            assert_int_equal(seen[validation[i]], 0);
    }
    shuffle_destroy(&s);
}

static void validation_rows_are_finished_ascending_and_follow_the_seed(void **state)
{
    (void)state;
    uint8_t status[ROWS];
    shuffle_t *a = small(5, status), *again = small(5, status), *other = small(6, status);
    int64_t n;
    const int64_t *x = shuffle_validation(a, &n), *y = shuffle_validation(again, &n),
                  *z = shuffle_validation(other, &n);
    assert_int_equal(n, 50);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(status[x[i]], ROW_DONE);
        assert_true(i == 0 || x[i] > x[i - 1]);
    }
    assert_memory_equal(x, y, (size_t)n * sizeof *x);
    assert_memory_not_equal(x, z, (size_t)n * sizeof *x);
    shuffle_destroy(&a);
    shuffle_destroy(&again);
    shuffle_destroy(&other);
}

static void growing_the_bank_validates_on_no_row_that_was_trained_on(void **state)
{
    (void)state;
    shuffle_config_t config = shuffle_config_default();
    config.rows = 600;
    config.validation_rows = 60;
    shuffle_t *before, *after;
    assert_int_equal(shuffle_create(&config, &before), OK);
    config.rows = 1500;
    assert_int_equal(shuffle_create(&config, &after), OK);
    int64_t n, fresh = 0;
    const int64_t *row = shuffle_validation(after, &n);
    for (int64_t i = 0; i < n; i++) {
        assert_true(row[i] >= 600 || !shuffle_is_usable(before, row[i]));
        fresh += row[i] >= 600;
    }
    assert_true(fresh > 0);
    shuffle_destroy(&before);
    shuffle_destroy(&after);
}

static void held_out_rows_are_neither_trained_on_nor_for_validation(void **state)
{
    (void)state;
    shuffle_config_t config = shuffle_config_default();
    config.rows = 900;
    config.validation_rows = 60;
    shuffle_t *without, *with;
    assert_int_equal(shuffle_create(&config, &without), OK);
    config.held_out_rows = 100;
    assert_int_equal(shuffle_create(&config, &with), OK);
    int64_t v, h, before;
    const int64_t *validation = shuffle_validation(with, &v),
                  *held_out = shuffle_held_out(with, &h),
                  *same = shuffle_validation(without, &before);
    assert_int_equal(h, 100);
    assert_int_equal(shuffle_usable(with), 900 - 60 - 100);
    assert_memory_equal(validation, same, 60 * sizeof *same); // holding out moves none of them
    for (int64_t i = 0; i < h; i++) {
        assert_true(i == 0 || held_out[i] > held_out[i - 1]);
        assert_false(shuffle_is_usable(with, held_out[i]));
        for (int64_t k = 0; k < v; k++)
            assert_true(validation[k] != held_out[i]);
    }
    shuffle_destroy(&without);
    shuffle_destroy(&with);
}

static void the_order_is_a_function_of_seed_epoch_and_slice(void **state)
{
    (void)state;
    uint8_t status[ROWS];
    shuffle_t *a = small(5, status), *again = small(5, status), *other = small(6, status);
    int64_t x[ROWS] = {0}, y[ROWS] = {0};
    size_t bytes = (size_t)(shuffle_steps(a) * 8) * sizeof *x;
    rows_of(a, 2, 1, x);
    rows_of(again, 2, 1, y);
    assert_memory_equal(x, y, bytes);
    rows_of(other, 2, 1, y);
    assert_memory_not_equal(x, y, bytes);
    rows_of(a, 3, 1, y);
    assert_memory_not_equal(x, y, bytes);
    rows_of(a, 2, 0, y);
    assert_memory_not_equal(x, y, bytes);
    shuffle_destroy(&a);
    shuffle_destroy(&again);
    shuffle_destroy(&other);
}

static void a_start_in_the_middle_goes_on_as_the_run_that_never_stopped(void **state)
{
    (void)state;
    uint8_t status[ROWS];
    shuffle_t *s = small(9, status);
    int64_t steps = shuffle_steps(s), whole[ROWS], part[ROWS];
    for (int slice = 0; slice < SLICES; slice++) {
        rows_of(s, 1, slice, whole);
        for (int64_t step = 0; step <= steps; step += 5) {
            shuffle_cursor_t *c = shuffle_cursor_create(s, 1, slice, step);
            shuffle_cursor_rows(c, (steps - step) * 8, part);
            assert_memory_equal(part, whole + step * 8,
                                (size_t)((steps - step) * 8) * sizeof *part);
            shuffle_cursor_destroy(&c);
        }
    }
    shuffle_destroy(&s);
}

static void places_hold_the_rows_that_were_brought_into_them(void **state)
{
    (void)state;
    uint8_t status[ROWS];
    shuffle_t *s = small(9, status);
    shuffle_cursor_t *c = shuffle_cursor_create(s, 0, 2, 0);
    int64_t held[120], row, place;
    assert_int_equal(shuffle_cursor_places(c), 120 / SLICES);
    for (int64_t i = 0; i < shuffle_steps(s) * 8; i++) {
        while (shuffle_cursor_take(c, &row, &place)) {
            assert_in_range(place, 0, shuffle_cursor_places(c) - 1);
            held[place] = row;
        }
        int64_t k = shuffle_cursor_filled(c) / 2;
        shuffle_cursor_at(c, k, &row, &place);
        assert_int_equal(held[place], row);
        shuffle_cursor_pick(c, &row, &place);
        assert_int_equal(held[place], row);
    }
    shuffle_cursor_destroy(&c);
    shuffle_destroy(&s);
}

/* Over 4,000 epochs: how often row 5 of 40 comes in each quarter of the epoch, with 8 blocks and a window that holds
 * them all. Uniform: chi-square with 3 degrees of freedom, 99.9 % point 16.27. */
static void a_row_is_equally_likely_anywhere_in_the_epoch(void **state)
{
    (void)state;
    shuffle_config_t config = shuffle_config_default();
    config.seed = 3;
    config.rows = 40;
    config.block_rows = 5;
    config.slice_rows = 10;
    shuffle_t *s;
    assert_int_equal(shuffle_create(&config, &s), OK);
    enum { EPOCHS = 4000 };
    int count[4] = {0};
    int64_t rows[40];
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        rows_of(s, epoch, 0, rows);
        for (int i = 0; i < 40; i++)
            count[i / 10] += rows[i] == 5;
    }
    double chi2 = 0, expected = EPOCHS / 4.0;
    for (int i = 0; i < 4; i++)
        chi2 += (count[i] - expected) * (count[i] - expected) / expected;
    assert_int_equal(count[0] + count[1] + count[2] + count[3], EPOCHS);
    assert_true(chi2 < 16.27);
    shuffle_destroy(&s);
}

/* Two neighbours of one block must not stay together: with 2 slices of 32 of 64 rows each, in a window of 32, the second
 * comes in another step than the first in most epochs. A perfect shuffle puts two rows of one slice into the same step of
 * 8 rows with probability 7/31 = 0.226; 2,000 epochs: sd 0.0094, five of them allowed. */
static void neighbours_part_as_in_a_perfect_shuffle(void **state)
{
    (void)state;
    shuffle_config_t config = shuffle_config_default();
    config.seed = 4;
    config.rows = 64;
    config.block_rows = 16;
    config.slices = 2;
    config.slice_rows = 8;
    shuffle_t *s;
    assert_int_equal(shuffle_create(&config, &s), OK);
    int together = 0, found = 0;
    for (int64_t epoch = 0; epoch < 2000; epoch++) {
        for (int slice = 0; slice < 2; slice++) {
            int64_t rows[32], at[2] = {-1, -1};
            rows_of(s, epoch, slice, rows);
            for (int i = 0; i < 32; i++)
                if (rows[i] == 20 || rows[i] == 21)
                    at[rows[i] - 20] = i;
            found += at[0] >= 0 && at[1] >= 0;
            together += at[0] >= 0 && at[1] >= 0 && at[0] / 8 == at[1] / 8;
        }
    }
    assert_int_equal(found, 2000); // one block is never split here
    assert_true(together > 2000 * (0.226 - 0.047) && together < 2000 * (0.226 + 0.047));
    shuffle_destroy(&s);
}

static void too_few_rows_are_refused_with_the_numbers(void **state)
{
    (void)state;
    shuffle_config_t config = shuffle_config_default();
    config.rows = 100;
    config.validation_rows = 50;
    config.slices = 4;
    shuffle_t *s = NULL;
    assert_int_equal(shuffle_create(&config, &s), -ERR_USAGE);
    assert_non_null(strstr(err_text(), "100 finished rows"));
    assert_non_null(strstr(err_text(), "takes 64"));
    assert_null(s);
    config.slices = 0;
    assert_int_equal(shuffle_create(&config, &s), -ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_usable_row_comes_at_most_once_an_epoch),
        cmocka_unit_test(validation_rows_are_finished_ascending_and_follow_the_seed),
        cmocka_unit_test(growing_the_bank_validates_on_no_row_that_was_trained_on),
        cmocka_unit_test(held_out_rows_are_neither_trained_on_nor_for_validation),
        cmocka_unit_test(the_order_is_a_function_of_seed_epoch_and_slice),
        cmocka_unit_test(a_start_in_the_middle_goes_on_as_the_run_that_never_stopped),
        cmocka_unit_test(places_hold_the_rows_that_were_brought_into_them),
        cmocka_unit_test(a_row_is_equally_likely_anywhere_in_the_epoch),
        cmocka_unit_test(neighbours_part_as_in_a_perfect_shuffle),
        cmocka_unit_test(too_few_rows_are_refused_with_the_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
