/* SPDX-License-Identifier: Apache-2.0
 *
 * The data sets of a shard, as one list: /row/index, /row/status, then parameters, design, and length and values of each
 * observable, as the model declares them. And where each stands in a block of rows in memory.
 */
#ifndef STORAGE_SHARD_FIELDS_H
#define STORAGE_SHARD_FIELDS_H

#include "storage/h5.h"
#include "storage/rows.h"

typedef struct {
    const char *group, *name; // "parameters", "mu"; borrowed from the schema
    const char *unit;         // or NULL
    h5_type_t type;
    int n_dims; // of one row
    const int64_t *dims;
    size_t row_bytes;
} shard_field_t;

int shard_field_count(const schema_t *schema);
int shard_head_count(const schema_t *schema); // of the first ones: row and parameters
shard_field_t shard_field(const schema_t *schema, int k);
/* Bytes of one row in all data sets together. */
size_t shard_row_bytes(const schema_t *schema);
size_t shard_widest_bytes(const schema_t *schema); // of one row in the largest data set

/* Field k of the rows from `at` on: its first row, and the bytes from one row to the next. */
typedef struct {
    char *first;
    size_t stride;
} shard_column_t;
shard_column_t shard_column(const rows_t *rows, int64_t at, int k);

/* n values of `bytes` bytes each between a column and an array without gaps. */
void shard_column_get(const shard_column_t *column, int64_t n, size_t bytes, void *out);
void shard_column_put(const shard_column_t *column, int64_t n, size_t bytes, const void *in);

#endif
