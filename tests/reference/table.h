/* SPDX-License-Identifier: Apache-2.0
 *
 * Small CSV files for tests and reference programs: a header line, then cells without quotes.
 */
#ifndef TESTS_REFERENCE_TABLE_H
#define TESTS_REFERENCE_TABLE_H

#include "cluster/err.h"

#include <stdint.h>

typedef struct {
    char *text; // the file; cells point into it
    int64_t rows, columns;
    const char **header; // (columns)
    const char **cell;   // (rows, columns)
} table_t;

err_t table_read(const char *path, table_t *out) ERR_MUST_CHECK;
void table_free(table_t *table);
/* ERR_FORMAT names the column. */
err_t table_column(const table_t *table, const char *name, int64_t *out) ERR_MUST_CHECK;
err_t table_number(const table_t *table, int64_t row, int64_t column, double *out) ERR_MUST_CHECK;

#endif
