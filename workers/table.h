/* SPDX-License-Identifier: Apache-2.0
 *
 * Real data as it was read: data sets with an id, each a number of elements (trials) of every observable. Files come in
 * as table_csv.h and table_hdf5.h say. What is wrong with the file is an error; what is wrong with the values of one data
 * set (NaN, empty, negative where a sign has to multiply) stands in its `problem`, for its verdict.
 *
 * Files that are larger than memory are gone through twice: first without keeping values, which counts and hashes them, then
 * again with a sink that puts each value where the counts say (table_pack.h).
 */
#ifndef WORKERS_TABLE_H
#define WORKERS_TABLE_H

#include "cluster/err.h"

#include <stdint.h>

enum { TABLE_MOST_GROUPS = 1000 };

typedef struct {
    char *id;
    int group;      // among those of the table; -1: none
    int64_t *n;     // [O] elements of each observable
    uint64_t *hash; // [O] over the values, one after another
    double *design; // [D] of the design variables that were asked for
    char *problem;  // the first one: "rt is negative in line 7"; NULL: none
    float **values; // [O] -> (n, features); NULL where values are not kept
} table_set_t;

typedef struct {
    int64_t n; // data sets
    int n_observables, n_design;
    int64_t *features; // [O] values of one element
    int n_groups;      // what a grouping column holds, in order of first appearance
    char **groups;
    table_set_t *sets; // (n) in order of first appearance
} table_t;

/* Takes values as they are read: n elements of observable o of data set i, of which `first` came before. */
typedef struct {
    err_t (*take)(void *to, int64_t i, int o, int64_t first, int64_t n, const float *values);
    void *to;
} table_sink_t;

/* An empty table; features[o] is to be filled in. */
table_t table_create(int n_observables, int n_design);
void table_free(table_t *table);
/* Adds an empty data set; room for its values is made by table_keep. */
int64_t table_add(table_t *table, const char *id);
/* Appends n elements of observable o to the values of data set i, which are kept. */
void table_keep(table_t *table, int64_t i, int o, int64_t n, const float *values);
/* A sink that keeps values in the table that is being read. */
table_sink_t table_keeper(table_t *table);
/* The number of a group, which is added where it is new; -1 for "", and where there are TABLE_MOST_GROUPS others. */
int table_group(table_t *table, const char *name);
/* Goes on with a hash over n more values; begins with 0. */
uint64_t table_hash(uint64_t hash, int64_t n, const float *values);

/* A problem where the second half of a data set with 20 elements or more repeats the first one value for value: a file that
 * was pasted into itself. NULL where it does not; the caller frees it. Its values are kept. */
char *table_repeats(const table_t *table, int64_t i);

#endif
