/* SPDX-License-Identifier: Apache-2.0
 *
 * A classifier of two kinds of rows, for tests that ask whether the kinds can be told apart: a small network (two hidden
 * layers of 2^ceil(log2(10 d)) mish units, 16 to 128, residual, dropout 0.1), trained with AdamW on the weighted cross entropy
 * and stopped where rows beside the training rows are predicted best.
 *
 * Each row is scored by a network that saw neither it nor any row of its fold: of K folds, K - 2 train a network, one
 * tells it when to stop, one is scored. Everything is a function of (rows, folds, config).
 */
#ifndef WORKERS_CLASSIFIER_H
#define WORKERS_CLASSIFIER_H

#include <stdint.h>

typedef struct {
    int64_t n;
    int d;
    const double *x;      // (n, d), finite; standardised inside
    const uint8_t *label; // (n): 0 or 1; both kinds weigh the same, however many they are
    const int32_t *fold;  // (n): 0 .. folds - 1, each with rows of both kinds
} classifier_rows_t;

typedef struct {
    int folds; // 3 or more
    int64_t batch;
    int64_t least_steps, most_steps; // 40 passes over the training rows, but within these
    double learning_rate;            // its peak
    int patience;                    // rounds (of a pass, or 50 steps) without a better prediction
    uint64_t seed;
} classifier_config_t;
classifier_config_t classifier_config_default(void); // 5 folds of batches of 128

/* score (n): the log odds that a row is of kind 1. */
void classifier_cross(const classifier_config_t *config, const classifier_rows_t *rows,
                      double *score);

/* Folds by chance: rows of one kind are dealt evenly, so each fold has its share of both: out (n). */
void classifier_folds(uint64_t seed, int folds, int64_t n, const uint8_t *label, int32_t *out);

#endif
