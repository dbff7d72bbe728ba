// SPDX-License-Identifier: Apache-2.0
#include "coordinator/row_ring.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "tests/storage/sample_bank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEED = 5 };

typedef struct {
    schema_t schema;
    used_rows_t used;
} world_t;

static row_ring_t *make(world_t *w, int64_t first, int64_t end, int64_t capacity, bool arrival)
{
    if (w->used.beyond == NULL)
        w->used = used_rows_create(first, 0, NULL);
    row_ring_plan_t plan = {&w->schema, first, end, capacity, 10, arrival, &w->used};
    return row_ring_create(&plan);
}

static void put(row_ring_t *r, int64_t row)
{
    sample_row(SEED, row, row_ring_rows(r), row_ring_place(r, row));
    row_ring_put(r, row, RING_FROM_WORKER, (int)(row % 3));
}

static void put_all(row_ring_t *r, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++)
        put(r, row);
}

static void assert_rows_follow(int64_t n, const int64_t *rows, int64_t first)
{
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(rows[i], first + i);
}

static void rows_are_used_in_order_without_a_gap(void **state)
{
    row_ring_t *r = make(*state, 5, 100, 20, false);
    int64_t rows[20];
    put_all(r, 6, 10);
    assert_int_equal(row_ring_ready(r), 0);
    put(r, 5);
    put(r, 11);
    assert_int_equal(row_ring_ready(r), 5);
    row_ring_use(r, 2, rows);
    assert_rows_follow(2, rows, 5);
    assert_int_equal(row_ring_ready(r), 3);
    assert_int_equal(row_ring_position(r), 7);
    row_ring_use(r, 3, rows);
    assert_rows_follow(3, rows, 7);
    put(r, 10);
    row_ring_use(r, 2, rows);
    assert_rows_follow(2, rows, 10);
    row_ring_destroy(&r);
}

static void rows_are_used_as_they_came(void **state)
{
    row_ring_t *r = make(*state, 0, 100, 20, true);
    int64_t rows[20];
    put(r, 7);
    put(r, 0);
    put(r, 3);
    assert_int_equal(row_ring_ready(r), 3);
    row_ring_use(r, 2, rows);
    assert_int_equal(rows[0], 7);
    assert_int_equal(rows[1], 0);
    assert_int_equal(row_ring_position(r), 1);
    row_ring_use(r, 1, rows);
    assert_int_equal(rows[0], 3);
    put(r, 1);
    put(r, 2);
    row_ring_use(r, 2, rows);
    assert_int_equal(row_ring_position(r), 4);
    row_ring_destroy(&r);
}

static void a_place_is_free_when_its_row_is_used_and_stored(void **state)
{
    row_ring_t *r = make(*state, 0, 100, 20, false);
    int64_t rows[20];
    put_all(r, 0, 20);
    assert_false(row_ring_has_place(r, 20));
    row_ring_use(r, 5, rows);
    assert_int_equal(row_ring_advance(r), 0);
    assert_true(row_ring_shard_whole(r, 0));
    row_ring_stored(r, 0);
    assert_int_equal(row_ring_advance(r), 5);
    row_ring_use(r, 10, rows);
    assert_int_equal(row_ring_advance(r), 10);
    assert_true(row_ring_has_place(r, 29));
    assert_false(row_ring_has_place(r, 30));
    assert_false(row_ring_has(r, 25));
    put_all(r, 20, 25);
    assert_int_equal(row_ring_tally(r).held, 15);
    assert_int_equal(row_ring_tally(r).held_most, 20);
    assert_int_equal(row_ring_tally(r).put, 25);
    assert_int_equal(row_ring_tally(r).used, 15);
    row_ring_destroy(&r);
}

static void values_are_those_that_were_put(void **state)
{
    world_t *w = *state;
    row_ring_t *r = make(w, 0, 100, 20, false);
    rows_t want = rows_create(&w->schema, 1);
    int64_t rows[20];
    for (int64_t begin = 0; begin < 100; begin += 10) {
        put_all(r, begin, begin + 10);
        row_ring_use(r, 10, rows);
        for (int i = 0; i < 10; i++) {
            sample_row(SEED, rows[i], &want, 0);
            assert_false(sample_differs(row_ring_rows(r), row_ring_place(r, rows[i]), &want, 0, 1));
        }
        row_ring_stored(r, begin / 10);
        row_ring_advance(r);
    }
    assert_true(row_ring_whole(r));
    rows_destroy(&want);
    row_ring_destroy(&r);
}

static void loose_rows_become_safe_or_stored(void **state)
{
    row_ring_t *r = make(*state, 3, 100, 40, false);
    const int64_t *loose;
    put_all(r, 10, 14);
    put_all(r, 3, 10);
    assert_int_equal(row_ring_loose(r, &loose), 11);
    assert_rows_follow(4, loose, 10);
    double all = row_ring_loose_seconds(r);
    row_ring_safe(r, 4);
    assert_int_equal(row_ring_loose(r, &loose), 7);
    assert_rows_follow(7, loose, 3);
    assert_true(row_ring_loose_seconds(r) < all);
    assert_true(row_ring_shard_whole(r, 0)); // of its rows from 3 on
    assert_false(row_ring_shard_whole(r, 1));
    row_ring_stored(r, 0);
    assert_int_equal(row_ring_loose(r, &loose), 0);
    assert_true(row_ring_loose_seconds(r) == 0);
    assert_false(row_ring_unstored(r, 9));
    assert_true(row_ring_unstored(r, 10)); // safe, but not in a shard
    assert_int_equal(row_ring_giver(r, 11), 2);
    row_ring_destroy(&r);
}

