/* SPDX-License-Identifier: Apache-2.0
 *
 * Why rows failed, counted. Reasons that differ in numbers alone count as one ("no root in [0.1, 0.2]" and "no root in
 * [0.3, 0.9]"); the one with the smallest row is kept as the example.
 */
#ifndef WORKERS_REASONS_H
#define WORKERS_REASONS_H

#include <stdint.h>

enum { REASONS_MOST = 256 }; // kinds told apart; later ones are counted together

typedef struct {
    char *pattern, *example; // owned
    int64_t row, count;      // of the example; rows of this kind
} reason_t;

typedef struct {
    int n;
    reason_t *kinds; // (n)
    int64_t others;  // rows of kinds that found no place
} reasons_t;         // begins as zeros

void reasons_free(reasons_t *r);
/* `count` rows, of which `row` is the smallest. */
void reasons_add(reasons_t *r, int64_t row, const char *reason, int64_t count);
void reasons_sort(reasons_t *r); // most frequent first, then by row

#endif
