/* SPDX-License-Identifier: Apache-2.0
 *
 * Streaming workers on this machine, for a run that is fed by nobody else. Each is a process of its own (`infermill worker`),
 * which ends with the thread that started it. Not collective: rank 0 has them.
 */
#ifndef COORDINATOR_REFINE_WORKERS_H
#define COORDINATOR_REFINE_WORKERS_H

#include "coordinator/job.h"

typedef struct refine_workers refine_workers_t;

/* `endpoint` is one of this machine without keys. What they say goes to worker-<k>.log in the folder of results. */
err_t refine_workers_start(const job_t *job, const char *endpoint, int n,
                           refine_workers_t **out) ERR_MUST_CHECK;
/* ERR_FAILED where all have ended, with what the first said. */
err_t refine_workers_check(refine_workers_t *workers) ERR_MUST_CHECK;
/* Ends those that have not ended. NULL is fine. */
void refine_workers_end(refine_workers_t **workers);

#endif
