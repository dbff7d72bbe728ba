/* SPDX-License-Identifier: Apache-2.0
 *
 * A small model whose rows are a plain function of (seed, index), for the tests of the bank.
 */
#ifndef TESTS_STORAGE_SAMPLE_BANK_H
#define TESTS_STORAGE_SAMPLE_BANK_H

#include "storage/rows.h"
#include "storage/schema.h"

/* Two parameters, one design variable (n from 3 to 7), a set of at most 7 x 2 values and a vector of 3. */
schema_t sample_schema(void);
/* Fills rows[at] with row `index`; some rows are rejected, one in 50 is not finite. */
void sample_row(uint64_t seed, int64_t index, rows_t *rows, int64_t at);
/* Appends rows [begin, end). */
void sample_rows(uint64_t seed, int64_t begin, int64_t end, rows_t *rows);
/* 0 where the fields of both rows are equal byte for byte; seconds are compared only when asked. */
int sample_differs(const rows_t *a, int64_t i, const rows_t *b, int64_t k, int with_seconds);
/* A new empty folder; the caller frees the path, and removes the folder with sample_remove. */
char *sample_folder(void);
void sample_remove(const char *folder);
/* All bytes of a file; the caller frees them. */
char *sample_bytes(const char *folder, const char *name, int64_t *bytes);
/* Flips all bits of one byte. */
void sample_flip(const char *folder, const char *name, int64_t at);

#endif
