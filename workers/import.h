/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulations written elsewhere, read as rows of a model. Each HDF5 or CSV file holds simulations of its own, one after
 * another; all "name=file.npy" together are one set of them.
 *
 *   HDF5   /parameters/<name>, /design/<name>, /observables/<name>, /length/<name> as in a shard, or <name> at the top, or
 *          /parameters (n, all their values) and /design (n, D) in the declaration's order. Numbers of any width.
 *          Attributes `model` or `fingerprint`, where they are there, have to fit the declaration.
 *   CSV    a header, then one simulation a line. A parameter or design variable is a column of its name; an observable, or
 *          a parameter that is an array, of dims [3] is y.0, y.1, y.2, of dims [7, 2] y.0.0 ... y.6.1 (y[0] and y[0,0] are
 *          the same; indices of sizes of 1 may be left out, so dims [1] is y). Empty, NA and NaN are NaN. Other columns are
 *          passed over.
 *   NPY    the names of HDF5: mu=mu.npy, parameters=theta.npy, observables/y=y.npy
 *
 * A name that is both, say, a parameter and an observable needs its group: parameters/mu (in CSV parameters.mu).
 * Where an observable's length varies with a design variable it may have fewer elements in the file than declared, padded
 * by NaN, 0 or nothing; the length is the design variable's value or /length/<name> (CSV length.y). Optional are
 * row/status, row/seconds, row/reason and row/reason_of (CSV row.status, ...), as an export writes them.
 */
#ifndef WORKERS_IMPORT_H
#define WORKERS_IMPORT_H

#include "cluster/err.h"
#include "storage/rows.h"
#include "workers/origin.h"

typedef struct import import_t; // opaque: open files

/* Opens the files, looks at names and shapes, counts rows and sums up checksums. ERR_MISSING: no such file; ERR_FORMAT:
 * a name that is not there (and those that are), a shape, a number of rows, with file, got and expected; ERR_MISMATCH: of
 * another model. ERR_USAGE: a file whose name ends in none of .h5, .hdf5, .csv, .npy. The schema must outlive it. */
err_t import_open(const schema_t *schema, int n_files, const char *const *files,
                  import_t **out) ERR_MUST_CHECK;
void import_close(import_t **import); // NULL is fine
int64_t import_rows(const import_t *import);
/* Rows [begin, begin + n) into rows[0 ...], n is set, index[i] = begin + i. A row with a number that is not finite
 * becomes ROW_NONFINITE. ERR_FORMAT with file, name, row, got and expected: a value outside its declared bounds (of
 * rows that are not marked as failed), a length or a status that makes no sense, text where a number belongs. */
err_t import_read(import_t *import, int64_t begin, int64_t n, rows_t *rows) ERR_MUST_CHECK;
/* Where the rows come from: one part for each HDF5 or CSV file and for all NPY files. The caller frees it. */
origin_t import_origin(const import_t *import);

#endif
