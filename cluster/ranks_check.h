/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the ranks of a launch fit together: cores, clocks, memory that they can read of each other, one folder.
 */
#ifndef CLUSTER_RANKS_CHECK_H
#define CLUSTER_RANKS_CHECK_H

#include "cluster/findings.h"
#include "cluster/par.h"

#include <sched.h>
#include <stdint.h>

/* What a rank tells of itself. */
typedef struct {
    char host[64];
    double ahead;       // seconds that its clock is ahead of that of rank 0
    cpu_set_t affinity; // cores it may be put on
    int32_t near;       // ranks whose memory it can read, itself counted
    /* of a file that rank 0 made in the folder; 1: yes, 0: no, -1: not tried, since rank 0 could not make or lock it */
    int32_t sees; // it finds it
    int32_t shut; // rank 0's fcntl lock keeps it out
} ranks_card_t;

/* Adds findings on rank 0, nothing elsewhere. Collective. */
void ranks_check(const par_t *par, const char *folder, findings_t *out);
/* The same from the cards of all ranks. Not collective. */
void ranks_check_cards(int n, const ranks_card_t *cards, findings_t *out);

#endif
