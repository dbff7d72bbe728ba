/* SPDX-License-Identifier: Apache-2.0
 *
 * Who simulates what, and who meets when to seal: the decisions of the lender, without its sockets and its clock, so that
 * the same code runs in a campaign and in a simulation of one (tests/reference/campaign_play.h).
 *
 * The work is a line of positions [0, total), cut into shards. Ranks ask; each ask is answered by a lease (a range of
 * positions, each lent once), or held until a meeting.
 *
 * Ranks form seal groups. A group claims a span of shards, lends it to its own ranks in order, and meets alone when enough
 * of its shards are complete: all its ranks have asked, so all that was lent of them is simulated. Near the end a group
 * that finds nothing unclaimed first takes half of what another has not begun, and then borrows from a shard that another
 * is in the middle of (one that is shared already before a new one, the most unfinished first). Shards shared in this way
 * are sealed by a meeting of all ranks: when nothing is left to lend, or sooner when a rank is out of memory for them.
 *
 * The size of a lease: block_seconds of work by the measured cost of a row, guided toward the end: a share of what is left
 * (Polychronopoulos and Kuck 1987, "Guided self-scheduling"; the half of Hummel, Schonberg and Flynn 1992, "Factoring",
 * which heavy-tailed costs need), never less than a message is worth. More ranks get longer blocks, so that the lender is
 * not asked more often than it can answer.
 */
#ifndef WORKERS_LENDER_POLICY_H
#define WORKERS_LENDER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum { LENDER_RUNS_CAP = 48 }; // runs of shards that one meeting seals

typedef struct {
    int ranks, groups, n_shards;
    const int *group; // (ranks) 0 .. groups - 1, none empty; NULL: one group of all; borrowed
    /* (n_shards) Positions where shards end, not descending (a shard may lack no row); borrowed. */
    const int64_t *shard_end;
    double block_seconds; // work in a lease
    double tail_seconds;  // the least worth asking for, near the end
    int meet_shards;      // a group meets when so many of its shards are complete ...
    double meet_soonest;  // ... and so many seconds have passed since its last meeting;
    double meet_patience; // and for a single one after so many
    double failure_limit; // share of failed rows above which (3 standard errors) all stop ...
    int64_t failure_rows; // ... once so many rows are done
} lender_plan_t;

/* One group, no failure limit; blocks for this number of ranks. */
lender_plan_t lender_plan_default(int ranks, int n_shards, const int64_t *shard_end);

typedef struct {
    int64_t
        done; // rows of the last lease that were simulated; fewer than it has only with `failed` or `stop`
    int64_t failures; // of them
    double seconds;   // that they took
    int64_t room;     // rows that still fit this rank's memory; without any it waits for a meeting
    bool failed;      // this rank can not go on
    bool stop;        // this rank was asked to stop
} lender_ask_t;

typedef enum { LENDER_LEND, LENDER_HOLD, LENDER_MEET } lender_kind_t;

typedef struct {
    int first, count; // places in the plan's list of shards
} lender_run_t;

typedef struct {
    lender_kind_t kind;
    int64_t begin, end; // LEND: the lease
    int64_t done;       // rows simulated by all, as far as told
    bool all;           // MEET: of all ranks, not of the group
    bool last;          // MEET: of all, and nothing follows
    bool failing;       // the failure limit was passed
    int n_runs;         // MEET: shards to seal, all their rows are simulated
    lender_run_t run[LENDER_RUNS_CAP];
} lender_answer_t;

typedef struct lender_policy lender_policy_t;

lender_policy_t *lender_policy_create(const lender_plan_t *plan, double now);
void lender_policy_destroy(lender_policy_t **policy);
/* One ask of one rank, which has no other ask open. HOLD: no answer yet. MEET: it is the answer to all ranks of its group,
 * or to all ranks where answer.all says so. `now` is in seconds of any clock that does not go back. */
lender_answer_t lender_policy_ask(lender_policy_t *policy, double now, int rank,
                                  const lender_ask_t *ask);
/* No more leases; each group seals what it has, and the next meeting of all is the last. */
void lender_policy_stop(lender_policy_t *policy, double now);
/* A stop was asked for, and for so many seconds some rank has neither asked nor been in a meeting. */
bool lender_policy_overdue(const lender_policy_t *policy, double now, double seconds);
/* Ranks whose ask is held. */
int lender_policy_held(const lender_policy_t *policy);
int lender_policy_group(const lender_policy_t *policy, int rank);

#endif
