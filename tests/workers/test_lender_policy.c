// SPDX-License-Identifier: Apache-2.0
//
// The policy under a discrete-event simulation: ranks, a clock and the cost of each row are made up, the decisions are
// those of a campaign.
#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "workers/lender_policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEED = 5, MAX_RANKS = 200 };

static const double latency = 5e-4; // of an ask and its answer

typedef struct {
    int ranks, shards;
    int64_t shard_rows;
    double mean, spread; // seconds of a row: lognormal, sd of the logarithm
    double seal;         // seconds of a meeting
    int64_t room;        // rows in a rank's memory
    double stop_at;      // a stop is asked for; INFINITY: never
    int64_t fail_at;     // the lease with this position fails; -1: none
} world_t;

typedef struct {
    int64_t asks, leases, meetings, most_unsealed, lent;
    double elapsed, busy, sealing, idle_share;
    uint8_t *times; // (rows) how often each was lent
    bool last;
} outcome_t;

typedef struct {
    double ready; // when it asks next
    lender_ask_t ask;
    bool held;
    int64_t in_memory;
} rank_t;

static double row_cost(const world_t *w, int64_t row)
{
    rng_t r = rng_at(SEED, RNG_CHECK, (uint64_t)row);
    return w->mean * exp(w->spread * rng_normal(&r) - w->spread * w->spread / 2);
}

static void simulate_lease(const world_t *w, rank_t *rank, lender_answer_t a, outcome_t *o)
{
    double seconds = 0;
    bool fails = w->fail_at >= a.begin && w->fail_at < a.end;
    for (int64_t row = a.begin; row < a.end; row++) {
        seconds += row_cost(w, row);
        o->times[row]++;
    }
    rank->in_memory += a.end - a.begin;
    rank->ready += latency + seconds;
    rank->ask = (lender_ask_t){.done = fails ? 0 : a.end - a.begin,
                               .seconds = seconds,
                               .room = w->room - rank->in_memory,
                               .failed = fails,
                               .stop = rank->ready >= w->stop_at};
    o->busy += seconds;
    o->leases++;
    o->lent = a.end;
    o->most_unsealed = rank->in_memory > o->most_unsealed ? rank->in_memory : o->most_unsealed;
}

static void hold_meeting(const world_t *w, rank_t *rank, double now, lender_answer_t a,
                         outcome_t *o)
{
    int64_t open = a.end % w->shard_rows; // of the shard that is not complete
    for (int r = 0; r < w->ranks; r++) {
        rank[r].ready = now + latency + w->seal;
        rank[r].held = false;
        rank[r].in_memory = rank[r].in_memory < open ? rank[r].in_memory : open;
        rank[r].ask = (lender_ask_t){.room = w->room - rank[r].in_memory,
                                     .stop = rank[r].ready >= w->stop_at};
    }
    o->sealing += w->seal;
    o->meetings++;
    o->last = a.last;
    o->elapsed = now + latency + w->seal;
}

static int next_rank(const world_t *w, const rank_t *rank)
{
    int next = -1;
    for (int r = 0; r < w->ranks; r++)
        if (!rank[r].held && (next < 0 || rank[r].ready < rank[next].ready))
            next = r;
    return next;
}

static outcome_t play(const world_t *w)
{
    rank_t rank[MAX_RANKS] = {{0}};
    int64_t *ends = MEM_NEW(int64_t, w->shards);
    outcome_t o = {.times = MEM_NEW(uint8_t, w->shards * w->shard_rows)};
    for (int k = 0; k < w->shards; k++)
        ends[k] = (k + 1) * w->shard_rows;
    lender_plan_t plan = lender_plan_default(w->ranks, w->shards, ends);
    lender_policy_t *policy = lender_policy_create(&plan, 0);
    for (int r = 0; r < w->ranks; r++)
        rank[r].ask.room = w->room;
    while (!o.last) {
        int r = next_rank(w, rank);
        assert_true(r >= 0); // else all are held and nobody is called: a hang
        lender_answer_t a = lender_policy_ask(policy, rank[r].ready, r, &rank[r].ask);
        o.asks++;
        rank[r].held = a.kind == LENDER_HOLD;
        if (a.kind == LENDER_LEND)
            simulate_lease(w, &rank[r], a, &o);
        else if (a.kind == LENDER_MEET)
            hold_meeting(w, rank, rank[r].ready, a, &o);
    }
    o.idle_share = 1 - (o.busy / w->ranks + o.sealing) / o.elapsed;
    lender_policy_destroy(&policy);
    free(ends);
    return o;
}

static void assert_lent_once(const world_t *w, const outcome_t *o, int64_t rows)
{
    for (int64_t row = 0; row < w->shards * w->shard_rows; row++)
        assert_int_equal(o->times[row], row < rows);
}

