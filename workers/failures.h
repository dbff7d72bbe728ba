/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows fail, where in the parameters, why, and what rows cost: collected row by row in bounded memory.
 *
 * Counts, sums and extremes are exact. Of each status up to `capacity` rows are kept, the ones whose hashed index is
 * smallest (bottom-k sampling; Cohen and Kaplan 2007, "Summarizing data using bottom-k sketches"), so what is kept depends
 * on the rows alone, not on their order or on who saw them, and collections of several ranks can be merged. Shares
 * and quantiles are exact while no status has more rows than that.
 *
 * Every parameter that is one number is cut into FAILURES_BINS bins of equally many rows (of all statuses). The share of a failing status in a
 * bin has the standard error of a binomial share p of n rows, sqrt(p (1 - p) / n) = p (1 - p) sqrt(1 / failing +
 * 1 / others), where the counts are of rows kept. Failing is every status but done.
 */
#ifndef WORKERS_FAILURES_H
#define WORKERS_FAILURES_H

#include "cluster/err.h"
#include "storage/rows.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FAILURES_BINS = 5,
    FAILURES_CAPACITY = 4096, // for campaigns: a share of a bin is then known to about 1.5 %
    FAILURES_CAPACITY_ALL = 65536,
    FAILURES_REASONS = 5 // of each status that the text and the JSON give
};

typedef struct failures failures_t; // opaque: what was collected

/* The schema must outlive it. Where rows are so wide that `capacity` of them take over 64 MB a status, fewer are kept. */
failures_t *failures_create(const schema_t *schema, int64_t capacity);
void failures_destroy(failures_t **failures); // NULL is fine
/* One row. `index`: of the bank, each row once; `parameters` (P): NaN is counted apart; `reason`: NULL where there is
 * none. A row that is ROW_MISSING is passed over. */
void failures_add(failures_t *f, int64_t index, const double *parameters, double seconds,
                  row_status_t status, const char *reason);
void failures_add_rows(failures_t *f, const rows_t *rows, int64_t begin, int64_t end);

/* As bytes, for a message; the caller frees them. Of equal rows, the same bytes. */
size_t failures_pack(failures_t *f, void **out);
/* Adds what another collection of the same schema and capacity holds. ERR_FORMAT: no such bytes. */
err_t failures_merge(failures_t *f, size_t bytes, const void *packed) ERR_MUST_CHECK;

int64_t failures_rows(const failures_t *f);
int64_t failures_count(const failures_t *f, row_status_t status);
double failures_share(const failures_t *f); // rows that are not done, of all; 0 without rows

/* One cell of the table: rows of a status in a bin of a parameter. */
typedef struct {
    int parameter, bin;
    row_status_t status;
    double above, to; // the bin is (above, to]; +-INFINITY at the ends
    double rows;      // of all statuses in it
    double share;     // of them, with this status
    double error;     // standard error of the share
    double contrast;  // (share - share of all rows) / error
} failures_cell_t;

/* The table, without the values of arrays: cells by parameter, status (those that occur) and bin; *cells is the caller's. Returns how many. Empty bins
 * (a parameter of few values) have no cell. */
int64_t failures_cells(failures_t *f, failures_cell_t **cells);
/* Rows of a status whose value of this parameter is NaN. */
int64_t failures_nan(const failures_t *f, int parameter, row_status_t status);

/* Quantiles of the seconds of a row of one status, or of all where it is ROW_MISSING: (n) levels in [0, 1], by linear
 * interpolation between order statistics where all rows are kept. NaN without rows. */
void failures_seconds(failures_t *f, row_status_t status, int n, const double *levels, double *out);

/* For people: counts, the regions that stand out most (share 4 standard errors above that of all rows), the reasons given
 * most often; at most 20 lines, each ended by a line feed. The caller frees it. */
char *failures_text(failures_t *f);
/* All of it: counts, table, NaN, reasons, quantiles of seconds. The caller owns the reference. */
json_t *failures_json(failures_t *f);

#endif
