// SPDX-License-Identifier: Apache-2.0
#include "workers/lender_policy.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

enum { GROWTH = 8, TAIL_SHARE = 2, SPAN_LEASES = 4 };

static const double memory = 0.98; // of the running cost of a row: 1 / (1 - memory) leases count
static const double asks_a_second = 5000;   // a third of what the lender answers
static const double burst_a_second = 14000; // what it answers

typedef struct {
    int n, capacity;
    lender_run_t *run; // (n)
} runs_t;

typedef struct {
    int ranks, held;
    bool calling;       // a meeting is called
    bool short_of;      // a rank has no room, and there was no meeting since
    int shard, end;     // its span: [shard, end) has positions to lend, `shard` is being lent
    int64_t next;       // in it
    bool shared;        // some of `shard` went to another group
    runs_t ready;       // complete, not sealed
    double met, called; // last meeting; first ask held for the next
    double wait; // how long the last one took to gather; before it, half of the longest lease
    bool has_met;
} group_t;

typedef struct {
    int group;
    bool held;
    bool meeting;       // was called, and has not asked since
    int64_t begin, end; // its lease
} rank_t;

struct lender_policy {
    lender_plan_t plan;
    int64_t total, lent;
    int unclaimed; // first shard that belongs to no group
    group_t *group;
    rank_t *rank;
    runs_t shared; // complete, lent to more than one group, not sealed
    int64_t done, failures;
    int64_t largest;                // lease that was simulated
    double cost_seconds, cost_rows; // decaying sums over leases
    bool calling;                   // a meeting of all
    bool stopping, failing;         // no more leases
    double quiet_since;             // start of the wait that lender_policy_overdue measures
    int n_held, n_meeting;
};

/* ---- runs of shards ---- */

static void runs_add(runs_t *r, int first, int count)
{
    if (r->n > 0 && r->run[r->n - 1].first + r->run[r->n - 1].count == first) {
        r->run[r->n - 1].count += count;
        return;
    }
    if (r->n == r->capacity) {
        r->capacity = 2 * r->capacity + 4;
        r->run = MEM_GROW(r->run, lender_run_t, r->capacity);
    }
    r->run[r->n++] = (lender_run_t){first, count};
}

static int runs_shards(const runs_t *r)
{
    int shards = 0;
    for (int i = 0; i < r->n; i++)
        shards += r->run[i].count;
    return shards;
}

static void runs_remove(runs_t *r, int shard)
{
    runs_t rest = {0};
    for (int i = 0; i < r->n; i++) {
        int first = r->run[i].first, end = first + r->run[i].count;
        bool here = first <= shard && shard < end;
        if (!here || shard > first)
            runs_add(&rest, first, (here ? shard : end) - first);
        if (here && shard + 1 < end)
            runs_add(&rest, shard + 1, end - shard - 1);
    }
    free(r->run);
    *r = rest;
}

// Moves the first runs into the answer, as many as fit.
static void runs_give(runs_t *r, lender_answer_t *out)
{
    out->n_runs = r->n < LENDER_RUNS_CAP ? r->n : LENDER_RUNS_CAP;
    for (int i = 0; i < out->n_runs; i++)
        out->run[i] = r->run[i];
    for (int i = out->n_runs; i < r->n; i++)
        r->run[i - out->n_runs] = r->run[i];
    r->n -= out->n_runs;
}

/* ---- making ---- */

lender_plan_t lender_plan_default(int ranks, int n_shards, const int64_t *shard_end)
{
    return (lender_plan_t){.ranks = ranks,
                           .groups = 1,
                           .n_shards = n_shards,
                           .shard_end = shard_end,
                           .block_seconds = fmax(0.1, ranks / asks_a_second),
                           .tail_seconds = fmax(0.002, ranks / burst_a_second),
                           .meet_shards = 8,
                           .meet_soonest = 1,
                           .meet_patience = 10,
                           .failure_limit = 1,
                           .failure_rows = 100};
}

