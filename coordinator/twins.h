/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that are the same simulation: equal parameters, design and data, bit for bit. A row that is held back (for
 * validation, for diagnosis) and whose twin is trained on is not held back. It happens where a simulator ignores its seed,
 * and where files were imported twice.
 *
 * Where parameters take few values, as on a grid, equal rows come about by chance: held-out rows of equal parameters and
 * different data show it, and no twins are then looked for.
 */
#ifndef COORDINATOR_TWINS_H
#define COORDINATOR_TWINS_H

#include "cluster/err.h"
#include "storage/rows.h"

#include <stdint.h>

/* What a row is, in few bytes: hashes of its parameters, and of its design, lengths and data. Rows whose keys are equal are
 * the same (XXH3 of 128 bits: by chance once in 10^20 for 10^9 rows against 10^6). */
typedef struct {
    uint64_t parameters[2], data[2];
    int64_t index; // of the row
} twin_key_t;
twin_key_t twins_key(const rows_t *rows, int64_t at);
/* Keys of all n rows; the caller frees them. */
twin_key_t *twins_keys(const rows_t *rows);

typedef struct twins twins_t; // opaque: held-out rows by their parameters

/* Borrows the keys of n held-out rows. */
twins_t *twins_create(int64_t n, const twin_key_t *keys);
void twins_destroy(twins_t **twins);

/* ERR_FORMAT where two of the held-out rows are twins; `who` begins the message ("bank rows"). */
err_t twins_among(const twins_t *twins, const char *who) ERR_MUST_CHECK;
/* The held-out row (0 .. n - 1) that has these parameters, or that is row `at` of `rows` altogether; -1: none does. */
int64_t twins_parameters(const twins_t *twins, const rows_t *rows, int64_t at);
int64_t twins_find(const twins_t *twins, const rows_t *rows, int64_t at);
/* What to do about twins, for the end of a message. */
extern const char TWINS_CURE[];

#endif
