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

typedef struct twins twins_t; // opaque: held-out rows by their parameters

/* Borrows the rows, n of them finished. */
twins_t *twins_create(const rows_t *held_out);
void twins_destroy(twins_t **twins);

/* ERR_FORMAT where two of the held-out rows are twins; `who` begins the message ("bank rows"). */
err_t twins_among(const twins_t *twins, const char *who) ERR_MUST_CHECK;
/* The held-out row that has these parameters, or that is row `at` of `rows` altogether; -1: none does. */
int64_t twins_parameters(const twins_t *twins, const rows_t *rows, int64_t at);
int64_t twins_find(const twins_t *twins, const rows_t *rows, int64_t at);
/* What to do about twins, for the end of a message. */
extern const char TWINS_CURE[];

#endif
