/* SPDX-License-Identifier: Apache-2.0
 *
 * Some real data sets in the layout of simulated rows, as the networks read them.
 */
#ifndef COORDINATOR_REAL_SETS_H
#define COORDINATOR_REAL_SETS_H

#include "coordinator/real_data.h"
#include "storage/rows.h"

typedef struct {
    rows_t
        rows; // (n) design from the numbers of elements and what was read; index: the data set; parameters are not known
    char **problem; // (capacity) what is wrong with the values of each; NULL: nothing so far
} real_sets_t;

/* Room for `capacity` data sets. */
real_sets_t real_sets_create(const real_data_t *data, int64_t capacity);
void real_sets_free(real_sets_t *sets);
/* Reads n data sets, at most as many as there is room for, in the place of those that were there. The data are staged. Not
 * collective. ERR_IO, ERR_FORMAT. */
err_t real_sets_load(const real_data_t *data, int64_t n, const int64_t *which,
                     real_sets_t *sets) ERR_MUST_CHECK;
/* The same for [begin, end). */
err_t real_sets_load_range(const real_data_t *data, int64_t begin, int64_t end,
                           real_sets_t *sets) ERR_MUST_CHECK;

#endif
