/* SPDX-License-Identifier: Apache-2.0
 *
 * What every way of simulating a row does with it before and after: looks at the values, clears, and marks what failed.
 */
#ifndef WORKERS_ROW_H
#define WORKERS_ROW_H

#include "cluster/rng.h"
#include "storage/rows.h"

#include <stdbool.h>

/* Each tells whether the values are fine; if not, `why` says which is not (what, got, expected). */
bool row_design_fits(const schema_t *schema, const double *design, char why[ROW_REASON_CAP]);
/* None outside its declared bounds; NaN passes. */
bool row_parameters_fit(const schema_t *schema, const double *parameters, char why[ROW_REASON_CAP]);
/* All finite and strictly inside their (open) support. */
bool row_parameters_inside(const schema_t *schema, const double *parameters,
                           char why[ROW_REASON_CAP]);

/* Each design variable uniform between its bounds. */
void row_draw_design(const schema_t *schema, rng_t *rng, double *design);
/* Sets the lengths by the design in place, and clears the observables, seconds and the reason. */
void row_begin(rows_t *rows, int64_t at, int64_t index);
/* Whether a row that came from elsewhere is as a simulator leaves it: a known status (not missing), the lengths that the design
 * gives, zeros beyond them; a done one has design and parameters inside their bounds, finite values and no reason. */
bool row_check(const rows_t *rows, int64_t at, int64_t index, char why[ROW_REASON_CAP]);
/* Clears the observables beyond their length; tells whether all values before it are finite. */
bool row_end(rows_t *rows, int64_t at, char why[ROW_REASON_CAP]);
/* Somebody's text as words of a reason: on one line, cut to cap - 1 bytes between two characters, '?' for what is no UTF-8.
 * Returns `out`. */
const char *row_words(const char *text, size_t length, size_t cap, char *out);
/* Nothing is known yet of parameters and design: NaN. */
void row_unknown(rows_t *rows, int64_t at);
/* A row that failed: keeps parameters and design, has no observables. */
void row_fail(rows_t *rows, int64_t at, int64_t index, row_status_t status, const char *reason);

#endif
