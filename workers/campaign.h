/* SPDX-License-Identifier: Apache-2.0
 *
 * The campaign: fills a bank with simulated rows over all ranks, and resumes. Ranks borrow blocks of rows from the lender,
 * keep what they simulated, and meet now and then, in seal groups of one node, to seal the shards that are complete
 * (lender_policy.h says who and when).
 *
 * A rank puts its unsealed rows into its journal as soon as they took journal_seconds, so a crash of anybody costs no more
 * than that of each rank; a row that is dearer goes there the moment it is finished. (For cheap rows less often, where the
 * journal itself is slow: 2 % of the time at most.)
 *
 * The first row of each rank is simulated twice where that is cheap, and so is one sealed row when a bank grows
 * (recheck.h): a simulator that is no function of its seed does not get far.
 */
#ifndef WORKERS_CAMPAIGN_H
#define WORKERS_CAMPAIGN_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "storage/rows.h"
#include "workers/load.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAMPAIGN_GROUP_RANKS = 16 }; // of a seal group, at most

typedef struct {
    const char *folder, *study; // of the bank; name, for provenance
    uint64_t seed;
    int64_t rows, shard_rows;
    bool retry;             // rows that timed out or crashed are simulated again
    int compress;           // as in bank_plan_t
    double journal_seconds; // of work that a crash may cost; 0: each row is journaled
    double
        failure_limit; // share of rows (not finite, error, timeout, crashed) above which all stop; 1: none
    double stop_grace; // seconds that a draw may still take after a stop was asked for
    /* Called once, on another thread of rank 0, when a draw outlasts the grace. Nothing is being sealed then, so it may end
     * the process with exit code 4: all sealed shards are safe. NULL: the draw is waited for. */
    void (*abandon)(void *user);
    void *user;
    /* Bytes of rows that a rank keeps until they are sealed; 0: 256 MiB. At least two shards fit. */
    size_t memory;
    int group_ranks; // of a seal group, at most; 0: CAMPAIGN_GROUP_RANKS
} campaign_plan_t;

/* What a study without settings has. */
campaign_plan_t campaign_plan_default(void);

typedef struct {
    int64_t rows, shards; // simulated, and sealed, by this run
    int64_t recovered;    // rows found in journals of earlier runs
    int64_t by_status[ROW_STATUS_COUNT];
    int groups;        // that sealed
    double seconds;    // from start to end
    double idle_share; // of the ranks' time, spent neither simulating nor keeping rows
    double seal_share; // of the ranks' time, spent sealing and journaling
} campaign_report_t;

/* Simulates what the bank lacks of rows [0, plan->rows), with a progress line on rank 0. ERR_STOPPED when a rank was asked
 * to stop (the complete shards are sealed, the same call goes on); ERR_SIMULATOR when the simulator asked to, when it is no
 * function of its seed, or when more than failure_limit of at least 100 rows failed (rank 0 logs where and why); else what
 * bank_writer_open and bank_seal return. Where a draw takes several ranks, those that lead (draw_ranks.h) do all this, and the
 * errors of draw_ranks_lead come with it. `out` holds what was done in any case. Collective; the same code on every rank. */
err_t campaign_run(const par_t *par, simulator_t *simulator, const campaign_plan_t *plan,
                   campaign_report_t *out) ERR_MUST_CHECK;

#endif
