/* SPDX-License-Identifier: Apache-2.0
 *
 * Real data sets of a CSV or HDF5 file, checked against the model's declaration. Rank 0 alone goes through the file: once to count and
 * hash what is there, and once more to put its values into a packed file beside the results, from which every rank reads
 * the data sets that it is about to judge (real_sets.h). So memory does not grow with the numbers of trials, and only on
 * rank 0 with the number of data sets, by some 150 bytes each.
 */
#ifndef COORDINATOR_REAL_DATA_H
#define COORDINATOR_REAL_DATA_H

#include "cluster/par.h"
#include "coordinator/study.h"
#include "nn/adapter.h"
#include "workers/table_pack.h"

/* Design variables that are read: which, and their columns in a CSV. */
typedef struct {
    int n;
    int *which;           // (n) ascending
    const char **columns; // (n) on rank 0
} read_design_t;

typedef struct {
    int64_t n; // data sets
    const schema_t *schema;
    const adapter_t *adapter;
    bool *design_known; // (D) else (the adapter drops it) rows hold its lowest value
    char hash[17];      // over ids, groups, values and the design that was read
    const char **ids;   // (n) on rank 0, NULL elsewhere
    int *group;         // (n) likewise: among those of the table; -1: none
    bool hdf5;
    read_design_t design;
    table_t table;      // on rank 0, without values
    table_pack_t *pack; // once it is staged
    char *path;
    const study_t *study;
} real_data_t;

/* `columns` and `design` of the study tell where a CSV's values stand; files ending in .h5 or .hdf5 are HDF5. ERR_USAGE where
 * the study names no column for an observable or for a design variable that is no number of elements; neither is needed where
 * the adapter drops it. ERR_FORMAT without any data set. Study, schema and adapter are borrowed. Collective. */
err_t real_data_open(const par_t *par, const char *path, const study_t *study,
                     const schema_t *schema, const adapter_t *adapter,
                     real_data_t *out) ERR_MUST_CHECK;
/* Packs the values into the file `packed`, which all ranks see. ERR_MISMATCH: the file was changed since it was opened.
 * Collective. */
err_t real_data_stage(const par_t *par, real_data_t *data, const char *packed) ERR_MUST_CHECK;
void real_data_close(real_data_t *data);

/* What is wrong with the numbers of elements or the design of a data set of the file: NULL, or a text that the caller frees. */
char *real_data_shape_problem(const real_data_t *data, const table_t *table, int64_t i);
/* Whether nothing was wrong with data set i when it was counted. On rank 0. */
bool real_data_readable(const real_data_t *data, int64_t i);

#endif
