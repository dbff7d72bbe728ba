/* SPDX-License-Identifier: Apache-2.0
 *
 * Who simulates what, and when all meet to seal: the decisions of the lender, without its sockets and its clock, so that
 * the same code runs in a campaign and in a simulation of one.
 *
 * The work is a line of positions [0, total), cut into shards. Ranks ask; each ask is answered by a lease (a range of
 * positions, lent once and in order), or held until all ranks have asked: then nobody has work left in hand, all that was
 * lent is simulated, and all are called to a meeting together. The last meeting ends the campaign.
 */
#ifndef WORKERS_LENDER_POLICY_H
#define WORKERS_LENDER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int ranks, n_shards;
    const int64_t *shard_end; // (n_shards) positions where shards end, ascending; borrowed
    double block_seconds;     // work in a lease
    double tail_seconds;      // the least worth asking for, near the end
    int meet_shards;          // meet when so many are complete ...
    double meet_soonest;      // ... and so many seconds have passed since the last meeting;
    double meet_patience;     // meet for a single one after so many
} lender_plan_t;

lender_plan_t lender_plan_default(int ranks, int n_shards, const int64_t *shard_end);

typedef struct {
    int64_t done;   // rows of the last lease that were simulated
    double seconds; // that they took
    int64_t room;   // rows that still fit this rank's memory; 0 calls a meeting
    bool failed;    // this rank can not go on
    bool stop;      // this rank was asked to stop
} lender_ask_t;

typedef enum { LENDER_LEND, LENDER_HOLD, LENDER_MEET } lender_kind_t;

typedef struct {
    lender_kind_t kind;
    int64_t begin, end; // LEND: the lease; MEET: [0, end) was lent
    int64_t done;       // rows simulated by all, as far as told
    bool last;          // MEET: no work is lent any more
} lender_answer_t;

typedef struct lender_policy lender_policy_t;

lender_policy_t *lender_policy_create(const lender_plan_t *plan, double now);
void lender_policy_destroy(lender_policy_t **policy);
/* One ask of one rank, which has no other ask open. HOLD: no answer yet. MEET: it is the answer to all ranks. `now` is in
 * seconds of any clock that does not go back. */
lender_answer_t lender_policy_ask(lender_policy_t *policy, double now, int rank,
                                  const lender_ask_t *ask);
/* No more leases; the next meeting is the last. */
void lender_policy_stop(lender_policy_t *policy, double now);
/* A stop was asked for, and for so many seconds some rank has neither asked nor been in a meeting. */
bool lender_policy_overdue(const lender_policy_t *policy, double now, double seconds);
/* Ranks whose ask is held. */
int lender_policy_held(const lender_policy_t *policy);

#endif
