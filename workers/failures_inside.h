/* SPDX-License-Identifier: Apache-2.0
 *
 * What was collected about rows, from inside: for failures*.c alone.
 */
#ifndef WORKERS_FAILURES_INSIDE_H
#define WORKERS_FAILURES_INSIDE_H

#include "workers/failures.h"
#include "workers/reasons.h"
#include "workers/row_sample.h"

/* Of the rows of one status. */
typedef struct {
    int64_t n;
    double sum, least, most; // of seconds
    int64_t *nan;            // (P)
    row_sample_t sample;     // of parameters, then seconds
    reasons_t reasons;
} outcome_t;

struct failures {
    const schema_t *schema;
    int64_t capacity;
    outcome_t by_status[ROW_STATUS_COUNT];
};

#endif
