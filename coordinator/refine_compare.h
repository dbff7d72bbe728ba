/* SPDX-License-Identifier: Apache-2.0
 *
 * Two sets of weights of one network on the same held-out data sets, which neither has seen.
 */
#ifndef COORDINATOR_REFINE_COMPARE_H
#define COORDINATOR_REFINE_COMPARE_H

#include "coordinator/refine.h"

typedef struct {
    int64_t data_sets;
    double offline_loss, refined_loss; // means, nats
    double gain, error; // of the offline loss over the refined one, and its standard error
} refine_gain_t;

/* The network's weights are the refined ones before and after. Losses that are random (those of networks without a density) have
 * the same noise for both, and are averaged over some. The observables need be there on rank 0
 * alone: each rank is sent those that it computes on. Collective. */
refine_gain_t refine_compare(refinement_t *r, rows_t *held_out);

#endif
