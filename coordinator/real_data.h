/* SPDX-License-Identifier: Apache-2.0
 *
 * Real data sets in the layout of simulated rows: read from CSV or HDF5, checked against the model's declaration.
 */
#ifndef COORDINATOR_REAL_DATA_H
#define COORDINATOR_REAL_DATA_H

#include "coordinator/study.h"
#include "storage/rows.h"
#include "workers/table.h"

typedef struct {
    int64_t n; // data sets
    rows_t
        rows; // (n) design from the numbers of elements and what was read; parameters are not known
    bool *design_known;   // (D) else (the adapter drops it) the rows hold its lowest value
    const char **ids;     // (n)
    const char **problem; // (n) what is wrong with the values of a data set; NULL: nothing so far
    table_t table;        // owns the texts
    char **own;           // (n) problems that were found here, or NULL
} real_data_t;

/* `columns` and `design` of the study tell where a CSV's values stand; files ending in .h5 or .hdf5 are HDF5. ERR_USAGE where
 * the study names no column for an observable or for a design variable that is no number of elements; neither is needed where
 * the adapter drops it. Not collective; each rank reads. */
err_t real_data_read(const char *path, const study_t *study, const schema_t *schema,
                     const adapter_t *adapter, real_data_t *out) ERR_MUST_CHECK;
void real_data_free(real_data_t *data);
/* 16 hex digits over ids, values and the design that was read; the caller frees it. */
char *real_data_hash(const real_data_t *data);

#endif
