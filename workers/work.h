/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bank lacks, as the lender sees it: a line of positions [0, positions) over the missing rows, ascending, cut into the
 * shards that are to be sealed.
 */
#ifndef WORKERS_WORK_H
#define WORKERS_WORK_H

#define BANK_WRITE
#include "cluster/par.h"
#include "storage/bank.h"

#include <stdint.h>

typedef struct {
    int n;                // shards
    int64_t *shard, *end; // (n) their numbers, ascending; position where each ends
    int64_t n_ranges;
    const range_t *range; // (n_ranges) missing rows; the writer's
    int64_t *start;       // (n_ranges) position of the first
    int64_t positions;
} work_t;

/* Valid until the writer is closed. */
work_t work_create(const bank_writer_t *writer);
void work_destroy(work_t *work);
/* The rows of positions [begin, ...) as far as they follow each other, at most up to position `end`. */
range_t work_rows(const work_t *work, int64_t begin, int64_t end);

#endif
