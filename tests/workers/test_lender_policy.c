// SPDX-License-Identifier: Apache-2.0
//
// The policy in made-up campaigns (tests/reference/campaign_play.h, which checks every lease and every meeting), and by
// hand. Times are those of a virtual clock.
#include "cluster/err.h"
#include "cluster/rng.h"
#include "tests/reference/campaign_play.h"
#include "workers/lender_policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t all_rows(const world_t *w)
{
    return w->shards * w->shard_rows;
}

static void assert_whole(const world_t *w, const outcome_t *o)
{
    assert_int_equal(o->lent, all_rows(w));
    assert_int_equal(o->sealed, w->shards);
}

static void every_row_is_lent_once_and_every_shard_sealed(void **state)
{
    (void)state;
    static const int ranks[] = {1, 2, 3, 4, 7, 64, 200};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        world_t w = world_usual();
        w.ranks = ranks[i];
        outcome_t o = play(&w);
        assert_whole(&w, &o);
    }
}

// 60 groups of 2, and 20 shards: most ranks work on the shards of others.
static void more_groups_than_shards_share_them(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 120;
    w.group_ranks = 2;
    outcome_t o = play(&w);
    assert_whole(&w, &o);
    assert_true(o.shared > 0);
}

static void one_group_shares_nothing(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 16;
    outcome_t o = play(&w);
    assert_int_equal(o.shared, 0);
}

// At most one shard of each group is shared: near the end, when there is none left to claim or to take.
static void groups_share_little_where_there_are_many_shards(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 32;
    w.group_ranks = 4;
    w.shards = 400;
    outcome_t o = play(&w);
    assert_whole(&w, &o);
    assert_true(o.shared <= 8);
    assert_true(o.meetings >= 8);
}

static void nothing_to_do_is_one_meeting(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.shards = 0;
    outcome_t o = play(&w);
    assert_int_equal(o.meetings, 0);
    assert_int_equal(o.meetings_all, 1);
    assert_int_equal(o.leases, 0);
}

// A lease is 100 ms of work, an ask half a millisecond: with what the end and the meetings cost, at most 5 % are lost.
static void ranks_are_busy_with_a_steady_simulator(void **state)
{
    (void)state;
    world_t w = world_usual();
    outcome_t o = play(&w);
    assert_true(o.idle_share < 0.05);
    assert_true(o.elapsed * w.ranks / (double)o.leases > 0.01);
}

static void a_fast_simulator_gets_long_leases_and_few_meetings(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.mean = 2e-6;
    w.shards = 1000;
    outcome_t o = play(&w); // 8.2 s of work for four ranks
    assert_true(o.idle_share < 0.10);
    assert_true(o.meetings < 6);
}

// One draw may take a hundred times the mean: 64 ranks in 4 groups, 0.1 s a draw, two minutes of work for each.
static void heavy_tails_idle_little(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 64;
    w.mean = 0.1;
    w.spread = 1.5;
    outcome_t o = play(&w);
    assert_true(o.idle_share < 0.10);
    assert_whole(&w, &o);
}

// The small half of the table in workers/README.md: ten minutes of work for each rank. The bounds are twice what is there.
static void ranks_from_1_to_100_are_busy_whatever_a_row_costs(void **state)
{
    (void)state;
    static const int ranks[] = {1, 10, 100};
    static const double mean[] = {1e-4, 1e-2};
    for (int r = 0; r < 3; r++)
        for (int m = 0; m < 2; m++)
            for (cost_kind_t kind = COST_LOGNORMAL; kind <= COST_LOG_UNIFORM; kind++) {
                world_t w = world_usual();
                w.ranks = ranks[r];
                w.mean = mean[m];
                w.cost = kind;
                w.spread = kind == COST_LOGNORMAL ? 1.5 : 3;
                w.shards = (int)(600 * w.ranks / w.mean / (double)w.shard_rows);
                outcome_t o = play(&w);
                assert_whole(&w, &o);
                assert_true(o.idle_share < 0.04);
                assert_true(o.lender_share < 0.15);
            }
}

static void memory_calls_a_meeting(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 1;
    w.room = 5000; // a shard and what is open of the next
    outcome_t o = play(&w);
    assert_true(o.most_rows <= w.room);
    assert_whole(&w, &o);
}

// Two shards fit each rank, and all ranks work on shards of all groups.
static void short_memory_makes_meetings_of_all(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 12;
    w.group_ranks = 2;
    w.shards = 14;
    w.shard_rows = 256;
    w.room = 512;
    outcome_t o = play(&w);
    assert_true(o.most_rows <= w.room);
    assert_whole(&w, &o);
    w.shards = 400;
    o = play(&w);
    assert_true(o.most_rows <= w.room);
    assert_whole(&w, &o);
}

