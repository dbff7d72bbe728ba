/* SPDX-License-Identifier: Apache-2.0
 *
 * What a refinement measured, a round a row: kept in its checkpoint, written to refine-history.json and refine.png.
 *
 * The fresh loss of a round is the mean loss over its rows, each measured before it was trained on, under the averaged weights
 * of that moment: nothing of the row is in them. So it judges weights between those of the round's beginning and its end;
 * what the end is worth, only the next round's rows tell, and of the last round the held-out data sets. Rounds differ in their
 * rows, and rows differ in loss far more than weights do: therefore the offline weights are measured on the very same rows,
 * which they have not seen either, and rounds are compared by the difference, the gain. Gains of neighbouring rounds differ by
 * chance too, and what came later has learned from more: the round that is kept is the latest whose gain is below the largest
 * by no more than the standard error of their difference, with the weights of its end (after the rule of one standard error,
 * Breiman et al. 1984, "Classification and regression trees").
 */
#ifndef COORDINATOR_REFINE_HISTORY_H
#define COORDINATOR_REFINE_HISTORY_H

#include "cluster/err.h"
#include "storage/named_arrays.h"

#include <jansson.h>
#include <stdint.h>

typedef enum {
    REFINE_FRESH,      // loss of fresh rows before they are trained on
    REFINE_OFFLINE,    // of the same rows under the offline weights
    REFINE_ERROR,      // standard error of their difference, the gain
    REFINE_TRAINING,   // of the steps
    REFINE_VALIDATION, // of the offline training's validation rows, at the end of the round
    REFINE_RATE,       // learning rate of the last step
    REFINE_NORM,       // gradient norm of the last step
    REFINE_RANK_P, // by arrival: whether the reservoir's parameters follow those of the bank (refine.h); else NaN
    REFINE_SECONDS, // since the beginning
    REFINE_ROWS,    // fresh rows that were done
    REFINE_COLUMNS
} refine_column_t;

typedef struct {
    int64_t n, capacity; // rounds
    double *column[REFINE_COLUMNS];
    int64_t best; // the round that is kept, -1: none
} refine_history_t;

void refine_history_add(refine_history_t *h, const double row[REFINE_COLUMNS]);
void refine_history_free(refine_history_t *h);
double refine_history_gain(const refine_history_t *h, int64_t round);
/* To a checkpoint, and back into an empty history. Not collective. */
err_t refine_history_put(const refine_history_t *h, arrays_writer_t *writer) ERR_MUST_CHECK;
err_t refine_history_get(refine_history_t *h, const arrays_t *arrays) ERR_MUST_CHECK;
/* Its columns as an object of arrays, and best_round, counted from 1. */
json_t *refine_history_json(const refine_history_t *h);
/* Writes refine-history.json and refine.png into the folder. One rank. */
err_t refine_history_write(const refine_history_t *h, const char *folder,
                           const char *study) ERR_MUST_CHECK;

#endif
