/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets from an HDF5 file, laid out as a bank's shard is:
 *
 *   /observables/<name>   (datasets, elements, features ...) padded; /<name> at the root will do too
 *   /length/<name>        (datasets) how many elements are there; without it all are
 *   /design/<name>        (datasets) a design variable
 *   /id                   (datasets) integers or texts; without it the ids are 0, 1, 2, ...
 */
#ifndef WORKERS_TABLE_HDF5_H
#define WORKERS_TABLE_HDF5_H

#include "cluster/err.h"
#include "storage/schema.h"
#include "workers/table.h"

#include <stdbool.h>

/* Reads the observables of a model, and the n design variables of `which`. Values go to the sink, which may be
 * table_keeper(out); NULL: they are counted and hashed alone. ERR_MISSING: no such file, no such observable or design
 * variable; ERR_FORMAT: dims that do not fit the model's, another number of data sets or of ids, a length beyond the data.
 * `out` is freed with table_free. Not collective. */
err_t table_read_hdf5(const char *path, const schema_t *schema, int n, const int *which,
                      const table_sink_t *sink, table_t *out) ERR_MUST_CHECK;
/* A second pass over the file, with what the first one found: values go to the sink. ERR_MISMATCH: the file is another one by
 * now; the rest as above. */
err_t table_again_hdf5(const char *path, const schema_t *schema, const table_sink_t *sink,
                       table_t *table) ERR_MUST_CHECK;
/* Sorts the data sets of a table into groups, by a data set of the file that holds an integer or a text each. ERR_MISSING: it is
 * not there; ERR_FORMAT: another number of them, or more than TABLE_MOST_GROUPS different ones. */
err_t table_hdf5_groups(const char *path, const char *name, table_t *table) ERR_MUST_CHECK;
/* Whether the file has this design variable; false where there is no such file. */
bool table_hdf5_has_design(const char *path, const char *name);

#endif