static void a_stop_ends_with_what_was_lent(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.stop_at = 7;
    outcome_t o = play(&w);
    assert_true(o.lent > 0 && o.lent < all_rows(&w));
    assert_true(o.elapsed < w.stop_at + 1);
    assert_int_equal(o.sealed, o.lent / w.shard_rows);
}

static void a_stop_reaches_all_groups(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.ranks = 40;
    w.group_ranks = 4;
    w.shards = 400;
    w.stop_at = 20;
    outcome_t o = play(&w);
    assert_true(o.sealed > 0 && o.sealed < w.shards);
    assert_true(o.elapsed < w.stop_at + 1);
    assert_int_equal(o.meetings_all, 1);
}

static void a_failed_rank_calls_the_last_meeting(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.fail_at = 30000;
    outcome_t o = play(&w);
    assert_true(o.lent > w.fail_at && o.lent < all_rows(&w));
    assert_int_equal(o.sealed, w.fail_at / w.shard_rows); // its shard, the eighth, stays open
}

static void too_many_failures_end_the_campaign(void **state)
{
    (void)state;
    world_t w = world_usual();
    w.failure_share = 0.3;
    w.failure_limit = 0.2;
    outcome_t o = play(&w);
    assert_true(o.failing);
    assert_true(o.lent >= 100 && o.lent < 1000);
    w.failure_limit = 0.4;
    o = play(&w);
    assert_false(o.failing);
    assert_whole(&w, &o);
}

// Whatever the campaign: its rows and shards come out whole, or what was asked for ends it.
static world_t any_world(uint64_t number)
{
    rng_t r = rng_at(99, RNG_CHECK, number);
    world_t w = world_usual();
    w.ranks = (int)rng_integer(&r, 1, 60);
    w.group_ranks = (int)rng_integer(&r, 1, 16);
    w.shards = (int)rng_integer(&r, 0, 60);
    w.shard_rows = rng_integer(&r, 1, 600);
    w.mean = pow(10, -6 + 7 * rng_uniform(&r));
    w.spread = 2 * rng_uniform(&r);
    w.room = rng_uniform(&r) < 0.5 ? 2 * w.shard_rows : 1 << 20;
    if (rng_uniform(&r) < 0.2)
        w.stop_at = rng_uniform(&r) * w.mean * (double)all_rows(&w) / w.ranks;
    if (rng_uniform(&r) < 0.2)
        w.fail_at = rng_integer(&r, 0, all_rows(&w));
    return w;
}

static void any_campaign_comes_out_whole(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 500; number++) {
        world_t w = any_world(number);
        outcome_t o = play(&w);
        assert_true(o.most_rows <= w.room);
        if (isinf(w.stop_at) && w.fail_at < 0)
            assert_whole(&w, &o);
    }
}

/* ---- by hand ---- */

static const lender_ask_t idle = {.room = 1000};

static void a_draw_that_does_not_end_is_seen(void **state)
{
    (void)state;
    const int64_t end = 100;
    lender_plan_t plan = lender_plan_default(2, 1, &end);
    lender_policy_t *p = lender_policy_create(&plan, 0);
    assert_int_equal(lender_policy_ask(p, 0, 0, &idle).kind, LENDER_LEND);
    lender_answer_t lease = lender_policy_ask(p, 0, 1, &idle);
    assert_false(lender_policy_overdue(p, 1000, 30));
    lender_policy_stop(p, 1000);
    lender_ask_t done = {.done = lease.end - lease.begin, .seconds = 1, .room = 1000};
    assert_int_equal(lender_policy_ask(p, 1001, 1, &done).kind, LENDER_HOLD);
    assert_int_equal(lender_policy_held(p), 1);
    assert_false(lender_policy_overdue(p, 1029, 30));
    assert_true(lender_policy_overdue(p, 1031, 30));
    assert_int_equal(lender_policy_ask(p, 1032, 0, &done).kind, LENDER_MEET);
    assert_false(lender_policy_overdue(p, 2000, 30)); // sealing may take its time
    lender_policy_destroy(&p);
}

