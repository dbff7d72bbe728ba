/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows were used: all before a position, and some beyond it. Used in order there are none beyond.
 */
#ifndef COORDINATOR_USED_ROWS_H
#define COORDINATOR_USED_ROWS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t position; // the first row that was not used
    int64_t n, cap;   // beyond it:
    int64_t *beyond;  // (n) ascending
} used_rows_t;

/* `beyond` (n, ascending) is copied. */
used_rows_t used_rows_create(int64_t position, int64_t n, const int64_t *beyond);
void used_rows_destroy(used_rows_t *used);
/* Adds n rows in any order, none of which was used. */
void used_rows_add(used_rows_t *used, int64_t n, const int64_t *rows);
bool used_rows_have(const used_rows_t *used, int64_t row);

#endif
