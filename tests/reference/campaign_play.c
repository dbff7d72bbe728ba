// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/campaign_play.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "workers/lender_policy.h"

#include <math.h>
#include <stdlib.h>

enum { SEED = 5, DRAWN_ROWS = 256 };

static const double reply_share = 0.5; // of the service: an answer that nobody waits in line for

typedef struct {
    int64_t begin, end;
} part_t;

typedef struct {
    double speed;
    lender_ask_t ask;
    int n_parts, capacity; // leases in memory
    part_t *part;
    int64_t rows;
    bool done; // has been to the last meeting
} player_t;

typedef struct {
    double time;
    int rank;
} event_t;

typedef struct {
    const world_t *w;
    lender_policy_t *policy;
    player_t *player; // (ranks)
    int *group;       // (ranks)
    int64_t *end;     // (shards)
    bool *sealed;     // (shards)
    event_t *heap;    // asks on their way to the lender
    int n_heap;
    double free; // when the lender has time
    int64_t second, asks_in_second;
    double busy, sealing, serving;
    outcome_t out;
} game_t;

world_t world_usual(void)
{
    return (world_t){.ranks = 4,
                     .group_ranks = 16,
                     .shards = 20,
                     .shard_rows = 4096,
                     .mean = 1e-3,
                     .spread = 0.5,
                     .latency = 5e-4,
                     .service = 1 / 14000.0,
                     .seal_fixed = 0.05,
                     .room = 1 << 20,
                     .stop_at = INFINITY,
                     .fail_at = -1,
                     .failure_limit = 1};
}

/* ---- events ---- */

static void heap_push(game_t *g, double time, int rank)
{
    int at = g->n_heap++;
    for (; at > 0 && g->heap[(at - 1) / 2].time > time; at = (at - 1) / 2)
        g->heap[at] = g->heap[(at - 1) / 2];
    g->heap[at] = (event_t){time, rank};
}

static event_t heap_pop(game_t *g)
{
    CHECK(g->n_heap > 0, "all ranks wait and nobody is called");
    event_t top = g->heap[0], last = g->heap[--g->n_heap];
    int at = 0;
    for (int child = 1; child < g->n_heap; child = 2 * at + 1) {
        child += child + 1 < g->n_heap && g->heap[child + 1].time < g->heap[child].time;
        if (g->heap[child].time >= last.time)
            break;
        g->heap[at] = g->heap[child];
        at = child;
    }
    g->heap[at] = last;
    return top;
}

/* ---- what rows cost ---- */

// Variance over squared mean.
static double cost_scatter(const world_t *w)
{
    double log_range = w->spread * log(10), top = exp(log_range);
    if (w->cost == COST_LOGNORMAL)
        return expm1(w->spread * w->spread);
    return log_range * (top + 1) / (2 * (top - 1)) - 1;
}

static double row_cost(const world_t *w, int64_t row)
{
    rng_t r = rng_at(SEED, RNG_CHECK, (uint64_t)row);
    double log_range = w->spread * log(10);
    if (w->cost == COST_LOGNORMAL)
        return w->mean * exp(w->spread * rng_normal(&r) - w->spread * w->spread / 2);
    return w->mean * log_range / expm1(log_range) * exp(log_range * rng_uniform(&r));
}

// Of many rows: a lognormal of the sum's mean and variance (Fenton 1960, "The sum of log-normal probability distributions
// in scatter transmission systems").
static double lease_cost(const world_t *w, int64_t begin, int64_t end)
{
    double seconds = 0, n = (double)(end - begin);
    if (n > DRAWN_ROWS) {
        double variance = log1p(cost_scatter(w) / n);
        rng_t r = rng_at(SEED, RNG_CHECK, (uint64_t)begin);
        return n * w->mean * exp(sqrt(variance) * rng_normal(&r) - variance / 2);
    }
    for (int64_t row = begin; row < end; row++)
        seconds += row_cost(w, row);
    return seconds;
}

static int64_t lease_failures(const world_t *w, int64_t begin, int64_t end)
{
    return (int64_t)floor(w->failure_share * (double)end) -
           (int64_t)floor(w->failure_share * (double)begin);
}

/* ---- ranks ---- */

static void keep_part(player_t *p, int64_t begin, int64_t end)
{
    if (p->n_parts == p->capacity) {
        p->capacity = 2 * p->capacity + 8;
        p->part = MEM_GROW(p->part, part_t, p->capacity);
    }
    p->part[p->n_parts++] = (part_t){begin, end};
    p->rows += end - begin;
}

static void simulate(game_t *g, double now, int rank, const lender_answer_t *a)
{
    const world_t *w = g->w;
    player_t *p = &g->player[rank];
    double seconds = lease_cost(w, a->begin, a->end) / p->speed;
    bool fails = w->fail_at >= a->begin && w->fail_at < a->end;
    if (!fails)
        keep_part(p, a->begin, a->end);
    p->ask = (lender_ask_t){.done = fails ? 0 : a->end - a->begin,
                            .failures = lease_failures(w, a->begin, a->end),
                            .seconds = seconds,
                            .room = w->room - p->rows,
                            .failed = fails,
                            .stop = rank == w->ranks - 1 && now + seconds >= w->stop_at};
    g->busy += seconds;
    g->out.longest = fmax(g->out.longest, seconds);
    g->out.leases++;
    g->out.lent += a->end - a->begin;
    g->out.most_rows = p->rows > g->out.most_rows ? p->rows : g->out.most_rows;
    heap_push(g, now + w->latency + seconds, rank);
}

static int shard_of(const game_t *g, int64_t row)
{
    return (int)(row / g->w->shard_rows);
}

