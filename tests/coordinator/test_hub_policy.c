// SPDX-License-Identifier: Apache-2.0
//
// The policy by hand, and in made-up refinements under a virtual clock: workers of all speeds that come, fall silent, die and
// lose messages, and a trainer that uses rows at its own pace.
#include "coordinator/hub_policy.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double BEAT = 2;

/* ---- by hand ---- */

static hub_policy_t *make(int64_t rows, int64_t window)
{
    hub_plan_t plan = hub_plan_default(0, rows, window, BEAT);
    hub_policy_t *p = hub_policy_create(&plan);
    hub_policy_window(p, 0, window);
    return p;
}

static hub_lease_t lent(hub_policy_t *p, double now, int worker, int64_t number, double row_seconds)
{
    hub_ask_t ask = {number, 1000000, row_seconds};
    hub_lease_t lease = {.worker = -1};
    assert_true(hub_policy_ask(p, now, worker, &ask, &lease));
    assert_int_equal(lease.worker, worker);
    assert_int_equal(lease.number, number);
    return lease;
}

static void not_lent(hub_policy_t *p, double now, int worker, int64_t number)
{
    hub_ask_t ask = {number, 1000000, 0.001};
    hub_lease_t lease;
    assert_false(hub_policy_ask(p, now, worker, &ask, &lease));
}

static int64_t take(hub_policy_t *p, int worker, int64_t begin, int64_t end)
{
    bool fresh[4096];
    return hub_policy_take(p, worker, begin, end, fresh);
}

static void assert_range(hub_lease_t lease, int64_t begin, int64_t end)
{
    assert_int_equal(lease.begin, begin);
    assert_int_equal(lease.end, end);
}

static void leases_begin_with_one_row_and_grow_to_the_measured_work(void **state)
{
    (void)state;
    hub_policy_t *p = make(100000, 10000);
    int a = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 0), 0, 1);
    assert_range(lent(p, 0, a, 2, 0.001), 1, 9);
    take(p, a, 0, 9);
    assert_range(lent(p, 0, a, 3, 0.001), 9, 73);
    assert_range(lent(p, 0, a, 4, 0.001), 73, 273); // 0.2 s
    take(p, a, 9, 273);
    assert_range(lent(p, 0, a, 5, 1), 273, 274); // at least one row
    hub_policy_destroy(&p);
}

static void nobody_takes_more_than_a_share_of_half_the_window(void **state)
{
    (void)state;
    hub_policy_t *p = make(100000, 100);
    int a = hub_policy_join(p, 0), b = hub_policy_join(p, 0);
    lent(p, 0, a, 1, 1e-6);
    lent(p, 0, b, 1, 1e-6);
    take(p, a, 0, 1);
    assert_range(lent(p, 0, a, 2, 1e-6), 2, 10);
    assert_range(lent(p, 0, a, 3, 1e-6), 10, 35);
    hub_policy_destroy(&p);
}

static void a_worker_gets_no_more_than_it_will_take(void **state)
{
    (void)state;
    hub_policy_t *p = make(1000, 1000);
    int a = hub_policy_join(p, 0);
    hub_lease_t lease;
    lent(p, 0, a, 1, 0);
    assert_true(hub_policy_ask(p, 0, a, &(hub_ask_t){2, 3, 1e-6}, &lease));
    assert_range(lease, 1, 4);
    hub_policy_destroy(&p);
}

static void the_same_ask_told_again_gets_the_same_answer(void **state)
{
    (void)state;
    hub_policy_t *p = make(100, 100);
    int a = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 0), 0, 1);
    assert_range(lent(p, 5, a, 1, 0), 0, 1);
    take(p, a, 0, 1);
    assert_range(lent(p, 6, a, 2, 0.001), 1, 9);
    not_lent(p, 7, a, 1); // an old one
    take(p, -1, 1, 9);
    assert_range(lent(p, 8, a, 2, 0.001), 9, 59); // others brought what it never heard of
    hub_policy_destroy(&p);
}

static void nothing_is_lent_beyond_the_window(void **state)
{
    (void)state;
    hub_policy_t *p = make(100, 3);
    int a = hub_policy_join(p, 0), b = hub_policy_join(p, 0);
    hub_lease_t lease;
    assert_range(lent(p, 0, a, 1, 1), 0, 1);
    assert_range(lent(p, 0, b, 1, 1), 1, 2);
    assert_range(lent(p, 0, a, 2, 1), 2, 3);
    take(p, a, 0, 1);
    not_lent(p, 1, a, 3);
    assert_false(hub_policy_serve(p, 1, &lease));
    hub_policy_window(p, 1, 4);
    assert_true(hub_policy_serve(p, 1, &lease));
    assert_int_equal(lease.worker, a);
    assert_int_equal(lease.number, 3);
    assert_range(lease, 3, 4);
    assert_false(hub_policy_serve(p, 1, &lease));
    hub_policy_destroy(&p);
}

