// SPDX-License-Identifier: Apache-2.0
#include "workers/lender_policy.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

enum { GROWTH = 8, TAIL_SHARE = 2 };

static const double memory = 0.9; // of the running cost of a row: 1 / (1 - memory) leases count

struct lender_policy {
    lender_plan_t plan;
    int64_t total, next;            // positions; [0, next) is lent
    int complete, sealed;           // shards lent to their end; those that had their meeting
    int64_t done, largest;          // rows simulated; the longest lease of them
    double cost_seconds, cost_rows; // decaying sums over leases
    double met, called,
        wait; // last meeting; first ask held for the next; how long the last one took to gather
    bool calling, stopping, last;
    bool meeting;       // called, and nobody has asked since
    double quiet_since; // start of the wait that lender_policy_overdue measures
    bool *held;         // (ranks)
    int n_held;
};

lender_plan_t lender_plan_default(int ranks, int n_shards, const int64_t *shard_end)
{
    return (lender_plan_t){.ranks = ranks,
                           .n_shards = n_shards,
                           .shard_end = shard_end,
                           .block_seconds = 0.02,
                           .tail_seconds = 0.002,
                           .meet_shards = 8,
                           .meet_soonest = 1,
                           .meet_patience = 10};
}

lender_policy_t *lender_policy_create(const lender_plan_t *plan, double now)
{
    lender_policy_t *p = MEM_NEW(lender_policy_t, 1);
    p->plan = *plan;
    p->total = plan->n_shards > 0 ? plan->shard_end[plan->n_shards - 1] : 0;
    p->met = now;
    p->held = MEM_NEW(bool, plan->ranks);
    return p;
}

void lender_policy_destroy(lender_policy_t **policy)
{
    if (*policy != NULL)
        free((*policy)->held);
    free(*policy);
    *policy = NULL;
}

static double policy_cost(const lender_policy_t *p)
{
    return p->cost_rows > 0 ? p->cost_seconds / p->cost_rows : 0;
}

static void policy_note(lender_policy_t *p, double now, const lender_ask_t *ask)
{
    p->done += ask->done;
    if (ask->done > 0) {
        p->cost_seconds = memory * p->cost_seconds + ask->seconds;
        p->cost_rows = memory * p->cost_rows + (double)ask->done;
        p->largest = ask->done > p->largest ? ask->done : p->largest;
    }
    if (p->meeting)
        p->quiet_since = now;
    p->meeting = false;
    if (ask->failed)
        p->calling = p->last = true;
    if (ask->stop)
        lender_policy_stop(p, now);
}

// A meeting costs all ranks the wait for the slowest draw, so where that was long they meet less often.
static bool policy_wants_meeting(const lender_policy_t *p, double now, int64_t room)
{
    static const double soonest = 20, patience = 50, most = 600; // waits; waits; seconds
    int ready = p->complete - p->sealed;
    double since = now - p->met;
    if (p->next == p->total || room <= 0)
        return true;
    return (ready >= p->plan.meet_shards &&
            since >= fmax(p->plan.meet_soonest, fmin(most, soonest * p->wait))) ||
           (ready > 0 && since >= fmax(p->plan.meet_patience, fmin(most, patience * p->wait)));
}

// One row until a cost was measured, then growing: a guess from few rows may be far off.
static int64_t policy_lease(const lender_policy_t *p, int64_t room)
{
    int64_t left = p->total - p->next, rows = 1;
    double cost = policy_cost(p);
    if (p->largest > 0) {
        double share = ceil((double)left / (TAIL_SHARE * p->plan.ranks));
        double wanted = fmin(p->plan.block_seconds / fmax(cost, 1e-12), share);
        wanted = fmax(wanted, p->plan.tail_seconds / fmax(cost, 1e-12));
        wanted = fmin(wanted, (double)(GROWTH * p->largest));
        rows = wanted > 1 ? (int64_t)wanted : 1;
    }
    rows = rows < left ? rows : left;
    return rows < room ? rows : room;
}

static lender_answer_t policy_lend(lender_policy_t *p, int64_t room)
{
    int64_t rows = policy_lease(p, room);
    lender_answer_t answer = {LENDER_LEND, p->next, p->next + rows, p->done, false};
    p->next += rows;
    while (p->complete < p->plan.n_shards && p->plan.shard_end[p->complete] <= p->next)
        p->complete++;
    return answer;
}

static lender_answer_t policy_meet(lender_policy_t *p, double now)
{
    for (int rank = 0; rank < p->plan.ranks; rank++)
        p->held[rank] = false;
    p->n_held = 0;
    p->last = p->last || p->stopping || p->next == p->total;
    p->calling = p->last;
    p->sealed = p->complete;
    p->wait = now - p->called;
    p->met = now;
    p->meeting = true;
    return (lender_answer_t){LENDER_MEET, 0, p->next, p->done, p->last};
}

lender_answer_t lender_policy_ask(lender_policy_t *p, double now, int rank, const lender_ask_t *ask)
{
    CHECK(rank >= 0 && rank < p->plan.ranks && !p->held[rank], "rank %d asks out of turn", rank);
    policy_note(p, now, ask);
    p->calling = p->calling || p->stopping || policy_wants_meeting(p, now, ask->room);
    if (!p->calling)
        return policy_lend(p, ask->room);
    p->held[rank] = true;
    p->called = p->n_held == 0 ? now : p->called;
    if (++p->n_held == p->plan.ranks)
        return policy_meet(p, now);
    return (lender_answer_t){LENDER_HOLD, 0, 0, p->done, false};
}

void lender_policy_stop(lender_policy_t *p, double now)
{
    if (!p->stopping)
        p->quiet_since = now;
    p->stopping = true;
}

bool lender_policy_overdue(const lender_policy_t *p, double now, double seconds)
{
    return p->stopping && !p->meeting && now - p->quiet_since > seconds;
}

int lender_policy_held(const lender_policy_t *p)
{
    return p->n_held;
}
