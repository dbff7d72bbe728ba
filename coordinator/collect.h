/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets dealt to ranks in fixed blocks, so that what is computed for a block does not depend on the number of ranks,
 * and their results brought together on rank 0.
 */
#ifndef COORDINATOR_COLLECT_H
#define COORDINATOR_COLLECT_H

#include "cluster/par.h"

#include <stddef.h>
#include <stdint.h>

enum { COLLECT_BLOCK = 16 }; // data sets of one block

int64_t collect_blocks(int64_t n);
/* Rows of block b of n. */
range_t collect_range(int64_t n, int64_t block);
int collect_owner(const par_t *par, int64_t block);

/* `data` has n rows of row_bytes on every rank; the rows of each rank's blocks are sent to rank 0's copy. Collective. */
void collect_rows(const par_t *par, int64_t n, size_t row_bytes, void *data);

/* `data` has rows of row_bytes for all data sets on every rank; those of each rank's contiguous share (share[rank], known to
 * all) are sent to rank 0's copy. Collective. */
void collect_shares(const par_t *par, const range_t *share, size_t row_bytes, void *data);

#endif