static void rows_of_the_bank_are_neither_loose_nor_stored_again(void **state)
{
    row_ring_t *r = make(*state, 0, 100, 20, false);
    const int64_t *loose;
    int64_t rows[20];
    for (int64_t row = 0; row < 4; row++)
        row_ring_put(r, row, RING_FROM_BANK, -1);
    assert_int_equal(row_ring_loose(r, &loose), 0);
    assert_false(row_ring_unstored(r, 2));
    assert_int_equal(row_ring_ready(r), 4);
    row_ring_use(r, 4, rows);
    assert_int_equal(row_ring_advance(r), 4);
    row_ring_destroy(&r);
}

// An earlier run used rows 0 to 5, 8 and 9; the bank has lost row 2 since.
static void rows_that_were_used_before_are_not_used_again(void **state)
{
    world_t *w = *state;
    static const int64_t beyond[] = {8, 9};
    w->used = used_rows_create(6, 2, beyond);
    row_ring_t *r = make(w, 0, 100, 20, false);
    int64_t rows[20];
    for (int64_t row = 0; row < 10; row++)
        if (row != 2)
            row_ring_put(r, row, RING_FROM_BANK, -1);
    assert_int_equal(row_ring_ready(r), 2);
    assert_int_equal(row_ring_advance(r), 2);
    put(r, 2);
    assert_int_equal(row_ring_ready(r), 2);
    assert_true(row_ring_shard_whole(r, 0));
    row_ring_stored(r, 0);
    row_ring_use(r, 2, rows);
    assert_rows_follow(2, rows, 6);
    assert_int_equal(row_ring_position(r), 10);
    assert_int_equal(row_ring_advance(r), 10);
    row_ring_destroy(&r);
}

// All three at random paces, by order and by arrival: each row is used once, and nothing is left.
static void every_row_passes(void **state)
{
    world_t *w = *state;
    for (int seed = 0; seed < 40; seed++) {
        rng_t rng = rng_at((uint64_t)seed, RNG_CHECK, 1);
        int64_t first = rng_integer(&rng, 0, 15), end = first + rng_integer(&rng, 1, 300), rows[64];
        used_rows_destroy(&w->used);
        row_ring_t *r = make(w, first, end, rng_integer(&rng, 10, 60), seed % 2);
        int *times = MEM_NEW(int, end);
        while (row_ring_low(r) < end) {
            int64_t row = row_ring_low(r) + rng_integer(&rng, 0, 60);
            if (row_ring_has_place(r, row) && !row_ring_has(r, row))
                put(r, row);
            int64_t ready = row_ring_ready(r), n = ready < 64 ? rng_integer(&rng, 0, ready) : 64;
            row_ring_use(r, n, rows);
            for (int64_t i = 0; i < n; i++)
                times[rows[i]]++;
            int64_t shard = row_ring_low(r) / 10 + rng_integer(&rng, 0, 5);
            if (shard * 10 < end && row_ring_shard_whole(r, shard))
                row_ring_stored(r, shard);
            row_ring_advance(r);
        }
        for (int64_t row = first; row < end; row++)
            assert_int_equal(times[row], 1);
        const int64_t *loose;
        assert_int_equal(row_ring_loose(r, &loose), 0);
        assert_int_equal(row_ring_tally(r).held, 0);
        free(times);
        row_ring_destroy(&r);
    }
}

static void used_rows_close_up(void **state)
{
    (void)state;
    static const int64_t beyond[] = {3, 5, 9}, more[] = {8, 4, 7};
    used_rows_t u = used_rows_create(3, 3, beyond);
    assert_int_equal(u.position, 4);
    used_rows_add(&u, 3, more);
    assert_int_equal(u.position, 6);
    assert_int_equal(u.n, 3);
    assert_int_equal(u.beyond[0], 7);
    assert_true(used_rows_have(&u, 5) && used_rows_have(&u, 9) && !used_rows_have(&u, 6) &&
                !used_rows_have(&u, 10));
    used_rows_destroy(&u);
}

static int set_up(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    w->schema = sample_schema();
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    used_rows_destroy(&w->used);
    schema_free(&w->schema);
    free(w);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_used_in_order_without_a_gap),
        TEST(rows_are_used_as_they_came),
        TEST(a_place_is_free_when_its_row_is_used_and_stored),
        TEST(values_are_those_that_were_put),
        TEST(loose_rows_become_safe_or_stored),
        TEST(rows_of_the_bank_are_neither_loose_nor_stored_again),
        TEST(rows_that_were_used_before_are_not_used_again),
        TEST(every_row_passes),
        TEST(used_rows_close_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
