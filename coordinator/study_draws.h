/* SPDX-License-Identifier: Apache-2.0
 *
 * What the draws of a study take of a machine: ranks, threads, memory (model.ranks_per_draw and its kin).
 */
#ifndef COORDINATOR_STUDY_DRAWS_H
#define COORDINATOR_STUDY_DRAWS_H

#include "cluster/par.h"
#include "coordinator/study.h"

/* Bytes that this machine, or this program's cgroup where that has less, still has; INFINITY where it does not tell. */
double study_draws_memory(void);
/* Ranks to start on a machine of so many cores and bytes: a multiple of ranks_per_draw, as many as threads_per_draw and
 * memory_per_draw leave room for; at least those of one draw. */
int study_draws_ranks(const study_t *study, int cores, double memory);
/* Warns, on the first rank of a machine, where the draws of its ranks will not fit into its memory. Collective. */
void study_draws_warn(const par_t *par, const study_t *study);
/* Sets INFERMILL_LOCAL_RANK and INFERMILL_LOCAL_SIZE: the rank among those of this machine, and their number, by which a
 * simulator chooses its GPU. Collective. */
void study_draws_tell(const par_t *par);

#endif
