/* SPDX-License-Identifier: Apache-2.0
 *
 * Column means and standard deviations of the rows that are trained on (finished, not held back for validation), by one
 * streaming pass: of parameters, of design variables, and of the elements of each observable by feature, padding left out;
 * as they are, or as a transform of the caller's makes them.
 *
 * The bank is cut into parts of FIRST_PASS_ROWS rows, whatever the number of ranks. A part gives count, mean and sum of
 * squared deviations of each column; parts are merged in their order (Chan, Golub and LeVeque 1983, "Algorithms for
 * computing the sample variance"). So the ranks may share the parts, add their arrays (zeros elsewhere) and merge, with
 * the same bits as one rank alone.
 */
#ifndef STORAGE_FIRST_PASS_H
#define STORAGE_FIRST_PASS_H

#include "cluster/err.h"
#include "storage/bank.h"
#include "storage/rows.h"
#include "storage/schema.h"
#include "storage/shuffle.h"

#include <stddef.h>
#include <stdint.h>

enum { FIRST_PASS_ROWS = 4096 };

/* How many columns of each kind. */
typedef struct {
    int n_parameters, n_design, n_observables;
    const int64_t *features; // (O)
    /* (P) values of one array, numbered from 1, have one mean and sd together; 0: a column of its own. NULL: all are. */
    const int *arrays;
} first_pass_shape_t;

/* One row in that shape. */
typedef struct {
    double *parameters, *design; // (P), (D): to be filled
    const float **observables;   // [O]: to be pointed at values, valid until the next row
    int64_t *values;             // (O): how many of them; value k belongs to column k % features
} first_pass_row_t;

/* Puts row `at` into the shape; an error ends the pass. */
typedef err_t (*first_pass_transform_t)(void *user, const rows_t *rows, int64_t at,
                                        first_pass_row_t *out);

typedef struct {
    bank_t *bank;
    const shuffle_t *shuffle;         // says which rows
    first_pass_transform_t transform; // NULL: rows as they are
    void *user;
    first_pass_shape_t shape; // of what the transform makes
} first_pass_config_t;

/* The standard deviation is the population's (divided by n), and 1 where it is 0. */
typedef struct {
    int n_observables;
    int64_t rows;                              // that were counted
    double *parameter_mean, *parameter_sd;     // (P)
    double *design_mean, *design_sd;           // (D)
    int64_t *features;                         // (O)
    double **observable_mean, **observable_sd; // [O] -> (features)
} first_pass_t;

/* Features of an observable: of a vector each value is one, of a set or series the values of one element, of an image the
 * channels. */
int64_t first_pass_features(const schema_observable_t *observable);

/* The whole pass on this rank. Errors of the bank and of the transform. Not collective. */
err_t first_pass_run(const first_pass_config_t *config, first_pass_t *out) ERR_MUST_CHECK;
void first_pass_free(first_pass_t *pass);

/* The pass in pieces: the number of parts, the doubles of one part, one part, and the end from all parts in order
 * ((parts, size) values). Not collective. */
int64_t first_pass_parts(const first_pass_config_t *config);
int64_t first_pass_part_size(const first_pass_config_t *config);
err_t first_pass_part(const first_pass_config_t *config, int64_t part, double *out) ERR_MUST_CHECK;
void first_pass_merge(const first_pass_config_t *config, const double *parts, first_pass_t *out);

#endif