static void what_the_silent_had_is_lent_first_and_lowest_first(void **state)
{
    (void)state;
    hub_policy_t *p = make(1000, 1000);
    int a = hub_policy_join(p, 0), b = hub_policy_join(p, 0), c = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 1), 0, 1);
    assert_range(lent(p, 0, b, 1, 1), 1, 2);
    assert_range(lent(p, 0, a, 2, 0.001), 2, 10);
    take(p, a, 3, 5);
    hub_policy_heard(p, 3 * BEAT, c);
    hub_policy_tick(p, 3 * BEAT); // at three beats nobody is silent yet
    assert_range(lent(p, 3 * BEAT, c, 1, 1), 10, 11);
    hub_policy_tick(p, 3 * BEAT + 0.1);
    assert_range(lent(p, 7, c, 2, 0.001), 0, 3); // rows of a and b
    take(p, c, 10, 11);
    assert_range(lent(p, 7, c, 3, 0.001), 5, 10);
    take(p, c, 0, 10);
    assert_range(lent(p, 7, c, 4, 0.001), 11, 51);
    hub_policy_destroy(&p);
}

static void a_silent_worker_that_speaks_again_is_taken_back(void **state)
{
    (void)state;
    hub_policy_t *p = make(1000, 1000);
    int a = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 1), 0, 1);
    hub_policy_tick(p, 100);
    assert_int_equal(hub_policy_worker(p, a).lent, 0);
    assert_range(lent(p, 101, a, 1, 1), 0, 1); // it had not got the answer
    assert_int_equal(take(p, a, 0, 1), 1);
    hub_policy_tick(p, 200);
    assert_int_equal(take(p, a, 1, 2), 1); // and its late rows are rows
    hub_policy_destroy(&p);
}

static void a_worker_that_goes_leaves_its_rows(void **state)
{
    (void)state;
    hub_policy_t *p = make(1000, 1000);
    int a = hub_policy_join(p, 0), b = hub_policy_join(p, 0);
    lent(p, 0, a, 1, 1);
    hub_policy_leave(p, a);
    assert_range(lent(p, 0, b, 1, 1), 0, 1);
    assert_int_equal(hub_policy_join(p, 1), a); // the number is free
    hub_policy_destroy(&p);
}

// Rows are told in order, so when the next ask but one comes, those of the lease before the last were sent.
static void rows_lost_on_the_way_come_back_with_the_next_ask_but_one(void **state)
{
    (void)state;
    hub_policy_t *p = make(1000, 1000);
    int a = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 0.1), 0, 1);
    assert_range(lent(p, 0, a, 2, 0.1), 1, 3);
    assert_range(lent(p, 0, a, 3, 0.1), 0, 1);
    hub_policy_destroy(&p);
}

static void the_head_is_lent_again_to_idle_workers_twice_at_most(void **state)
{
    (void)state;
    hub_policy_t *p = make(100, 4);
    int w[4];
    for (int i = 0; i < 4; i++)
        w[i] = hub_policy_join(p, 0);
    for (int i = 0; i < 4; i++)
        assert_range(lent(p, 0, w[i], 1, 1), i, i + 1);
    take(p, w[3], 3, 4);
    not_lent(p, 0, w[3], 2); // a quarter of the window has come
    take(p, w[2], 2, 3);
    assert_range(lent(p, 0, w[2], 2, 1), 0, 1);
    not_lent(p, 0, w[2], 3); // it has it already
    take(p, w[1], 1, 2);
    assert_range(lent(p, 0, w[1], 2, 1), 0, 1);
    hub_lease_t lease;
    assert_false(hub_policy_serve(p, 1, &lease)); // not a third time
    assert_int_equal(hub_policy_lent_again(p), 2);
    assert_int_equal(take(p, w[2], 0, 1), 1);
    assert_int_equal(take(p, w[0], 0, 1), 0);
    assert_int_equal(hub_policy_worker(p, w[0]).twice, 1);
    assert_int_equal(hub_policy_worker(p, w[0]).rows, 0);
    assert_int_equal(hub_policy_worker(p, w[2]).rows, 2);
    hub_policy_destroy(&p);
}

static void an_overdue_head_goes_to_whoever_asks(void **state)
{
    (void)state;
    hub_policy_t *p = make(100, 8);
    int a = hub_policy_join(p, 0), b = hub_policy_join(p, 0);
    assert_range(lent(p, 0, a, 1, 0.5), 0, 1);
    for (int k = 1; k <= 4; k++) {
        hub_lease_t lease = lent(p, 0, b, k, 0.2);
        assert_range(lease, k, k + 1);
        take(p, b, k, k + 1);
    }
    assert_range(lent(p, 1.9, b, 5, 0.2), 5, 6);
    assert_range(lent(p, 2.1, b, 6, 0.2), 0, 1); // 2 x 0.5 s and a second
    hub_policy_destroy(&p);
}

