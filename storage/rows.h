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
    ROW_MISSING = 0, // not simulated yet
    ROW_DONE = 1,
    ROW_REJECTED = 2,  // the simulator rejected the draw
    ROW_NONFINITE = 3, // a parameter or an observable is NaN or infinite
    ROW_ERROR = 4,     // the simulator said that it failed, or its answer made no sense
    ROW_TIMEOUT = 5,   // it was ended because it took too long
    ROW_CRASHED = 6,   // its process ended in the middle of the row
    ROW_STATUS_COUNT
} row_status_t;
enum { ROW_REASON_CAP = 240 }; // bytes of a reason, with its 0

typedef struct {
    const schema_t *schema; // borrowed
    int64_t capacity, n;
    int64_t *index;  // (n)       row of the bank
    uint8_t *status; // (n)       row_status_t
    double *seconds; // (n)       measured
    char *
        *reason; // (n)       why the row is not done, in words; NULL where nothing was said; owned
    double *parameters;  // (n, P)
    double *design;      // (n, D)
    int32_t *length;     // (n, O)    elements of each observable (dims[0] where fixed)
    float **observables; // [O] -> (n, size of observable o), zero beyond the length
} rows_t;

rows_t rows_create(const schema_t *schema,
                   int64_t capacity); // cleared, n = 0; the schema must outlive it
/* The same, but the observables' memory is not touched yet: who fills some rows needs only theirs. */
rows_t rows_create_untouched(const schema_t *schema, int64_t capacity);
/* Makes the capacity larger where it is smaller; what is new is cleared. Large blocks are not copied. */
void rows_reserve(rows_t *rows, int64_t capacity);
void rows_destroy(rows_t *rows);
/* Sets the words of a row: copied, cut to ROW_REASON_CAP; NULL or "" clears them. */
void rows_set_reason(rows_t *rows, int64_t at, const char *reason);
/* Copies row `from` of a to row `to` of b (same schema), its reason too. */
void rows_copy(const rows_t *a, int64_t from, rows_t *b, int64_t to);
/* Appends row `from` of a to b, which has room for it. */
void rows_append(const rows_t *a, int64_t from, rows_t *b);
size_t rows_bytes(const schema_t *schema); // of one row, packed
/* Rows of a block for streaming through many: some 32 MB, 1 to 4096 of them. */
int64_t rows_of_block(const schema_t *schema);
/* Row `at` as rows_bytes() bytes without gaps, for a message: index, status, seconds, parameters, design,
 * length, observables. The reason is not among them. */
void rows_pack(const rows_t *rows, int64_t at, void *out);
void rows_unpack(const void *packed, rows_t *rows, int64_t at);
/* xxh3 over the rows [begin, end): index, status, parameters, design, length, then each observable; `seconds` is left
 * out, it is measured. */
uint64_t rows_hash(const rows_t *rows, int64_t begin, int64_t end);
const char *row_status_name(row_status_t status); // "done"
/* "0 missing, 1 done, ...": what the numbers in files mean. The caller frees it. */
char *row_status_words(void);
/* Whether trying the row again may give another status: it timed out or crashed, which its seed does not determine. */
bool row_status_may_change(row_status_t status);

#endif
