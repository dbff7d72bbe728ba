// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/par.h"
#include "cluster/stop.h"
#include "workers/lender.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SHARDS = 6,
    SHARD_ROWS = 100,
    TOTAL = SHARDS * SHARD_ROWS,
    ROOM = 250,
    ROW_MICROSECONDS = 200
};

static const int64_t shard_end[SHARDS] = {100, 200, 300, 400, 500, 600};

typedef struct {
    int64_t lent[TOTAL]; // how often this rank simulated each
    int64_t mine, meetings, sealed, most,
        told; // rows; meetings; shards; rows in memory at most; rows of all, as last told
} work_t;

// Short blocks: a lease is much less than what fits the memory.
static lender_plan_t short_plan(const par_t *par)
{
    lender_plan_t plan = lender_plan_default(par->size, SHARDS, shard_end);
    plan.block_seconds = 0.02;
    return plan;
}

static lender_t *open_lender(const par_t *par)
{
    lender_config_t config = {.plan = short_plan(par)};
    lender_t *lender;
    assert_int_equal(lender_open(par, &config, &lender), OK);
    return lender;
}

// Works until the last meeting; `fail_at` (-1: never) is a position whose lease fails.
static lender_answer_t work(const par_t *par, lender_t *lender, int64_t fail_at, work_t *w)
{
    lender_ask_t ask = {.room = ROOM};
    int64_t kept = 0;
    memset(w, 0, sizeof *w);
    for (;;) {
        lender_answer_t a = lender_borrow(lender, &ask);
        w->told = a.done;
        if (a.kind == LENDER_MEET) {
            par_barrier(par); // of the one group there is
            w->meetings += !a.all;
            for (int i = 0; i < a.n_runs; i++)
                w->sealed += a.run[i].count;
            kept = 0; // what a rank keeps of an open shard is not looked at here
            if (a.last)
                return a;
            ask = (lender_ask_t){.room = ROOM};
            continue;
        }
        for (int64_t row = a.begin; row < a.end; row++)
            w->lent[row]++;
        kept += a.end - a.begin;
        w->mine += a.end - a.begin;
        w->most = kept > w->most ? kept : w->most;
        usleep((useconds_t)(ROW_MICROSECONDS * (a.end - a.begin)));
        bool fails = fail_at >= a.begin && fail_at < a.end;
        ask = (lender_ask_t){.done = fails ? 0 : a.end - a.begin,
                             .seconds = 1e-6 * ROW_MICROSECONDS * (double)(a.end - a.begin),
                             .room = ROOM - kept,
                             .failed = fails,
                             .stop = stop_requested()};
    }
}

static void every_row_is_simulated_by_one_rank(void **state)
{
    const par_t *par = *state;
    lender_t *lender = open_lender(par);
    work_t w;
    lender_answer_t last = work(par, lender, -1, &w);
    assert_true(last.all);
    assert_int_equal(w.sealed, SHARDS);
    assert_int_equal(w.told, TOTAL);
    for (int row = 0; row < TOTAL; row++)
        assert_int_equal(par_sum_i64(par, w.lent[row]), 1);
    lender_close(&lender);
}

static void short_memory_makes_meetings_and_is_kept_to(void **state)
{
    const par_t *par = *state;
    lender_t *lender = open_lender(par);
    work_t w;
    work(par, lender, -1, &w);
    assert_true(w.most <= ROOM);
    assert_true(w.meetings >= (par->size == 1 ? 3 : 1));
    par_barrier(par);
    lender_close(&lender);
}

static void a_failed_rank_ends_the_work_of_all(void **state)
{
    const par_t *par = *state;
    lender_t *lender = open_lender(par);
    work_t w;
    lender_answer_t last = work(par, lender, 150, &w);
    assert_true(last.last);
    assert_in_range(par_sum_i64(par, w.mine), 151, TOTAL - 1);
    assert_true(w.sealed < SHARDS); // that of position 150 stays open
    lender_close(&lender);
}