static void a_lost_head_comes_back_to_the_only_worker(void **state)
{
    (void)state;
    hub_policy_t *p = make(2, 2);
    int a = hub_policy_join(p, 0);
    hub_lease_t lease;
    assert_range(lent(p, 0, a, 1, 1), 0, 1);
    assert_range(lent(p, 0, a, 2, 1), 1, 2);
    take(p, a, 0, 1);
    not_lent(p, 1, a, 3); // row 1 was sent and lost
    hub_policy_heard(p, 29, a);
    assert_false(hub_policy_serve(p, 29, &lease));
    assert_true(hub_policy_serve(p, 31, &lease));
    assert_range(lease, 1, 2);
    take(p, a, 1, 2);
    assert_true(hub_policy_whole(p));
    hub_policy_destroy(&p);
}

static void rows_from_elsewhere_are_never_lent(void **state)
{
    (void)state;
    hub_policy_t *p = make(20, 10);
    int a = hub_policy_join(p, 0);
    assert_int_equal(take(p, -1, 1, 3), 2);
    assert_int_equal(take(p, -1, 12, 13), 0); // no place in the window
    assert_range(lent(p, 0, a, 1, 0), 0, 1);
    assert_range(lent(p, 0, a, 2, 0.01), 3, 8);
    assert_int_equal(hub_policy_head(p), 0);
    take(p, a, 0, 1);
    assert_int_equal(hub_policy_head(p), 3);
    hub_policy_destroy(&p);
}

/* ---- made-up refinements ---- */

enum { WORKERS = 6, MOST_ROWS = 1200 };
static const double STEP = 0.05, RETELL = 5;

typedef struct {
    bool here;          // known to the hub
    int id;             // there
    double row_seconds; // in truth
    double budget;      // seconds of work done of the next row
    double mute_until, dies_at, asked_at;
    int64_t number; // of its latest ask
    bool asks;
    int n; // leases it works on, the first one now
    hub_lease_t lease[2];
} player_t;

typedef struct {
    hub_policy_t *policy;
    rng_t rng;
    int64_t rows, window, low, known_step;
    double now, loss, row_pace; // of messages; seconds of training on a row
    double trained;
    uint8_t came[MOST_ROWS];
    player_t player[WORKERS];
} play_t;

static bool lucky(play_t *g, double p)
{
    return rng_uniform(&g->rng) < p;
}

static bool talks(const play_t *g, const player_t *w)
{
    return w->here && g->now >= w->mute_until;
}

static void player_begin(play_t *g, player_t *w)
{
    *w = (player_t){.here = true, .id = hub_policy_join(g->policy, g->now)};
    w->row_seconds = exp(log(0.001) + log(1000) * rng_uniform(&g->rng)); // 1 ms to 1 s
    w->dies_at = lucky(g, 0.5) ? g->now + 60 * rng_uniform(&g->rng) : INFINITY;
    w->asked_at = -INFINITY;
}

static void player_gets(play_t *g, const hub_lease_t *lease)
{
    assert_true(lease->begin < lease->end && g->low < lease->end);
    assert_true(lease->end <= g->low + g->window && lease->end <= g->rows);
    for (int i = 0; i < WORKERS; i++) {
        player_t *w = &g->player[i];
        bool mine = w->here && w->id == lease->worker && w->asks && w->number == lease->number;
        if (!mine || !talks(g, w) || lucky(g, g->loss))
            continue;
        assert_true(w->n < 2);
        w->lease[w->n++] = *lease;
        w->asks = false;
    }
}

static void player_asks(play_t *g, player_t *w)
{
    hub_lease_t lease;
    if (w->n == 2 || (w->asks && g->now - w->asked_at < RETELL))
        return;
    w->number += !w->asks;
    w->asks = true;
    w->asked_at = g->now;
    hub_ask_t ask = {w->number, 50, w->number > 1 ? w->row_seconds : 0};
    if (talks(g, w) && !lucky(g, g->loss) && hub_policy_ask(g->policy, g->now, w->id, &ask, &lease))
        player_gets(g, &lease);
}

static void came(play_t *g, int worker, int64_t row)
{
    bool fresh;
    hub_policy_take(g->policy, worker, row, row + 1, &fresh);
    g->came[row] = (uint8_t)(g->came[row] + fresh);
}