// The rows of a rank's memory that are in a shard that was just sealed.
static int64_t drop_sealed(game_t *g, player_t *p)
{
    int64_t dropped = 0;
    int old = p->n_parts;
    part_t *part = p->part;
    p->part = NULL;
    p->n_parts = p->capacity = 0;
    p->rows = 0;
    for (int i = 0; i < old; i++)
        for (int64_t begin = part[i].begin, end; begin < part[i].end; begin = end) {
            int shard = shard_of(g, begin);
            end = g->end[shard] < part[i].end ? g->end[shard] : part[i].end;
            if (g->sealed[shard])
                dropped += end - begin;
            else
                keep_part(p, begin, end);
        }
    free(part);
    return dropped;
}

/* ---- meetings ---- */

static int64_t mark_sealed(game_t *g, const lender_answer_t *a)
{
    int64_t shards = 0;
    for (int i = 0; i < a->n_runs; i++)
        for (int s = a->run[i].first; s < a->run[i].first + a->run[i].count; s++, shards++) {
            CHECK(!g->sealed[s], "shard %d is sealed twice", s);
            g->sealed[s] = true;
        }
    g->out.sealed += shards;
    g->out.shared += a->all ? shards : 0;
    return shards;
}

static bool is_called(const game_t *g, int rank, int group, const lender_answer_t *a)
{
    return a->all || g->group[rank] == group;
}

// Seconds that sealing takes.
static double seal(game_t *g, int group, const lender_answer_t *a)
{
    const world_t *w = g->w;
    int64_t shards = mark_sealed(g, a), rows = 0;
    for (int r = 0; r < w->ranks; r++)
        if (is_called(g, r, group, a))
            rows += drop_sealed(g, &g->player[r]);
    CHECK(rows == shards * w->shard_rows, "%ld rows for %ld shards", (long)rows, (long)shards);
    if (shards == 0)
        return 0;
    return w->seal_fixed + w->seal_shard * (double)shards + w->seal_row * (double)rows;
}

static void meet(game_t *g, int group, const lender_answer_t *a)
{
    const world_t *w = g->w;
    int called = 0;
    for (int r = 0; r < w->ranks; r++)
        called += is_called(g, r, group, a);
    g->free += reply_share * w->service * called;
    g->serving += reply_share * w->service * called;
    double seconds = seal(g, group, a), end = g->free + w->latency / 2 + seconds;
    g->sealing += seconds * called;
    for (int r = 0; r < w->ranks; r++) {
        player_t *p = &g->player[r];
        if (!is_called(g, r, group, a))
            continue;
        p->ask = (lender_ask_t){.room = w->room - p->rows,
                                .stop = r == w->ranks - 1 && end >= w->stop_at};
        p->done = a->last;
        if (!a->last)
            heap_push(g, end + w->latency / 2, r);
    }
    g->out.meetings += !a->all;
    g->out.meetings_all += a->all;
    g->out.elapsed = end;
    g->out.failing = a->failing;
}

/* ---- the game ---- */

static void count_ask(game_t *g)
{
    int64_t second = (int64_t)g->free;
    g->out.asks++;
    if (second != g->second)
        g->asks_in_second = 0;
    g->second = second;
    g->asks_in_second++;
    g->out.busiest = fmax(g->out.busiest, (double)g->asks_in_second);
}

static bool play_one(game_t *g)
{
    event_t e = heap_pop(g);
    g->free = fmax(g->free, e.time) + g->w->service;
    g->serving += g->w->service;
    count_ask(g);
    lender_answer_t a = lender_policy_ask(g->policy, g->free, e.rank, &g->player[e.rank].ask);
    if (a.kind == LENDER_LEND)
        simulate(g, g->free, e.rank, &a);
    else if (a.kind == LENDER_MEET)
        meet(g, g->group[e.rank], &a);
    return !(a.kind == LENDER_MEET && a.last);
}

static void game_start(game_t *g)
{
    const world_t *w = g->w;
    int groups = (w->ranks + w->group_ranks - 1) / w->group_ranks;
    g->player = MEM_NEW(player_t, w->ranks);
    g->group = MEM_NEW(int, w->ranks);
    g->end = MEM_NEW(int64_t, w->shards + 1);
    g->sealed = MEM_NEW(bool, w->shards + 1);
    g->heap = MEM_NEW(event_t, w->ranks + 1);
    for (int k = 0; k < w->shards; k++)
        g->end[k] = (k + 1) * w->shard_rows;
    lender_plan_t plan = lender_plan_default(w->ranks, w->shards, g->end);
    plan.groups = groups;
    plan.group = g->group;
    plan.failure_limit = w->failure_limit;
    for (int r = 0; r < w->ranks; r++) {
        rng_t random = rng_at(SEED, RNG_DIAGNOSE, (uint64_t)r);
        g->group[r] = r / w->group_ranks;
        g->player[r].speed = exp(w->speed_spread * rng_normal(&random));
        g->player[r].ask.room = w->room;
        heap_push(g, w->latency / 2, r);
    }
    g->policy = lender_policy_create(&plan, 0);
}

static void game_end(game_t *g)
{
    for (int r = 0; r < g->w->ranks; r++)
        free(g->player[r].part);
    lender_policy_destroy(&g->policy);
    free(g->player);
    free(g->group);
    free(g->end);
    free(g->sealed);
    free(g->heap);
}

outcome_t play(const world_t *world)
{
    game_t g = {.w = world};
    game_start(&g);
    while (play_one(&g))
        continue;
    double all = world->ranks * g.out.elapsed;
    g.out.work = g.busy / world->ranks;
    g.out.seal_share = g.sealing / all;
    g.out.idle_share = 1 - g.busy / all - g.out.seal_share;
    g.out.asks_a_second = (double)g.out.asks / g.out.elapsed;
    g.out.lender_share = g.serving / g.out.elapsed;
    game_end(&g);
    return g.out;
}
