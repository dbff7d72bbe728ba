/* SPDX-License-Identifier: Apache-2.0
 *
 * Augmentation by subsets: a set whose elements are independent given the parameters, cut to a random smaller set, is a
 * data set of the smaller design with the same parameters, and a true sample of the model.
 */
#ifndef COORDINATOR_SUBSET_H
#define COORDINATOR_SUBSET_H

#include "cluster/rng.h"
#include "storage/rows.h"

/* Copies rows into `out`; each, with probability `share`, keeps a random subset of its elements, whose size is uniform
 * between the design's lower bound and what the row has. Observables that share a length are cut to the same elements. */
void subset_rows(const rows_t *rows, double share, rng_t *rng, rows_t *out);

#endif
