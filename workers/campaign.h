/* SPDX-License-Identifier: Apache-2.0
 *
 * The campaign: fills a bank with simulated rows over all ranks, and resumes. Ranks borrow blocks of rows from the lender,
 * keep what they simulated, and meet now and then to seal the shards that are complete (lender_policy.h says when).
 */
#ifndef WORKERS_CAMPAIGN_H
#define WORKERS_CAMPAIGN_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "storage/rows.h"
#include "workers/load.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *folder, *study; // of the bank; name, for provenance
    uint64_t seed;
    int64_t rows, shard_rows;
    double stop_grace; // seconds that a draw may still take after a stop was asked for
    /* Called once, on another thread of rank 0, when a draw outlasts the grace. Nothing is being sealed then, so it may end
     * the process with exit code 4: all sealed shards are safe. NULL: the draw is waited for. */
    void (*abandon)(void *user);
    void *user;
    size_t
        memory; // bytes of rows that a rank keeps until they are sealed; 0: 256 MiB. At least two shards fit
} campaign_plan_t;

typedef struct {
    int64_t rows, shards; // simulated, and sealed, by this run
    int64_t by_status[ROW_STATUS_COUNT];
    double seconds;    // from start to end
    double idle_share; // of the ranks' time, spent neither simulating nor sealing
    double seal_share; // of the ranks' time, spent sealing
} campaign_report_t;

/* Simulates what the bank lacks of rows [0, plan->rows), with a progress line on rank 0. ERR_STOPPED when a rank was asked
 * to stop (the complete shards are sealed, the same call goes on); ERR_SIMULATOR when the simulator asked to; else what
 * bank_writer_open and bank_seal return. `out` holds what was done in any case. Collective; the same code on every rank. */
err_t campaign_run(const par_t *par, simulator_t *simulator, const campaign_plan_t *plan,
                   campaign_report_t *out) ERR_MUST_CHECK;

#endif
