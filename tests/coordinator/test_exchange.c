// SPDX-License-Identifier: Apache-2.0
//
// Sums over slices that are dealt to all ranks, against the same tree walked by one rank: the same in every bit, whether the
// ranks read each other's memory, send messages, or do both.
#include "coordinator/exchange.h"

#include "cluster/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_SLICES = 9, N = 3 * EXCHANGE_BUCKET + 17, ROUNDS = 2 };

static const par_t *ranks(void **state)
{
    return *state;
}

/* Numbers in [0, 1) whose sums are rounded. */
static void fill(int slice, int round, float *out)
{
    uint32_t key = (uint32_t)(slice + 1) * 2654435761u + (uint32_t)round * 40503u;
    for (uint32_t i = 0; i < N; i++)
        out[i] = (float)(((i + key) * 2246822519u) >> 8) / 16777216.0f;
}

/* Entry i of slices [begin, end), node k of a level with `width` nodes. */
static float tree(float *const *slice, int slices, int64_t i, int k, int width)
{
    int begin = k * slices / width, end = (k + 1) * slices / width;
    int middle = (2 * k + 1) * slices / (2 * width);
    if (end - begin == 1)
        return slice[begin][i];
    if (middle == begin || middle == end)
        return tree(slice, slices, i, 2 * k + (middle == begin), 2 * width);
    return tree(slice, slices, i, 2 * k, 2 * width) + tree(slice, slices, i, 2 * k + 1, 2 * width);
}

/* The machine that a rank plays to be on. */
enum { ONE_MACHINE, TWO_A_MACHINE, ONE_A_MACHINE, MACHINES };

static int island(const par_t *par, int machines)
{
    return machines == ONE_MACHINE ? 0 : par->rank / (machines == TWO_A_MACHINE ? 2 : 1);
}

typedef struct {
    int slices, n_mine;
    float *all[MOST_SLICES];
} arrays_t;

static arrays_t make_arrays(const par_t *par, int slices)
{
    arrays_t a = {.slices = slices};
    range_t own = par_tree_share(slices, par->rank, par->size);
    a.n_mine = (int)(own.end - own.begin);
    for (int s = 0; s < slices; s++)
        a.all[s] = MEM_NEW(float, N);
    return a;
}

static void fill_arrays(const par_t *par, const exchange_t *x, arrays_t *a, int round)
{
    range_t own = par_tree_share(a->slices, par->rank, par->size);
    for (int s = 0; s < a->slices; s++)
        fill(s, round, a->all[s]);
    for (int k = 0; k < a->n_mine; k++)
        memcpy(exchange_array(x, k), a->all[own.begin + k], N * sizeof(float));
}

static void free_arrays(arrays_t *a)
{
    for (int s = 0; s < a->slices; s++)
        free(a->all[s]);
}

static void check_round(const exchange_t *x, const arrays_t *a)
{
    for (int b = 0; b < exchange_buckets(x); b++) {
        if (!exchange_owns(x, b))
            continue;
        range_t floats = exchange_bucket(x, b);
        const float *sum = exchange_sum(x, b);
        for (int64_t i = floats.begin; i < floats.end; i++)
            if (sum[i - floats.begin] != tree(a->all, a->slices, i, 0, 1))
                fail_msg("%d slices, bucket %d, entry %ld", a->slices, b, (long)i);
    }
}

static void play_rounds(const par_t *par, int slices, int machines)
{
    arrays_t a = make_arrays(par, slices);
    exchange_t *x = exchange_create(par, slices, N, island(par, machines));
    for (int round = 0; round < ROUNDS; round++) {
        fill_arrays(par, x, &a, round);
        for (int k = 0; k < exchange_buckets(x); k += 1 + par->rank) // in orders of their own
            exchange_ready(x, par->rank % 2 ? k : exchange_buckets(x) - 1 - k);
        exchange_progress(x);
        exchange_finish(x);
        check_round(x, &a);
        par_barrier(par);
    }
    exchange_destroy(&x);
    free_arrays(&a);
}

static void sums_are_those_of_the_fixed_tree(void **state)
{
    for (int slices = 1; slices <= MOST_SLICES; slices += 1 + slices / 3)
        for (int machines = ONE_MACHINE; machines < MACHINES; machines++)
            play_rounds(ranks(state), slices, machines);
}

static void each_bucket_has_one_owner(void **state)
{
    const par_t *par = ranks(state);
    for (int slices = 1; slices <= MOST_SLICES; slices += 1 + slices / 3) {
        exchange_t *x = exchange_create(par, slices, N, 0);
        range_t own = par_tree_share(slices, par->rank, par->size);
        for (int b = 0; b < exchange_buckets(x); b++) {
            bool mine = exchange_owns(x, b);
            assert_int_equal(par_sum_i64(par, mine), 1);
            if (own.begin == own.end)
                assert_false(mine);
        }
        exchange_destroy(&x);
    }
}

static void spread_twice(exchange_t *x, const float *whole, float *array)
{
    for (int round = 0; round < ROUNDS; round++) {
        memset(array, 0, N * sizeof *array);
        for (int b = 0; b < exchange_buckets(x); b++) {
            range_t floats = exchange_bucket(x, b);
            if (exchange_owns(x, b))
                memcpy(array + floats.begin, whole + floats.begin,
                       (size_t)(floats.end - floats.begin) * sizeof *array);
        }
        exchange_spread(x, array);
        assert_memory_equal(array, whole, N * sizeof *array);
    }
}

static void what_each_rank_has_reaches_all(void **state)
{
    const par_t *par = ranks(state);
    float *whole = MEM_NEW(float, N), *array = MEM_NEW(float, N);
    fill(0, 0, whole);
    for (int machines = ONE_MACHINE; machines < MACHINES; machines++) {
        exchange_t *x = exchange_create(par, 3, N, island(par, machines));
        spread_twice(x, whole, array);
        exchange_destroy(&x);
    }
    free(array);
    free(whole);
}

/* As after an error on one rank: the others have messages on their way. */
static void it_can_be_left_in_the_middle(void **state)
{
    const par_t *par = ranks(state);
    for (int machines = ONE_MACHINE; machines < MACHINES; machines++) {
        exchange_t *x = exchange_create(par, 4, N, island(par, machines));
        if (par->rank == 0)
            exchange_ready(x, 2);
        exchange_destroy(&x);
        assert_null(x);
        exchange_destroy(&x);
    }
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(sums_are_those_of_the_fixed_tree, &par),
        cmocka_unit_test_prestate(each_bucket_has_one_owner, &par),
        cmocka_unit_test_prestate(what_each_rank_has_reaches_all, &par),
        cmocka_unit_test_prestate(it_can_be_left_in_the_middle, &par),
    };
    int failed = cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
    par_stop(&par);
    return failed;
}
