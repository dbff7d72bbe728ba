/* SPDX-License-Identifier: Apache-2.0
 *
 * What a training history says about the training: divergence, overfitting, under-training.
 */
#ifndef DIAGNOSTICS_HISTORY_H
#define DIAGNOSTICS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool diverged; // a loss is not finite
    bool overfitting;
    bool undertrained; // validation loss still falling at the end
    int64_t best;      // epoch of the smallest validation loss, from 0; -1: none is finite
    double ratio;      // 1 + gap; see below. NaN when diverged or with fewer than 2 epochs
    char words[512];   // the verdict in a sentence or two, with what to do
} history_verdict_t;

/* Losses of n epochs. Losses are negative log densities and may be negative, so a plain ratio validation / training says
 * nothing; the gap is measured against a scale of its own instead:
 *     gap = (validation - training) / max(|training|, first validation - best validation, 1 nat),
 * means over the last epochs (a tenth of them, 5 at most). For positive losses ratio = 1 + gap is validation / training
 * wherever that is sensible. Overfitting: ratio > `overfitting` (rating.h: 1.1). Under-trained: over the last fifth (4 epochs at least), the
 * validation loss of the second half is below that of the first by over 1 % of max(|validation|, first - best). */
history_verdict_t history_inspect(int64_t n, const double *training, const double *validation,
                                  double overfitting);

/* The epoch of the smallest finite validation loss, from 0; -1: none is finite. */
int64_t history_best(int64_t n, const double *validation);

#endif