lender_policy_t *lender_policy_create(const lender_plan_t *plan, double now)
{
    lender_policy_t *p = MEM_NEW(lender_policy_t, 1);
    p->plan = *plan;
    p->total = plan->n_shards > 0 ? plan->shard_end[plan->n_shards - 1] : 0;
    p->group = MEM_NEW(group_t, plan->groups);
    p->rank = MEM_NEW(rank_t, plan->ranks);
    for (int g = 0; g < plan->groups; g++)
        p->group[g].met = now;
    for (int r = 0; r < plan->ranks; r++) {
        p->rank[r].group = plan->group == NULL ? 0 : plan->group[r];
        CHECK(p->rank[r].group >= 0 && p->rank[r].group < plan->groups, "rank %d in group %d of %d",
              r, p->rank[r].group, plan->groups);
        p->group[p->rank[r].group].ranks++;
    }
    return p;
}

void lender_policy_destroy(lender_policy_t **policy)
{
    lender_policy_t *p = *policy;
    if (p == NULL)
        return;
    for (int g = 0; g < p->plan.groups; g++)
        free(p->group[g].ready.run);
    free(p->shared.run);
    free(p->group);
    free(p->rank);
    free(p);
    *policy = NULL;
}

/* ---- shards and spans ---- */

static int64_t shard_begin(const lender_policy_t *p, int shard)
{
    return shard == 0 ? 0 : p->plan.shard_end[shard - 1];
}

