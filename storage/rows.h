/* SPDX-License-Identifier: Apache-2.0
 *
 * A block of simulated rows in memory: what a simulator fills, a shard stores and a trainer reads.
 */
#ifndef STORAGE_ROWS_H
#define STORAGE_ROWS_H

#include "storage/schema.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    ROW_MISSING = 0,   // not simulated yet
    ROW_DONE = 1,
    ROW_REJECTED = 2,  // the simulator rejected the draw
    ROW_NONFINITE = 3, // a parameter or an observable is NaN or infinite
    ROW_STATUS_COUNT
} row_status_t;

typedef struct {
    const schema_t *schema; // borrowed
    int64_t capacity, n;
    int64_t *index;         // (n)       row of the bank
    uint8_t *status;        // (n)       row_status_t
    double *seconds;        // (n)       measured
    double *parameters;     // (n, P)
    double *design;         // (n, D)
    int32_t *length;        // (n, O)    elements of each observable (dims[0] where fixed)
    float **observables;    // [O] -> (n, size of observable o), zero beyond the length
} rows_t;

rows_t rows_create(const schema_t *schema, int64_t capacity); // cleared, n = 0; the schema must outlive it
void rows_destroy(rows_t *rows);
/* Copies row `from` of a to row `to` of b (same schema). */
void rows_copy(const rows_t *a, int64_t from, rows_t *b, int64_t to);
size_t rows_bytes(const schema_t *schema);                     // memory of one row
const char *row_status_name(row_status_t status);              // "done"

#endif
