/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets from a CSV file in long form: a header, then one row a trial; an id column says whose it is, and each
 * observable names its value columns, one a feature. Rows of one id need not stand together.
 *
 *     participant_id,rt,response
 *     0,1.21,1                       {.id = "participant_id", y: {.columns = {"rt"}, .sign = "response"}}
 *     0,1.63,-1                      -> data set "0", y = (1.21, -1.63)
 *
 * A number is decimal; empty, NA and NaN are kept as NaN, which is a problem of the data set and not of the file (none
 * where values may be missing), as are
 * infinite numbers and, where a sign column multiplies, a negative value and a sign of 0. A design variable is one number a
 * data set: the same in each of its rows; so is the group.
 */
#ifndef WORKERS_TABLE_CSV_H
#define WORKERS_TABLE_CSV_H

#include "cluster/err.h"
#include "workers/table.h"

#include <stdbool.h>

typedef struct {
    int n_columns;
    const char *const *columns; // one a feature, in order
    const char *sign;           // column whose sign multiplies each value, or NULL
    bool missing;               // NaN stands for a value that is not there: no problem
} table_columns_t;

typedef struct {
    const char *id;
    int n_observables;
    const table_columns_t *observables; // (O)
    int n_design;
    const char *const *design; // (D) columns
    const char *group;         // column that sorts data sets into groups, each into one; NULL: none
} table_csv_t;

/* Values go to the sink, which may be table_keeper(out); NULL: they are counted and hashed alone, some 150 bytes a data set.
 * ERR_MISSING: no such file. ERR_FORMAT: empty, a column that is not there (lists those that are, and says which was
 * meant, or that the separator is not a comma) or that is there twice, a record of another
 * length than the header, text where a number belongs ("data.csv:12: rt: got \"fast\", expected a number"), an empty id, more than TABLE_MOST_GROUPS groups, what
 * csv.h names, what the sink says; ERR_STOPPED on request. A file that takes a while shows its progress. `out` is freed with table_free. Not collective. */
err_t table_read_csv(const char *path, const table_csv_t *config, const table_sink_t *sink,
                     table_t *out) ERR_MUST_CHECK;
/* A second pass over the file, with what the first one found, which stays as it is: values go to the sink. ERR_MISMATCH: the
 * file is another one by now; the rest as above. */
err_t table_again_csv(const char *path, const table_csv_t *config, const table_sink_t *sink,
                      table_t *table) ERR_MUST_CHECK;

#endif
