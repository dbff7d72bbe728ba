/* SPDX-License-Identifier: Apache-2.0
 *
 * A data set in plain numbers that no network made: statistics of each observable (diagnostics/predictive_statistic.h) and
 * the design, both as they are behind the amortizer's adapter. What the networks do not see is left out: their posterior may
 * well depend on it.
 */
#ifndef COORDINATOR_DATA_STATISTICS_H
#define COORDINATOR_DATA_STATISTICS_H

#include "nn/adapter.h"
#include "storage/rows.h"

typedef struct data_statistics data_statistics_t;

data_statistics_t *data_statistics_create(const adapter_t *adapter); // borrows it
void data_statistics_destroy(data_statistics_t **s);
int data_statistics_count(const data_statistics_t *s);
/* Of the data set that is all of this batch: out (count). */
void data_statistics_of(data_statistics_t *s, const batch_t *batch, float *out);

#endif
