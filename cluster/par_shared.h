/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of a rank that the other ranks of its machine can read where it lies, without messages. It has no name in any
 * file system and is not bounded by the size of /dev/shm: each rank opens the others' anonymous files through /proc and
 * maps them. Where that is not allowed (containers of their own, another user), ranks are simply not near.
 */
#ifndef CLUSTER_PAR_SHARED_H
#define CLUSTER_PAR_SHARED_H

#include "cluster/par.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct par_shared par_shared_t;

/* `bytes` of this rank, which may differ by rank, all zero. Ranks of one machine are near when they give the same `island`
 * (0 for all, but where a test plays several machines). Collective. */
par_shared_t *par_shared_create(const par_t *par, size_t bytes, int island);
/* Nobody reads it any more: a collective call lies between the last reading and this. Not collective. */
void par_shared_destroy(par_shared_t **shared);

void *par_shared_mine(const par_shared_t *shared);
/* The memory of a rank (this one too), or NULL where it is not near. Near is mutual. What is read there is what its rank
 * wrote before an atomic release, or before a collective call, that the reader has seen. */
const void *par_shared_of(const par_shared_t *shared, int rank);
/* Whether all ranks are near each other: the same answer on every rank. */
bool par_shared_everywhere(const par_shared_t *shared);

#endif
