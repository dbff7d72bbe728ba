/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign as a discrete-event simulation: ranks, clock, messages and the cost of rows are made up, the decisions are
 * those of the lender itself (workers/lender_policy.h). The lender answers one ask after another, in the order in which
 * they come; a group seals when its last rank has heard of the meeting.
 *
 * It checks what must hold of every schedule, and dies where it does not: a row is lent once; who seals a shard holds all
 * its rows; somebody is always at work or called.
 */
#ifndef TESTS_CAMPAIGN_PLAY_H
#define TESTS_CAMPAIGN_PLAY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    COST_LOGNORMAL,   // heavy tails: `spread` is the sd of the logarithm
    COST_LOG_UNIFORM, // depends on a parameter: evenly over `spread` decades
} cost_kind_t;

typedef struct {
    int ranks, group_ranks; // the last group may have fewer
    int shards;
    int64_t shard_rows;
    cost_kind_t cost;
    double mean, spread; // seconds of a row
    double speed_spread; // sd of the logarithm of a rank's speed
    double latency; // seconds of an ask's way to the lender and of the answer's way back, together
    double service; // seconds of the lender for one ask and its answer
    double seal_fixed; // seconds of a meeting; of each shard; of each row
    double seal_shard, seal_row;
    int64_t room;         // rows in a rank's memory
    double stop_at;       // one rank is asked to stop; INFINITY: never
    int64_t fail_at;      // the rank that simulates this row fails; -1: none
    double failure_share; // of rows
    double failure_limit; // as in lender_plan_t
} world_t;

/* 4 ranks of one group, 20 shards of 4,096 rows of 1 ms, messages as measured on one machine. */
world_t world_usual(void);

typedef struct {
    int64_t asks, leases, lent;     // lent: rows
    int64_t meetings, meetings_all; // of a group; of all ranks
    int64_t sealed, shared;         // shards; of them by all ranks
    int64_t most_rows;              // that a rank held
    double elapsed, work;           // seconds; of them a rank simulates, on average
    double longest;                 // seconds of the longest lease
    double idle_share, seal_share;  // of the ranks' time: neither simulating nor sealing; sealing
    double asks_a_second, busiest;  // of the lender, on average and in its busiest second
    double lender_share;            // of its time that it is busy
    bool failing;                   // the failure limit ended it
} outcome_t;

outcome_t play(const world_t *world);

#endif
