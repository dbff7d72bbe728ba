// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/par.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_LEAVES = 17, N = 37 };

static const par_t *ranks(void **state)
{
    return *state;
}

static void agree_is_ok_when_all_are(void **state)
{
    assert_int_equal(par_agree(ranks(state), OK), OK);
}

static void agree_gives_the_worst_code_and_its_text(void **state)
{
    const par_t *par = ranks(state);
    int culprit = par->size - 1;
    err_t mine = par->rank == culprit ? err_fail(ERR_FORMAT, "shard 7 is torn") : OK;
    err_t err = par_agree(par, mine);
    assert_true(err_is(err, ERR_FORMAT));
    assert_non_null(strstr(err_text(), "shard 7 is torn"));
    char name[32];
    snprintf(name, sizeof name, "rank %d on ", culprit);
    if (par->size > 1)
        assert_ptr_equal(strstr(err_text(), name), err_text());
}

static void agree_takes_the_lowest_rank_with_the_worst_code(void **state)
{
    const par_t *par = ranks(state);
    err_t mine =
        par->rank == 0 ? err_fail(ERR_IO, "rank 0's") : err_fail(ERR_GATE, "of %d", par->rank);
    err_t err = par_agree(par, mine);
    assert_true(err_is(err, par->size > 1 ? ERR_GATE : ERR_IO));
    assert_non_null(strstr(err_text(), par->size > 1 ? "of 1" : "rank 0's"));
}

static void agree_names_no_rank_when_all_failed_alike(void **state)
{
    err_t err = par_agree(ranks(state), err_fail(ERR_USAGE, "no such key"));
    assert_true(err_is(err, ERR_USAGE));
    assert_string_equal(err_text(), "no such key");
}

static void agree_finds_words_where_there_is_no_text(void **state)
{
    err_clear();
    assert_true(err_is(par_agree(ranks(state), -(err_t)ERR_STOPPED), ERR_STOPPED));
    assert_string_equal(err_text(), err_words(-(err_t)ERR_STOPPED));
}

static void any_sees_one_rank(void **state)
{
    const par_t *par = ranks(state);
    assert_true(par_any(par, par->rank == par->size - 1));
    assert_false(par_any(par, false));
}

static void ranks_of_this_test_share_a_host(void **state)
{
    assert_true(par_one_host(ranks(state)));
}

static void sums_and_maxima_are_over_all_ranks(void **state)
{
    const par_t *par = ranks(state);
    assert_int_equal(par_sum_i64(par, par->rank + 1), par->size * (par->size + 1) / 2);
    assert_true(par_max_f64(par, -1.5 * par->rank) == 0.0);
}

static void text_reaches_every_rank(void **state)
{
    const par_t *par = ranks(state);
    char *text = par_broadcast_text(par, 0, par->rank == 0 ? "tcp://127.0.0.1:5000" : NULL);
    assert_string_equal(text, "tcp://127.0.0.1:5000");
    free(text);
    assert_null(par_broadcast_text(par, par->size - 1, NULL));
}

static void nobody_goes_on_before_root(void **state)
{
    const par_t *par = ranks(state);
    const char *base = getenv("TMPDIR");
    char *mine =
        par->rank == 0 ? mem_format("%s/infermill-await-XXXXXX", base ? base : "/tmp") : NULL;
    int fd = par->rank == 0 ? mkstemp(mine) : -1; // makes a name
    char *path = par_broadcast_text(par, 0, mine);
    if (par->rank == 0)
        unlink(path);
    par_barrier(par);
    if (par->rank == 0) {
        usleep(20000);
        assert_int_equal(symlink("here", path), 0);
    }
    par_await(par, 0);
    char words[8];
    assert_int_equal(readlink(path, words, sizeof words), 4);
    par_barrier(par);
    if (par->rank == 0) {
        unlink(path);
        close(fd);
    }
    free(path);
    free(mine);
}