// Two groups of one rank. The second takes what the first has not begun, and they share the last shard.
static void a_dry_group_takes_then_borrows(void **state)
{
    (void)state;
    static const int64_t ends[] = {4, 8};
    static const int group[] = {0, 1};
    lender_plan_t plan = lender_plan_default(2, 2, ends);
    plan.groups = 2;
    plan.group = group;
    lender_policy_t *p = lender_policy_create(&plan, 0);
    lender_ask_t ask = {.done = 0, .room = 100};
    lender_answer_t a = lender_policy_ask(p, 0, 0, &ask);
    assert_int_equal(a.begin, 0);
    a = lender_policy_ask(p, 0, 1, &ask);
    assert_int_equal(a.begin, 4);
    for (int64_t row = 5; row <= 8;
         row++) { // the second rank's own, one dear row at a time, then the first's
        ask = (lender_ask_t){.done = 1, .seconds = 1, .room = 100};
        a = lender_policy_ask(p, (double)row, 1, &ask);
        assert_int_equal(a.kind, LENDER_LEND);
        assert_int_equal(a.begin, row < 8 ? row : 1);
    }
    lender_policy_stop(p, 9);
    a = lender_policy_ask(p, 9, 1, &ask); // its own shard is complete
    assert_int_equal(a.kind, LENDER_MEET);
    assert_false(a.all);
    assert_int_equal(a.n_runs, 1);
    assert_int_equal(a.run[0].first, 1);
    assert_int_equal(a.run[0].count, 1);
    assert_int_equal(lender_policy_ask(p, 10, 1, &idle).kind, LENDER_HOLD);
    a = lender_policy_ask(p, 10, 0, &ask);
    assert_true(a.kind == LENDER_MEET && a.all && a.last);
    assert_int_equal(a.n_runs, 0); // the first shard is not complete
    lender_policy_destroy(&p);
}

// Shards 0 and 2 lack no row (all were in journals), and are sealed with the others.
static void shards_without_a_missing_row_are_sealed(void **state)
{
    (void)state;
    static const int64_t ends[] = {0, 1, 1};
    lender_plan_t plan = lender_plan_default(1, 3, ends);
    lender_policy_t *p = lender_policy_create(&plan, 0);
    lender_answer_t a = lender_policy_ask(p, 0, 0, &idle);
    assert_int_equal(a.kind, LENDER_LEND);
    lender_ask_t done = {.done = 1, .seconds = 1, .room = 100};
    int sealed = 0;
    for (a = lender_policy_ask(p, 1, 0, &done);; a = lender_policy_ask(p, 2, 0, &idle)) {
        assert_int_equal(a.kind, LENDER_MEET);
        for (int i = 0; i < a.n_runs; i++)
            sealed += a.run[i].count;
        if (a.last)
            break;
    }
    assert_int_equal(sealed, 3);
    lender_policy_destroy(&p);
}

static void a_lease_that_was_cut_short_leaves_its_shards_open(void **state)
{
    (void)state;
    static const int64_t ends[] = {1, 2};
    lender_plan_t plan = lender_plan_default(1, 2, ends);
    lender_policy_t *p = lender_policy_create(&plan, 0);
    lender_policy_ask(p, 0, 0, &idle);
    lender_ask_t ask = {.done = 1, .seconds = 1, .room = 100};
    assert_int_equal(lender_policy_ask(p, 1, 0, &ask).begin, 1);
    ask = (lender_ask_t){.stop = true, .room = 100};
    lender_answer_t a = lender_policy_ask(p, 2, 0, &ask);
    assert_int_equal(a.n_runs, 1);
    assert_int_equal(a.run[0].first, 0);
    assert_int_equal(a.run[0].count, 1);
    a = lender_policy_ask(p, 3, 0, &idle);
    assert_true(a.last);
    assert_int_equal(a.n_runs, 0);
    lender_policy_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_lent_once_and_every_shard_sealed),
        cmocka_unit_test(more_groups_than_shards_share_them),
        cmocka_unit_test(one_group_shares_nothing),
        cmocka_unit_test(groups_share_little_where_there_are_many_shards),
        cmocka_unit_test(nothing_to_do_is_one_meeting),
        cmocka_unit_test(ranks_are_busy_with_a_steady_simulator),
        cmocka_unit_test(a_fast_simulator_gets_long_leases_and_few_meetings),
        cmocka_unit_test(heavy_tails_idle_little),
        cmocka_unit_test(ranks_from_1_to_100_are_busy_whatever_a_row_costs),
        cmocka_unit_test(memory_calls_a_meeting),
        cmocka_unit_test(short_memory_makes_meetings_of_all),
        cmocka_unit_test(a_stop_ends_with_what_was_lent),
        cmocka_unit_test(a_stop_reaches_all_groups),
        cmocka_unit_test(a_failed_rank_calls_the_last_meeting),
        cmocka_unit_test(too_many_failures_end_the_campaign),
        cmocka_unit_test(any_campaign_comes_out_whole),
        cmocka_unit_test(a_draw_that_does_not_end_is_seen),
        cmocka_unit_test(a_dry_group_takes_then_borrows),
        cmocka_unit_test(shards_without_a_missing_row_are_sealed),
        cmocka_unit_test(a_lease_that_was_cut_short_leaves_its_shards_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
