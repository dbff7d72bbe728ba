/* SPDX-License-Identifier: Apache-2.0
 *
 * What training measured, an epoch a row: kept in the checkpoint, written to history.json and loss.png each epoch.
 */
#ifndef COORDINATOR_HISTORY_H
#define COORDINATOR_HISTORY_H

#include "cluster/err.h"

#include <stdint.h>

enum { HISTORY_COLUMNS = 5 };
typedef enum {
    HISTORY_TRAINING,
    HISTORY_VALIDATION,
    HISTORY_RATE,
    HISTORY_NORM,
    HISTORY_SECONDS
} history_column_t;

typedef struct {
    int64_t n, capacity; // epochs
    double *column
        [HISTORY_COLUMNS]; // training loss, validation loss, learning rate, gradient norm, seconds so far
    int64_t best;          // epoch of the smallest validation loss, -1: none
} history_t;

void history_add(history_t *h, const double row[HISTORY_COLUMNS]);
void history_free(history_t *h);
/* Epochs since the best one. */
int64_t history_waited(const history_t *h);
/* Writes history.json and loss.png into the folder. One rank. */
err_t history_write(const history_t *h, const char *folder, const char *study) ERR_MUST_CHECK;

#endif
