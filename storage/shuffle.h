/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows of a bank are trained on, and in which order. Pure functions of (seed, epoch, slice): no data is read, and
 * the number of ranks plays no part.
 *
 * A row is usable when its status is ROW_DONE and it is not held back. The validation rows are those with the V smallest
 * keys, a key being a random number of (seed, row) alone; the held-out rows (for diagnosis, where nothing can be simulated)
 * are those with the next H. When a bank grows, only rows that were never trained on can become validation rows.
 *
 * Of an epoch: the blocks of the bank (256 rows) are put in a random order; their usable rows, one after another, make
 * one long sequence of N rows, of which slice s gets the stretch [N s / S, N (s + 1) / S): whole blocks but for its two
 * ends. A slice draws its rows at random from a window: each place that becomes free is filled with the next row of the
 * stretch. A window that holds the whole stretch gives a perfect shuffle.
 *
 *   block order (seed, epoch)   | 17 | 3 | 88 | 41 | 5 | ...
 *   stretches of the slices     |-- slice 0 --|-- slice 1 --| ...
 *   window of slice 0           incoming -> [ . . . . . . . ] -> random place -> step 0, step 1, ...
 *
 * An epoch has floor(floor(N / S) / slice_rows) steps. The rows that do not fill a step (fewer than S (slice_rows + 1)) are
 * left out, other ones each epoch.
 */
#ifndef STORAGE_SHUFFLE_H
#define STORAGE_SHUFFLE_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHUFFLE_MAX_SLICES = 1 << 20 };

typedef struct {
    uint64_t seed;
    int64_t rows; // of the bank
    const uint8_t
        *status; // (rows) row_status_t; borrowed during shuffle_create; NULL: all are done
    int64_t validation_rows; // 0 or more
    int64_t held_out_rows;   // 0 or more
    int64_t block_rows;
    int64_t window_rows; // over all slices
    int slices;
    int64_t slice_rows; // rows of one slice in one step
} shuffle_config_t;

shuffle_config_t shuffle_config_default(
    void); // 256 rows a block, a window of 65,536, one slice of 16, no validation

typedef struct shuffle shuffle_t; // opaque: the plan; one bit a row

/* ERR_USAGE where a number makes no sense or the usable rows do not fill one step (says how many there are and how many
 * it takes). Not collective. */
err_t shuffle_create(const shuffle_config_t *config, shuffle_t **out) ERR_MUST_CHECK;
void shuffle_destroy(shuffle_t **shuffle);

const shuffle_config_t *shuffle_config(
    const shuffle_t *shuffle);                    // valid until shuffle_destroy; status is NULL
int64_t shuffle_usable(const shuffle_t *shuffle); // rows that may be trained on
int64_t shuffle_steps(const shuffle_t *shuffle);  // of each epoch
bool shuffle_is_usable(const shuffle_t *shuffle, int64_t row);
/* Validation rows, ascending. Valid until shuffle_destroy. */
const int64_t *shuffle_validation(const shuffle_t *shuffle, int64_t *n);
/* Rows that are neither trained on nor for validation, ascending. Valid until shuffle_destroy. */
const int64_t *shuffle_held_out(const shuffle_t *shuffle, int64_t *n);

/* The order of one slice in one epoch, as events on the places of its window. Take and pick alternate so:
 *
 *     while (shuffle_cursor_take(c, &row, &place))   // there is room: bring this row into this place
 *         ...
 *     shuffle_cursor_pick(c, &row, &place);          // then this row is the next one out; its place is free after it
 */
typedef struct shuffle_cursor shuffle_cursor_t;

/* Starts at step `step` of an epoch by replaying numbers. The shuffle must outlive the cursor. 0 <= step <= steps. */
shuffle_cursor_t *shuffle_cursor_create(const shuffle_t *shuffle, int64_t epoch, int slice,
                                        int64_t step);
void shuffle_cursor_destroy(shuffle_cursor_t **cursor);
int64_t shuffle_cursor_places(const shuffle_cursor_t *cursor); // of the window
bool shuffle_cursor_take(shuffle_cursor_t *cursor, int64_t *row, int64_t *place);
void shuffle_cursor_pick(shuffle_cursor_t *cursor, int64_t *row, int64_t *place);
/* The block of which rows come `ahead` blocks after the one that the next row comes from; -1: the stretch ends before. */
int64_t shuffle_cursor_ahead(const shuffle_cursor_t *cursor, int64_t ahead);
/* What stands in the window now (after a start in the middle of an epoch): the k-th of shuffle_cursor_filled. */
int64_t shuffle_cursor_filled(const shuffle_cursor_t *cursor);
void shuffle_cursor_at(const shuffle_cursor_t *cursor, int64_t k, int64_t *row, int64_t *place);

/* The next n rows of the slice, by number alone. */
void shuffle_cursor_rows(shuffle_cursor_t *cursor, int64_t n, int64_t *rows);

#endif
