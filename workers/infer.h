/* SPDX-License-Identifier: Apache-2.0
 *
 * Posteriors of real data sets, one after another: draws, and a verdict for each. A data set that the amortizer was not
 * trained for gets a verdict and no posterior; where that is for its length or another design variable alone, the rungs above the
 * amortizer are asked, since a likelihood holds for any.
 */
#ifndef WORKERS_INFER_H
#define WORKERS_INFER_H

#include "diagnostics/distance.h"
#include "diagnostics/prior_reach.h"
#include "nn/amortizer.h"
#include "storage/posterior_file.h"
#include "storage/rows.h"
#include "workers/ladder.h"

enum { INFER_REASON = 160 }; // bytes of a reason

typedef struct {
    amortizer_t *amortizer;
    const distance_t *distance;
    const prior_reach_t *reach; // n 0: not known
    const schema_t *schema;     // with the parameters alone that are inferred
    uint64_t seed;              // a data set draws from (seed, RNG_INFER, its row's index)
    int64_t draws;
    ladder_rungs_t rungs; // 0: the amortizer alone
    exact_t *exact;       // NULL where no rung but the amortizer is asked for
} infer_config_t;

typedef struct infer infer_t;
/* Borrows what the config points to. Where psis is a rung the amortizer must have a density. */
infer_t *infer_create(const infer_config_t *config);
void infer_destroy(infer_t **infer);

/* Why data set i of `rows` can not be judged, or "" where it can: a length or another design variable outside the trained
 * range, values that are not finite or outside the observable's range. */
void infer_refusal(const schema_t *schema, const rows_t *rows, int64_t i,
                   char reason[INFER_REASON]);

/* Data set i of `rows`; `problem` (NULL or "": none) is what reading found wrong with it. draws (draws, P), NaN where refused; the
 * verdict's reason and doubt are valid until the next call. The only doubt it has is that no rung of the ladder answered; others are
 * for the caller to add. */
void infer_one(infer_t *infer, const rows_t *rows, int64_t i, const char *problem, double *draws,
               posterior_verdict_t *verdict);

/* Since infer_create: data sets and seconds on each rung. */
ladder_costs_t infer_costs(const infer_t *infer);

#endif
