/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded uniform sample of rows, the same whatever the order in which rows come and whoever brings them: those whose
 * hashed index is smallest (bottom-k; Cohen and Kaplan 2007).
 */
#ifndef WORKERS_ROW_SAMPLE_H
#define WORKERS_ROW_SAMPLE_H

#include <stdint.h>

typedef struct {
    int width;         // values of a row
    int64_t capacity;  // rows kept in the end
    int64_t n, room;   // rows in memory now, at most twice the capacity
    uint64_t limit;    // rows of a larger key can not be among those kept
    uint64_t *entries; // (n, 2 + width): key, index, bits of the values
} row_sample_t;

row_sample_t row_sample_create(int width, int64_t capacity);
void row_sample_free(row_sample_t *s);
/* Values (width). Each index once. */
void row_sample_add(row_sample_t *s, int64_t index, const double *values);
/* Sorts by key and cuts to the capacity; n is then what is kept. */
void row_sample_settle(row_sample_t *s);
int64_t row_sample_index(const row_sample_t *s, int64_t i);
double row_sample_value(const row_sample_t *s, int64_t i, int column);

#endif
