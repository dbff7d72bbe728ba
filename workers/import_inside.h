/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of files that are imported: for import*.c alone.
 *
 * A source reads rows as they stand in its files; import_row.c then makes rows of a bank of them. What a file does not say:
 * status ROW_MISSING, length -1, design NaN, seconds 0, no reason; elements it does not have are 0.
 */
#ifndef WORKERS_IMPORT_INSIDE_H
#define WORKERS_IMPORT_INSIDE_H

#include "workers/import.h"

typedef struct import_source import_source_t;

struct import_source {
    const schema_t *schema;
    char *name;        // for messages: the file
    int64_t rows;      // in it
    int64_t *elements; // (O) that it has of each observable
    origin_part_t origin;
    void *state; // the kind's own
    err_t (*read)(import_source_t *s, int64_t begin, int64_t n, rows_t *rows, int64_t at);
    void (*close)(import_source_t *s); // frees the state
};

err_t import_open_csv(import_source_t *s, const char *path) ERR_MUST_CHECK;
err_t import_open_hdf5(import_source_t *s, const char *path) ERR_MUST_CHECK;
/* "name=file.npy" each. */
err_t import_open_npy(import_source_t *s, int n, const char *const *pairs) ERR_MUST_CHECK;

/* Settles row `at` of a block, which is row `row` of the source: lengths, status, bounds, zeros beyond the length. */
err_t import_settle(const import_source_t *s, int64_t row, rows_t *rows, int64_t at) ERR_MUST_CHECK;
/* Whether a name without its group says what is meant. */
bool import_name_is_unique(const schema_t *schema, const char *name);
/* A status by name ("done") or number; ROW_STATUS_COUNT: neither. */
row_status_t import_status(const char *text);

#endif
