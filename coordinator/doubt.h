/* SPDX-License-Identifier: Apache-2.0
 *
 * Doubts about the posterior of a real data set that come from the prior: it leans on the prior's edge, or the data are
 * such as the prior never produces.
 */
#ifndef COORDINATOR_DOUBT_H
#define COORDINATOR_DOUBT_H

#include "coordinator/data_view.h"
#include "diagnostics/prior_reach.h"

/* How far the prior reaches, by simulated rows: parameters that are inferred, and statistics of the data. */
prior_reach_t doubt_reach(const schema_t *schema, const adapter_t *adapter, const rows_t *rows);

/* What an inference is doubted by; everything is borrowed. */
typedef struct {
    const prior_reach_t *reach; // of the amortizer
    const schema_t *inferred;   // with the parameters alone that are inferred
    const data_view_t *view;
    const rows_t *rows; // the data
} doubt_t;

/* One posterior: s draws of parameter p at draws + p * stride. */
typedef struct {
    int64_t s, stride;
    const double *draws;
} doubt_draws_t;

/* In words, NULL without any (or where the amortizer was made before the prior's reach was kept); the caller frees it.
 * `beyond` tells whether data set i is beyond all simulations, `leans` whether its posterior leans on the edge. Values of
 * arrays (pixels) are not looked at one by one. */
char *doubt_words(const doubt_t *doubt, int64_t i, const doubt_draws_t *draws, bool *beyond,
                  bool *leans);

#endif