static void an_ask_told_twice_is_answered_once(void **state)
{
    const par_t *par = *state;
    lender_t *lender = open_lender(par);
    lender_answer_t first = {.kind = LENDER_HOLD}, again;
    if (par->rank == 0)
        first = lender_borrow(lender, &(lender_ask_t){.room = ROOM});
    par_barrier(par);
    if (par->rank == 0) {
        again = lender_borrow(lender, &(lender_ask_t){.done = 1, .seconds = 1e-3, .room = ROOM});
        assert_int_equal(first.begin, 0);
        assert_int_equal(again.begin, first.end);
        assert_false(lender_wait(lender, 50, &again));
    }
    par_barrier(par);
    lender_close(&lender);
}

// Each rank a group of its own: shard lists travel, and the last meeting is of all.
static void groups_meet_alone(void **state)
{
    const par_t *par = *state;
    int group[64];
    lender_config_t config = {.plan = short_plan(par)};
    config.plan.groups = par->size;
    config.plan.group = group;
    for (int r = 0; r < par->size; r++)
        group[r] = r;
    lender_t *lender;
    assert_int_equal(lender_open(par, &config, &lender), OK);
    int64_t own = 0, shared = 0;
    lender_answer_t a;
    for (lender_ask_t ask = {.room = TOTAL};;) {
        a = lender_borrow(lender, &ask);
        for (int i = 0; i < a.n_runs; i++)
            *(a.all ? &shared : &own) += a.run[i].count;
        if (a.last)
            break;
        ask = (lender_ask_t){.done = a.end - a.begin,
                             .seconds = 1e-6 * ROW_MICROSECONDS * (double)(a.end - a.begin),
                             .room = TOTAL};
        usleep((useconds_t)(ROW_MICROSECONDS * (a.end - a.begin)));
    }
    assert_int_equal(par_sum_i64(par, own) + shared, SHARDS);
    par_barrier(par);
    lender_close(&lender);
}

static int open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

// Each rank is a connection to rank 0; a login's limit of 1,024 files is less than a large run has ranks.
static void rank_0_may_open_a_file_for_each_rank(void **state)
{
    const par_t *par = *state;
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){(rlim_t)open_files() + 8, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    lender_t *lender = open_lender(par);
    work_t w;
    assert_int_equal(work(par, lender, -1, &w).done, TOTAL);
    par_barrier(par);
    lender_close(&lender);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void set_flag(void *flag)
{
    atomic_store((atomic_bool *)flag, true);
}

static void a_draw_beyond_the_grace_is_abandoned(void **state)
{
    const par_t *par = *state;
    atomic_bool abandoned = false;
    lender_config_t config = {
        .plan = short_plan(par), .stop_grace = 0.2, .abandon = set_flag, .user = &abandoned};
    lender_t *lender;
    work_t w;
    assert_int_equal(lender_open(par, &config, &lender), OK);
    if (par->rank == 0) {
        lender_borrow(lender, &(lender_ask_t){.room = ROOM});
        stop_request();
        while (!atomic_load(&abandoned)) // the draw that does not end
            usleep(1000);
    }
    assert_true(work(par, lender, -1, &w).last);
    par_barrier(par);
    lender_close(&lender);
}

static void a_stop_of_rank_0_ends_the_work_of_all(void **state)
{
    const par_t *par = *state;
    lender_t *lender = open_lender(par); // stop_request stands since the test before
    work_t w;
    usleep(300000);
    lender_answer_t last = work(par, lender, -1, &w);
    assert_true(last.last);
    assert_true(w.told < TOTAL);
    par_barrier(par);
    lender_close(&lender);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_row_is_simulated_by_one_rank, &par),
        cmocka_unit_test_prestate(short_memory_makes_meetings_and_is_kept_to, &par),
        cmocka_unit_test_prestate(a_failed_rank_ends_the_work_of_all, &par),
        cmocka_unit_test_prestate(an_ask_told_twice_is_answered_once, &par),
        cmocka_unit_test_prestate(groups_meet_alone, &par),
        cmocka_unit_test_prestate(rank_0_may_open_a_file_for_each_rank, &par),
        cmocka_unit_test_prestate(a_draw_beyond_the_grace_is_abandoned, &par),
        cmocka_unit_test_prestate(a_stop_of_rank_0_ends_the_work_of_all, &par),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&par, failed != 0);
    par_stop(&par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