static const world_t usual = {.ranks = 4,
                              .shards = 20,
                              .shard_rows = 4096,
                              .mean = 1e-3,
                              .spread = 0.5,
                              .seal = 0.05,
                              .room = 1 << 20,
                              .stop_at = INFINITY,
                              .fail_at = -1};

static void every_row_is_lent_once(void **state)
{
    (void)state;
    static const int ranks[] = {1, 2, 3, 4, 7, 64, 200};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        world_t w = usual;
        w.ranks = ranks[i];
        outcome_t o = play(&w);
        assert_lent_once(&w, &o, w.shards * w.shard_rows);
        free(o.times);
    }
}

static void nothing_to_do_is_one_meeting(void **state)
{
    (void)state;
    world_t w = usual;
    w.shards = 0;
    outcome_t o = play(&w);
    assert_int_equal(o.meetings, 1);
    assert_int_equal(o.leases, 0);
    free(o.times);
}

// A lease is 20 ms of work, an ask half a millisecond: with what the end and the meetings cost, at most 5 % are lost.
static void ranks_are_busy_with_a_steady_simulator(void **state)
{
    (void)state;
    outcome_t o = play(&usual);
    assert_true(o.idle_share < 0.05);
    assert_true(o.busy / (double)o.leases > 0.01);
    free(o.times);
}

static void a_fast_simulator_gets_long_leases_and_few_meetings(void **state)
{
    (void)state;
    world_t w = usual;
    w.mean = 2e-6;
    w.shards = 1000;
    outcome_t o = play(&w); // 8.2 s of work for four ranks
    assert_true(o.idle_share < 0.10);
    assert_true(o.meetings < 6);
    free(o.times);
}

// One draw may take a hundred times the mean: 64 ranks, 0.1 s a draw.
static void heavy_tails_idle_little(void **state)
{
    (void)state;
    world_t w = usual;
    w.ranks = 64;
    w.mean = 0.1;
    w.spread = 1.5;
    outcome_t o = play(&w);
    assert_true(o.idle_share < 0.10);
    assert_lent_once(&w, &o, w.shards * w.shard_rows);
    free(o.times);
}

static void memory_calls_a_meeting(void **state)
{
    (void)state;
    world_t w = usual;
    w.ranks = 1;
    w.room = 5000; // a shard and what is open of the next
    outcome_t o = play(&w);
    assert_true(o.most_unsealed <= w.room);
    assert_lent_once(&w, &o, w.shards * w.shard_rows);
    free(o.times);
}

static void a_stop_ends_with_what_was_lent(void **state)
{
    (void)state;
    world_t w = usual;
    w.stop_at = 7;
    outcome_t o = play(&w);
    assert_true(o.lent > 0 && o.lent < w.shards * w.shard_rows);
    assert_true(o.elapsed < w.stop_at + 1);
    assert_lent_once(&w, &o, o.lent);
    free(o.times);
}

static void a_failed_rank_calls_the_last_meeting(void **state)
{
    (void)state;
    world_t w = usual;
    w.fail_at = 30000;
    outcome_t o = play(&w);
    assert_true(o.lent > w.fail_at && o.lent < w.shards * w.shard_rows);
    assert_lent_once(&w, &o, o.lent);
    free(o.times);
}

static void a_draw_that_does_not_end_is_seen(void **state)
{
    (void)state;
    const int64_t end = 100;
    const lender_ask_t idle = {.room = 1000};
    lender_plan_t plan = lender_plan_default(2, 1, &end);
    lender_policy_t *p = lender_policy_create(&plan, 0);
    assert_int_equal(lender_policy_ask(p, 0, 0, &idle).kind, LENDER_LEND);
    assert_int_equal(lender_policy_ask(p, 0, 1, &idle).kind, LENDER_LEND);
    assert_false(lender_policy_overdue(p, 1000, 30));
    lender_policy_stop(p, 1000);
    assert_int_equal(lender_policy_ask(p, 1001, 1, &idle).kind, LENDER_HOLD);
    assert_int_equal(lender_policy_held(p), 1);
    assert_false(lender_policy_overdue(p, 1029, 30));
    assert_true(lender_policy_overdue(p, 1031, 30));
    assert_int_equal(lender_policy_ask(p, 1032, 0, &idle).kind, LENDER_MEET);
    assert_false(lender_policy_overdue(p, 2000, 30)); // sealing may take its time
    lender_policy_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_lent_once),
        cmocka_unit_test(nothing_to_do_is_one_meeting),
        cmocka_unit_test(ranks_are_busy_with_a_steady_simulator),
        cmocka_unit_test(a_fast_simulator_gets_long_leases_and_few_meetings),
        cmocka_unit_test(heavy_tails_idle_little),
        cmocka_unit_test(memory_calls_a_meeting),
        cmocka_unit_test(a_stop_ends_with_what_was_lent),
        cmocka_unit_test(a_failed_rank_calls_the_last_meeting),
        cmocka_unit_test(a_draw_that_does_not_end_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
