/* SPDX-License-Identifier: Apache-2.0
 *
 * Real data as it was read: data sets with an id, each a number of elements (trials) of every observable. Files come in
 * as table_csv.h and table_hdf5.h say. What is wrong with the file is an error; what is wrong with the values of one data
 * set (NaN, empty, negative where a sign has to multiply) stands in its `problem`, for its verdict.
 */
#ifndef WORKERS_TABLE_H
#define WORKERS_TABLE_H

#include <stdint.h>

typedef struct {
    char *id;
    int64_t *n;     // [O] elements of each observable
    float **values; // [O] -> (n, features)
    int64_t *lines; // (n of a CSV) line of the file, from 1; NULL where there are none
    double *design; // [D] of the design variables that were asked for
    char *problem;  // the first one: "rt is negative in line 7"; NULL: none
} table_set_t;

typedef struct {
    int64_t n; // data sets
    int n_observables, n_design;
    int64_t *features; // [O] values of one element
    table_set_t *sets; // (n) in order of first appearance
} table_t;

void table_free(table_t *table);

#endif