// The shard of a position.
static int shard_at(const lender_policy_t *p, int64_t position)
{
    int low = 0, high = p->plan.n_shards - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (p->plan.shard_end[middle] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t span_left(const lender_policy_t *p, const group_t *g)
{
    return g->shard < g->end ? p->plan.shard_end[g->end - 1] - g->next : 0;
}

static int64_t shard_left(const lender_policy_t *p, const group_t *g)
{
    return g->shard < g->end ? p->plan.shard_end[g->shard] - g->next : 0;
}

// Shards of a span of which nothing was lent.
static int span_fresh(const lender_policy_t *p, const group_t *g)
{
    bool begun = g->shard < g->end && g->next > shard_begin(p, g->shard);
    return g->end - g->shard - begun;
}

// Takes the shards that are lent to their end out of the span.
static void span_settle(lender_policy_t *p, group_t *g)
{
    for (; g->shard < g->end && p->plan.shard_end[g->shard] <= g->next; g->shard++) {
        runs_add(g->shared ? &p->shared : &g->ready, g->shard, 1);
        g->shared = false;
    }
}

static void span_start(lender_policy_t *p, group_t *g, int first, int end)
{
    g->shard = first;
    g->end = end;
    g->next = shard_begin(p, first);
    span_settle(p, g);
}

// As many shards as some leases of all its ranks, fewer toward the end.
static void span_claim(lender_policy_t *p, group_t *g, int64_t rows)
{
    int left = p->plan.n_shards - p->unclaimed, most = left / (TAIL_SHARE * p->plan.groups);
    double one = (double)p->total / p->plan.n_shards;
    double wanted = ceil((double)rows * SPAN_LEASES * g->ranks / fmax(one, 1));
    int count = wanted < most ? (int)wanted : most;
    count = count > 1 ? count : 1;
    if (g->shard < g->end)
        g->end += count;
    else
        span_start(p, g, p->unclaimed, p->unclaimed + count);
    p->unclaimed += count;
}

static group_t *group_most(const lender_policy_t *p,
                           int64_t (*worth)(const lender_policy_t *, const group_t *))
{
    group_t *best = NULL;
    int64_t most = 0;
    for (int g = 0; g < p->plan.groups; g++) {
        int64_t value = worth(p, &p->group[g]);
        if (value > most) {
            most = value;
            best = &p->group[g];
        }
    }
    return best;
}

static int64_t worth_taking(const lender_policy_t *p, const group_t *g)
{
    int fresh = span_fresh(p, g);
    return fresh == 0 ? 0 : p->plan.shard_end[g->end - 1] - shard_begin(p, g->end - fresh);
}

static int64_t worth_joining(const lender_policy_t *p, const group_t *g)
{
    return g->shared ? shard_left(p, g) : 0;
}

// Takes the later half of the shards that another group has not begun.
static bool span_take(lender_policy_t *p, group_t *g)
{
    group_t *from = group_most(p, worth_taking);
    if (from == NULL)
        return false;
    int end = from->end, half = (span_fresh(p, from) + 1) / 2;
    from->end = end - half;
    span_start(p, g, end - half, end);
    return true;
}

// The group whose span a rank of `g` is lent from; there is something left to lend.
static group_t *span_source(lender_policy_t *p, group_t *g, int64_t rows)
{
    for (;;) {
        bool dry = g->shard == g->end;
        bool unclaimed = p->unclaimed < p->plan.n_shards;
        if (unclaimed && (dry || (g->end == p->unclaimed && span_left(p, g) < rows)))
            span_claim(p, g, rows);
        else if (!dry)
            return g;
        else if (!span_take(p, g))
            break;
    }
    group_t *from = group_most(p, worth_joining);
    from = from == NULL ? group_most(p, shard_left) : from;
    CHECK(from != NULL, "%ld of %ld positions are lent, and none is left", (long)p->lent,
          (long)p->total);
    from->shared = true;
    return from;
}

/* ---- leases ---- */

static double policy_cost(const lender_policy_t *p)
{
    return p->cost_rows > 0 ? p->cost_seconds / p->cost_rows : 0;
}

// One row until a cost was measured, then growing: a guess from few rows may be far off.
static int64_t policy_rows(const lender_policy_t *p)
{
    int64_t left = p->total - p->lent;
    double cost = fmax(policy_cost(p), 1e-12);
    if (p->largest == 0)
        return 1;
    double share = ceil((double)left / (TAIL_SHARE * p->plan.ranks));
    double wanted = fmin(p->plan.block_seconds / cost, share);
    wanted = fmax(wanted, p->plan.tail_seconds / cost);
    wanted = fmin(wanted, (double)(GROWTH * p->largest));
    wanted = fmin(wanted, (double)left);
    return wanted > 1 ? (int64_t)wanted : 1;
}

static lender_answer_t policy_lend(lender_policy_t *p, int rank, int64_t room)
{
    group_t *own = &p->group[p->rank[rank].group];
    int64_t rows = policy_rows(p);
    group_t *from = span_source(p, own, rows);
    int64_t most = from == own ? span_left(p, from) : shard_left(p, from);
    if (rows < most && most - rows < rows / 2)
        rows = most; // what would be left is not worth an ask
    rows = rows < most ? rows : most;
    rows = rows < room ? rows : room;
    lender_answer_t answer = {
        .kind = LENDER_LEND, .begin = from->next, .end = from->next + rows, .done = p->done};
    from->next += rows;
    p->lent += rows;
    span_settle(p, from);
    p->rank[rank].begin = answer.begin;
    p->rank[rank].end = answer.end;
    return answer;
}

/* ---- what asks tell ---- */

// Shards of positions that were lent and not simulated stay open for another run.
static void policy_leave_open(lender_policy_t *p, int64_t begin, int64_t end)
{
    for (int shard = shard_at(p, begin); begin < end; begin = p->plan.shard_end[shard++]) {
        runs_remove(&p->shared, shard);
        for (int g = 0; g < p->plan.groups; g++)
            runs_remove(&p->group[g].ready, shard);
    }
}

// The share may lie above the limit by chance: it is passed when it lies 3 standard errors above it.
static bool policy_is_failing(const lender_policy_t *p)
{
    double rows = (double)p->done, limit = p->plan.failure_limit;
    return p->done >= p->plan.failure_rows &&
           (double)p->failures > limit * rows + 3 * sqrt(limit * (1 - limit) * rows);
}

static void policy_note(lender_policy_t *p, double now, rank_t *rank, const lender_ask_t *ask)
{
    int64_t lease = rank->end - rank->begin;
    CHECK(ask->done >= 0 && ask->done <= lease, "%ld rows done of a lease of %ld", (long)ask->done,
          (long)lease);
    p->done += ask->done;
    p->failures += ask->failures;
    if (ask->done > 0) {
        p->cost_seconds = memory * p->cost_seconds + ask->seconds;
        p->cost_rows = memory * p->cost_rows + (double)ask->done;
        p->largest = ask->done > p->largest ? ask->done : p->largest;
    }
    if (ask->failed || ask->stop || ask->done < lease)
        lender_policy_stop(p, now);
    if (ask->done < lease)
        policy_leave_open(p, rank->begin + ask->done, rank->end);
    rank->begin = rank->end = 0;
    group_t *g = &p->group[rank->group];
    if (!g->has_met)
        g->wait = fmax(g->wait, ask->seconds / 2);
    if (rank->meeting && --p->n_meeting == 0)
        p->quiet_since = now;
    rank->meeting = false;
    if (policy_is_failing(p)) {
        p->failing = true;
        lender_policy_stop(p, now);
    }
}

/* ---- meetings ---- */

static bool policy_over(const lender_policy_t *p)
{
    return p->stopping || p->lent == p->total;
}

// A meeting costs a group the wait for its slowest draw, so where that was long it meets less often.
static bool group_wants_meeting(const group_t *g, const lender_plan_t *plan, double now)
{
    static const double soonest = 100, patience = 200; // waits
    int ready = runs_shards(&g->ready);
    double since = now - g->met;
    return (ready >= plan->meet_shards && since >= fmax(plan->meet_soonest, soonest * g->wait)) ||
           (ready > 0 && since >= fmax(plan->meet_patience, patience * g->wait)) ||
           (ready > 0 && g->short_of) || g->ready.n >= LENDER_RUNS_CAP;
}

// Who has no room, and nothing of its own to seal, waits until shared shards can be sealed.
static bool policy_wants_meeting(const lender_policy_t *p)
{
    if (policy_over(p))
        return true;
    for (int g = 0; g < p->plan.groups && p->shared.n > 0; g++)
        if (p->group[g].short_of && p->group[g].ready.n == 0)
            return true;
    return false;
}

static lender_answer_t group_meet(lender_policy_t *p, int group, double now)
{
    group_t *g = &p->group[group];
    lender_answer_t answer = {.kind = LENDER_MEET, .done = p->done, .failing = p->failing};
    runs_give(&g->ready, &answer);
    for (int r = 0; r < p->plan.ranks; r++)
        if (p->rank[r].group == group) {
            p->rank[r].held = false;
            p->rank[r].meeting = true;
        }
    p->n_held -= g->held;
    p->n_meeting += g->held;
    g->held = 0;
    g->calling = g->short_of = false;
    g->wait = now - g->called;
    g->has_met = true;
    g->met = now;
    return answer;
}

// Shards without a missing row that no group came to claim.
static void policy_claim_rest(lender_policy_t *p)
{
    if (p->lent == p->total && p->unclaimed < p->plan.n_shards) {
        runs_add(&p->shared, p->unclaimed, p->plan.n_shards - p->unclaimed);
        p->unclaimed = p->plan.n_shards;
    }
}

static lender_answer_t policy_meet(lender_policy_t *p, double now)
{
    lender_answer_t answer = {.done = p->done}, own;
    policy_claim_rest(p);
    for (int g = 0; g < p->plan.groups; g++) {
        own = group_meet(p, g, now);
        CHECK(own.n_runs == 0, "group %d comes to a meeting of all with shards of its own", g);
    }
    runs_give(&p->shared, &answer);
    answer.kind = LENDER_MEET;
    answer.failing = p->failing;
    answer.all = true;
    answer.last = policy_over(p) && p->shared.n == 0;
    p->calling = false;
    return answer;
}

lender_answer_t lender_policy_ask(lender_policy_t *p, double now, int rank, const lender_ask_t *ask)
{
    rank_t *r = &p->rank[rank];
    CHECK(rank >= 0 && rank < p->plan.ranks && !r->held, "rank %d asks out of turn", rank);
    group_t *g = &p->group[r->group];
    policy_note(p, now, r, ask);
    g->short_of = g->short_of || ask->room <= 0;
    p->calling = p->calling || policy_wants_meeting(p);
    g->calling = g->calling || group_wants_meeting(g, &p->plan, now);
    if (!p->calling && !g->calling && ask->room > 0)
        return policy_lend(p, rank, ask->room);
    r->held = true;
    g->called = g->held == 0 ? now : g->called;
    p->n_held++;
    if (++g->held == g->ranks && g->ready.n > 0)
        return group_meet(p, r->group, now);
    if (p->n_held == p->plan.ranks)
        return policy_meet(p, now);
    return (lender_answer_t){.kind = LENDER_HOLD, .done = p->done};
}

void lender_policy_stop(lender_policy_t *p, double now)
{
    if (!p->stopping)
        p->quiet_since = now;
    p->stopping = true;
}

bool lender_policy_overdue(const lender_policy_t *p, double now, double seconds)
{
    return p->stopping && p->n_meeting == 0 && now - p->quiet_since > seconds;
}

int lender_policy_held(const lender_policy_t *p)
{
    return p->n_held;
}

int lender_policy_group(const lender_policy_t *p, int rank)
{
    return p->rank[rank].group;
}
