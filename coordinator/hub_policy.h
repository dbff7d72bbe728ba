/* SPDX-License-Identifier: Apache-2.0
 *
 * Which worker simulates which fresh rows: the decisions of the hub, without its sockets and its clock, so that the same
 * code runs in a hub and under a virtual clock (tests/coordinator/test_hub_policy.c).
 *
 * The work is a line of rows [first, end). A window [low, limit) of it may be lent; it moves as training and the bank are
 * done with rows, which is all the credit that workers have. Workers ask; an ask is answered by a lease, a range of rows,
 * or stays open until there is one. The first row that comes for an index stays, others are dropped.
 *
 * - A lease is `lease_seconds` of this worker's work by its own measurement. The first is one row, and leases grow eightfold
 *   at most, since a guess from few rows may be far off; none is larger than a worker's share of half the window.
 * - Workers that are silent lose their leases, and so does one that asks for its next but one: its rows were sent before.
 *   What comes back is lent first, lowest index first.
 * - Where half the window has come and the head of the line has not, its range is lent once more, to a worker that has
 *   nothing else to do, or to any when it is overdue; twice at most ("backup tasks", Dean and Ghemawat 2004, "MapReduce").
 *   The same where everything is lent up to the end.
 * - A head that nobody brings for long (its rows were lost on the way) comes back by itself as soon as somebody asks in
 *   vain. So rows go on coming while one worker lives and asks.
 */
#ifndef COORDINATOR_HUB_POLICY_H
#define COORDINATOR_HUB_POLICY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t first, end;   // of all rows
    int64_t capacity;     // rows between low and limit, at most
    double lease_seconds; // work in a lease
    double silence;       // seconds without a word after which a worker loses its leases
    double
        patience; // seconds after which a head may be lost, and ten times what its lease should take
} hub_plan_t;

/* 0.2 s of work, half a minute of patience; silence after three beats. */
hub_plan_t hub_plan_default(int64_t first, int64_t end, int64_t capacity, double beat_seconds);

typedef struct {
    int64_t number;     // by the worker, ascending; the same again: told again
    int64_t rows;       // that it will take, at least 1
    double row_seconds; // that a row takes it; 0: not known
} hub_ask_t;

typedef struct {
    int worker;
    int64_t number;     // of the ask
    int64_t begin, end; // of rows
} hub_lease_t;

typedef struct {
    int64_t rows, twice; // that were taken from it; that had come before
    int64_t lent;        // rows of its leases that have not come
    bool asks;           // an ask of it is open
    double heard;        // when it last said something
} hub_worker_t;

typedef struct hub_policy hub_policy_t; // opaque

/* Nothing is in the window yet. */
hub_policy_t *hub_policy_create(const hub_plan_t *plan);
void hub_policy_destroy(hub_policy_t **policy);

/* Rows below `low` are done with, all of them have come; rows [low, limit) may be lent; limit - low <= capacity. Neither goes
 * back. */
void hub_policy_window(hub_policy_t *policy, int64_t low, int64_t limit);

/* `now` is in seconds of any clock that does not go back. Workers are numbered from 0; a number is given again after
 * hub_policy_leave. */
int hub_policy_join(hub_policy_t *policy, double now);
void hub_policy_leave(hub_policy_t *policy, int worker); // its leases come back
void hub_policy_heard(hub_policy_t *policy, double now, int worker);
/* Takes the leases of those who are silent. */
void hub_policy_tick(hub_policy_t *policy, double now);

/* True: a lease. False: nothing to be told now; a new ask stays open. */
bool hub_policy_ask(hub_policy_t *policy, double now, int worker, const hub_ask_t *ask,
                    hub_lease_t *out);
/* Open asks that can be answered by now, one a call; false: none is left. After anything that may have brought work back. */
bool hub_policy_serve(hub_policy_t *policy, double now, hub_lease_t *out);

/* Rows [begin, end) have come from a worker, or (-1) from elsewhere. fresh[k] says whether row begin + k is the first of its
 * index and lies in the window, or (-1) below low + capacity; such a row has come from now on. Returns how many. */
int64_t hub_policy_take(hub_policy_t *policy, int worker, int64_t begin, int64_t end, bool *fresh);

hub_worker_t hub_policy_worker(const hub_policy_t *policy, int worker);
int64_t hub_policy_lent_again(const hub_policy_t *policy); // rows, so far
int64_t hub_policy_head(const hub_policy_t *policy);       // the first row that has not come
bool hub_policy_whole(const hub_policy_t *policy);         // all rows have come

#endif
