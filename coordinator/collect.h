/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets dealt to ranks in fixed blocks or in contiguous shares, so that what is computed for one does not depend on the
 * number of ranks, and their results brought together on rank 0. What only rank 0 has is dealt out the same way.
 */
#ifndef COORDINATOR_COLLECT_H
#define COORDINATOR_COLLECT_H

#include "cluster/par.h"
#include "storage/rows.h"

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

/* The other way: rank 0's observables of each rank's blocks of the first n rows, or of its share, are sent to that rank, of
 * whose memory nothing else is touched. Collective. */
void deal_observables(const par_t *par, int64_t n, rows_t *rows);
void deal_observables_shares(const par_t *par, const range_t *share, rows_t *rows);

#endif
