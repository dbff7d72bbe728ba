/* SPDX-License-Identifier: Apache-2.0
 *
 * Streaming workers on this machine, for a run that is fed by nobody else: `infermill worker -j N`, which starts a worker that
 * is killed again, and ends with the thread that started it. Not collective: rank 0 has it.
 */
#ifndef COORDINATOR_REFINE_WORKERS_H
#define COORDINATOR_REFINE_WORKERS_H

#include "coordinator/job.h"

typedef struct refine_workers refine_workers_t;

/* `endpoint` is one of this machine without keys. What they say goes to workers.log in the folder of results. */
err_t refine_workers_start(const job_t *job, const char *endpoint, int64_t n,
                           refine_workers_t **out) ERR_MUST_CHECK;
/* ERR_FAILED where they have ended, with what they said last. */
err_t refine_workers_check(refine_workers_t *workers) ERR_MUST_CHECK;
/* Ends them, where they have not ended. NULL is fine. */
void refine_workers_end(refine_workers_t **workers);

#endif
