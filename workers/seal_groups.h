/* SPDX-License-Identifier: Apache-2.0
 *
 * Seal groups: the ranks of each node, in pieces of nearly one size.
 */
#ifndef WORKERS_SEAL_GROUPS_H
#define WORKERS_SEAL_GROUPS_H

#include "cluster/par.h"

typedef struct {
    int n;
    int *of;    // (ranks) group of each, 0 .. n - 1 in the order of their first ranks
    par_t mine; // this rank's
} seal_groups_t;

/* `most`: ranks of a group. Collective. */
seal_groups_t seal_groups_create(const par_t *par, int most);
/* Collective. */
void seal_groups_destroy(seal_groups_t *groups);

#endif
