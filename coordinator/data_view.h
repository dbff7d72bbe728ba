/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of data as the predictive statistics see them: the observables that an amortizer reads.
 */
#ifndef COORDINATOR_DATA_VIEW_H
#define COORDINATOR_DATA_VIEW_H

#include "diagnostics/predictive.h"
#include "storage/rows.h"

typedef struct adapter adapter_t; // nn/adapter.h

typedef struct {
    const schema_t *schema;     // borrowed
    int n;                      // observables that are read
    int *which;                 // (n)
    predictive_field_t *fields; // (n)
    int n_items;                // statistics
    predictive_item_t *items;   // (n_items)
} data_view_t;

data_view_t data_view_create(const schema_t *schema, const adapter_t *adapter);
void data_view_free(data_view_t *view);

/* Row `at` as a data set; `n` and `values` (n each) are filled and have to be kept while it is used. */
predictive_set_t data_view_set(const data_view_t *view, const rows_t *rows, int64_t at, int64_t *n,
                               const float **values);
/* All statistics of row `at`: (n_items). */
void data_view_statistics(const data_view_t *view, const rows_t *rows, int64_t at, double *out);

#endif
