/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of each training step, read ahead from the bank by one thread of this rank: it reads the blocks of this rank's
 * slices and no others, keeps the windows of storage/shuffle.h, and has the next few steps ready. Its memory is fixed at
 * the start: for each slice a window, one block and READER_AHEAD batches. It goes on from epoch to epoch by itself.
 */
#ifndef STORAGE_READER_H
#define STORAGE_READER_H

#include "cluster/err.h"
#include "storage/bank.h"
#include "storage/rows.h"
#include "storage/shuffle.h"

#include <stddef.h>
#include <stdint.h>

enum {
    READER_AHEAD = 4
}; // batches of a slice in memory: one lent out, the others ready or being filled

typedef struct reader reader_t; // opaque

/* Starts reading for `n` slices (0 for a rank that stands by) at a step of an epoch; a start in the middle reads again
 * only what stood in the windows then. Bank and shuffle must outlive the reader. ERR_FAILED when no thread can be
 * started. Not collective. */
err_t reader_create(bank_t *bank, const shuffle_t *shuffle, int n, const int *slices, int64_t epoch,
                    int64_t step, reader_t **out) ERR_MUST_CHECK;
/* The next slice_rows rows of this rank's k-th slice. `*rows` is borrowed until the next call for this slice. Waits while
 * they are not there yet. What the thread failed with is returned once the batches before it are used up. */
err_t reader_next(reader_t *reader, int k, const rows_t **rows) ERR_MUST_CHECK;
/* Stops the thread and waits for its end (the read it is in, at most). NULL is fine. */
void reader_destroy(reader_t **reader);

size_t reader_bytes(const reader_t *reader); // held for rows

/* Reads n rows of a bank, ascending, block by block (block_rows from the shuffle), into `out`: its capacity is enough, n
 * is set. For validation rows. Not collective. */
err_t reader_gather(bank_t *bank, const shuffle_t *shuffle, int64_t n, const int64_t *rows,
                    rows_t *out) ERR_MUST_CHECK;

#endif