static void player_works(play_t *g, player_t *w)
{
    for (w->budget += STEP; w->n > 0 && w->budget >= w->row_seconds; w->budget -= w->row_seconds) {
        int64_t row = w->lease[0].begin++;
        if (talks(g, w) && !lucky(g, g->loss))
            came(g, w->id, row);
        if (talks(g, w) && lucky(g, 0.02))
            came(g, w->id, row); // sent twice
        if (w->lease[0].begin == w->lease[0].end) {
            w->lease[0] = w->lease[1];
            w->n--;
            player_asks(g, w);
        }
    }
    w->budget = w->n > 0 ? w->budget : 0;
}

// Player 0 lives for ever, though it may be mute for a while.
static void player_fate(play_t *g, int i)
{
    player_t *w = &g->player[i];
    if (!w->here && lucky(g, 0.005))
        player_begin(g, w);
    if (w->here && lucky(g, 0.0005))
        w->mute_until = g->now + 20 * rng_uniform(&g->rng);
    if (w->here && i > 0 && g->now > w->dies_at) {
        if (lucky(g, 0.5))
            hub_policy_leave(g->policy, w->id);
        w->here = false;
    }
}

static void trainer_works(play_t *g)
{
    for (g->trained += STEP; g->low < hub_policy_head(g->policy) && g->trained >= g->row_pace;
         g->trained -= g->row_pace)
        g->low++;
    g->trained = g->low < hub_policy_head(g->policy) ? g->trained : 0;
    int64_t limit = g->low + g->window < g->rows ? g->low + g->window : g->rows;
    for (int64_t row = g->low; row < limit; row++)
        if (g->known_step > 0 && row % g->known_step == 0 && !g->came[row])
            came(g, -1, row);
    hub_policy_window(g->policy, g->low, limit);
}

static void step(play_t *g)
{
    hub_lease_t lease;
    trainer_works(g);
    hub_policy_tick(g->policy, g->now);
    while (hub_policy_serve(g->policy, g->now, &lease))
        player_gets(g, &lease);
    for (int i = 0; i < WORKERS; i++) {
        player_fate(g, i);
        player_t *w = &g->player[i];
        if (talks(g, w))
            hub_policy_heard(g->policy, g->now, w->id);
        if (w->here)
            player_asks(g, w);
        if (w->here)
            player_works(g, w);
    }
    g->now += STEP;
}

static void play(uint64_t seed)
{
    play_t *g = MEM_NEW(play_t, 1);
    g->rng = rng_at(seed, RNG_CHECK, 0);
    g->rows = rng_integer(&g->rng, 1, MOST_ROWS);
    g->window = rng_integer(&g->rng, 1, lucky(g, 0.5) ? 20 : 400);
    g->loss = lucky(g, 0.5) ? 0 : 0.1 * rng_uniform(&g->rng);
    g->row_pace = lucky(g, 0.5) ? 1e-4 : 0.02;
    g->known_step = lucky(g, 0.5) ? 0 : rng_integer(&g->rng, 1, 9);
    hub_plan_t plan = hub_plan_default(0, g->rows, g->window, BEAT);
    g->policy = hub_policy_create(&plan);
    player_begin(g, &g->player[0]);
    g->player[0].dies_at = INFINITY;
    // The slowest worker needs 1 s a row, mute for 20 s of some 100; half a minute and a retold ask for each lost head.
    double enough = 2 * (double)g->rows + 60 * (double)g->rows * g->loss * 2 + 1000;
    while (g->low < g->rows) {
        step(g);
        if (g->now > enough)
            fail_msg("seed %d: row %d of %d after %g s", (int)seed, (int)g->low, (int)g->rows,
                     g->now);
    }
    for (int64_t row = 0; row < g->rows; row++)
        assert_int_equal(g->came[row], 1);
    assert_true(hub_policy_whole(g->policy));
    hub_policy_destroy(&g->policy);
    free(g);
}

static void every_row_comes_once_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_begin_with_one_row_and_grow_to_the_measured_work),
        cmocka_unit_test(nobody_takes_more_than_a_share_of_half_the_window),
        cmocka_unit_test(a_worker_gets_no_more_than_it_will_take),
        cmocka_unit_test(the_same_ask_told_again_gets_the_same_answer),
        cmocka_unit_test(nothing_is_lent_beyond_the_window),
        cmocka_unit_test(what_the_silent_had_is_lent_first_and_lowest_first),
        cmocka_unit_test(a_silent_worker_that_speaks_again_is_taken_back),
        cmocka_unit_test(a_worker_that_goes_leaves_its_rows),
        cmocka_unit_test(rows_lost_on_the_way_come_back_with_the_next_ask_but_one),
        cmocka_unit_test(the_head_is_lent_again_to_idle_workers_twice_at_most),
        cmocka_unit_test(an_overdue_head_goes_to_whoever_asks),
        cmocka_unit_test(a_lost_head_comes_back_to_the_only_worker),
        cmocka_unit_test(rows_from_elsewhere_are_never_lent),
        cmocka_unit_test(every_row_comes_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