static void shares_cover_everything_once(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 40; n++) {
        for (int size = 1; size < 12; size++) {
            int64_t next = 0;
            for (int rank = 0; rank < size; rank++) {
                range_t share = par_share(n, rank, size);
                assert_int_equal(share.begin, next);
                assert_in_range(share.end - share.begin, n / size, n / size + 1);
                next = share.end;
            }
            assert_int_equal(next, n);
        }
    }
}

static void tree_shares_agree_with_owners(void **state)
{
    (void)state;
    for (int leaves = 1; leaves < 40; leaves++) {
        for (int size = 1; size < 12; size++) {
            for (int leaf = 0; leaf < leaves; leaf++) {
                int owner = par_tree_owner(leaves, leaf, size);
                range_t share = par_tree_share(leaves, owner, size);
                assert_in_range(leaf, share.begin, share.end - 1);
                assert_in_range(owner, 0, size - 1);
            }
        }
    }
}

static void ranks_beyond_the_leaves_own_none(void **state)
{
    (void)state;
    range_t none = par_tree_share(3, 3, 5);
    assert_int_equal(none.begin, none.end);
    assert_int_equal(par_tree_owner(3, 2, 5), 2);
}

// Values whose sum depends on the order of adding.
static double leaf_value(int leaf, int i)
{
    double sign = (leaf + i) % 2 ? -1.0 : 1.0;
    return sign * (1.0 + 0.37 * leaf + 0.011 * i) * (leaf % 3 == 0 ? 1e6 : 1e-3);
}

// The same tree, written as its definition says, on one process.
static double whole_tree(int leaves, int i, int k, int width)
{
    int begin = k * leaves / width, end = (k + 1) * leaves / width;
    if (begin == end)
        return 0.0;
    if (end - begin == 1)
        return leaf_value(begin, i);
    int middle = (2 * k + 1) * leaves / (2 * width);
    if (middle == begin || middle == end)
        return whole_tree(leaves, i, middle == begin ? 2 * k + 1 : 2 * k, 2 * width);
    return whole_tree(leaves, i, 2 * k, 2 * width) + whole_tree(leaves, i, 2 * k + 1, 2 * width);
}

static void tree_sum_is_the_fixed_tree(void **state)
{
    const par_t *par = ranks(state);
    for (int leaves = 1; leaves <= MAX_LEAVES; leaves++) {
        range_t own = par_tree_share(leaves, par->rank, par->size);
        double block[MAX_LEAVES][N], *mine[MAX_LEAVES], sum[N];
        for (int64_t leaf = own.begin; leaf < own.end; leaf++) {
            mine[leaf - own.begin] = block[leaf];
            for (int i = 0; i < N; i++)
                block[leaf][i] = leaf_value((int)leaf, i);
        }
        par_tree_sum_f64(par, leaves, N, mine, sum);
        for (int i = 0; i < N; i++)
            assert_true(sum[i] == whole_tree(leaves, i, 0, 1));
    }
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(agree_is_ok_when_all_are, &par),
        cmocka_unit_test_prestate(agree_gives_the_worst_code_and_its_text, &par),
        cmocka_unit_test_prestate(agree_takes_the_lowest_rank_with_the_worst_code, &par),
        cmocka_unit_test_prestate(agree_names_no_rank_when_all_failed_alike, &par),
        cmocka_unit_test_prestate(agree_finds_words_where_there_is_no_text, &par),
        cmocka_unit_test_prestate(any_sees_one_rank, &par),
        cmocka_unit_test_prestate(ranks_of_this_test_share_a_host, &par),
        cmocka_unit_test_prestate(sums_and_maxima_are_over_all_ranks, &par),
        cmocka_unit_test_prestate(text_reaches_every_rank, &par),
        cmocka_unit_test_prestate(nobody_goes_on_before_root, &par),
        cmocka_unit_test_prestate(shares_cover_everything_once, &par),
        cmocka_unit_test_prestate(tree_shares_agree_with_owners, &par),
        cmocka_unit_test_prestate(ranks_beyond_the_leaves_own_none, &par),
        cmocka_unit_test_prestate(tree_sum_is_the_fixed_tree, &par),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&par, failed != 0);
    par_stop(&par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
