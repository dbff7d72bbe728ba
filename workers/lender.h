/* SPDX-License-Identifier: Apache-2.0
 *
 * The lender: a thread on rank 0 that lends work to all ranks over sockets (lender_policy.h decides). Nobody waits for a
 * rank that is busy simulating. Every rank, rank 0 too, holds a handle. Encrypted, with keys made for this run; on the
 * loopback where all ranks are on one host.
 */
#ifndef WORKERS_LENDER_H
#define WORKERS_LENDER_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "workers/lender_policy.h"

typedef struct lender lender_t; // opaque

typedef struct {
    lender_plan_t plan; // the same on every rank; its arrays are borrowed until lender_close
    double stop_grace;  // seconds that a draw may still take after a stop was asked for
    /* Called once, on the lender's thread of rank 0, when a rank is still in a draw after the grace; no meeting is going
     * on then. It should end the program. NULL: the draw is waited for. */
    void (*abandon)(void *user);
    void *user;
} lender_config_t;

/* Collective; the same code on every rank. The thread looks at stop_requested() of rank 0 itself. ERR_FAILED: the system does
 * not allow rank 0 a file for each rank. */
err_t lender_open(const par_t *par, const lender_config_t *config, lender_t **out) ERR_MUST_CHECK;
/* Tells what was done and asks for more; each ask is followed by lender_wait until the answer is there. Not collective. */
void lender_ask(lender_t *lender, const lender_ask_t *ask);
/* True: the answer came (LEND, or MEET, which all ranks of a group, or all, get together). False: not within timeout_ms. A lost ask is told
 * again. Not collective. */
bool lender_wait(lender_t *lender, int timeout_ms, lender_answer_t *out);
/* The two together: asks, and waits as long as it takes. Not collective. */
lender_answer_t lender_borrow(lender_t *lender, const lender_ask_t *ask);
/* After the last meeting, with a collective call between the last answer and this. Not collective. */
void lender_close(lender_t **lender);

#endif
