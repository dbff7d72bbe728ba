// SPDX-License-Identifier: Apache-2.0
#include "workers/kept_rows.h"
#include "workers/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SHARD_ROWS = 10, SEED = 4 };

static simulator_t *location_scale(void)
{
    simulator_t *simulator;
    assert_int_equal(simulator_load_builtin("location_scale", &simulator), OK);
    return simulator;
}

// Rows [begin, end), each with a reason that names it.
static void add(kept_rows_t *kept, simulator_t *simulator, int64_t begin, int64_t end)
{
    kept_rows_reserve(kept, end - begin);
    for (int64_t row = begin; row < end; row++) {
        char reason[32];
        assert_int_equal(simulator_row(simulator, SEED, RNG_BANK, row, &kept->rows, kept->rows.n),
                         OK);
        snprintf(reason, sizeof reason, "row %ld", (long)row);
        rows_set_reason(&kept->rows, kept->rows.n++, reason);
    }
}

static void assert_row(const kept_rows_t *kept, int64_t at, simulator_t *simulator, int64_t row)
{
    char reason[32];
    rows_t one = rows_create(kept->rows.schema, 1);
    assert_int_equal(simulator_row(simulator, SEED, RNG_BANK, row, &one, 0), OK);
    assert_true(rows_hash(&one, 0, 1) == rows_hash(&kept->rows, at, at + 1));
    snprintf(reason, sizeof reason, "row %ld", (long)row);
    assert_string_equal(kept->rows.reason[at], reason);
    rows_destroy(&one);
}

static void rows_stay_the_same_as_the_block_grows(void **state)
{
    (void)state;
    simulator_t *simulator = location_scale();
    kept_rows_t kept = kept_rows_create(simulator_schema(simulator), 1 << 30, SHARD_ROWS);
    add(&kept, simulator, 0, 10);
    add(&kept, simulator, 10, 500);
    assert_int_equal(kept.rows.n, 500);
    for (int64_t row = 0; row < 500; row += 7)
        assert_row(&kept, row, simulator, row);
    kept_rows_reserve(&kept, 1);
    assert_null(kept.rows.reason[500]);
    kept_rows_destroy(&kept);
    simulator_close(&simulator);
}

static void at_least_two_shards_fit(void **state)
{
    (void)state;
    simulator_t *simulator = location_scale();
    kept_rows_t kept = kept_rows_create(simulator_schema(simulator), 1, SHARD_ROWS);
    assert_int_equal(kept_rows_room(&kept), 2 * SHARD_ROWS);
    add(&kept, simulator, 0, 5);
    assert_int_equal(kept_rows_room(&kept), 2 * SHARD_ROWS - 5);
    kept_rows_destroy(&kept);
    simulator_close(&simulator);
}

static void sealed_shards_go_and_the_others_stay(void **state)
{
    (void)state;
    static const int64_t sealed[] = {0, 2, 4};
    simulator_t *simulator = location_scale();
    kept_rows_t kept = kept_rows_create(simulator_schema(simulator), 1 << 30, SHARD_ROWS);
    add(&kept, simulator, 5, 35); // shards 0 (half), 1, 2, 3 (half)
    kept.journaled = 10;          // up to row 15
    kept_rows_drop(&kept, SHARD_ROWS, 3, sealed);
    assert_int_equal(kept.rows.n, 15);
    assert_int_equal(kept.journaled, 5);
    for (int64_t i = 0; i < 10; i++)
        assert_row(&kept, i, simulator, 10 + i);
    for (int64_t i = 10; i < 15; i++)
        assert_row(&kept, i, simulator, 20 + i);
    kept_rows_destroy(&kept);
    simulator_close(&simulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_stay_the_same_as_the_block_grows),
        cmocka_unit_test(at_least_two_shards_fit),
        cmocka_unit_test(sealed_shards_go_and_the_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
