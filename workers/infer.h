/* SPDX-License-Identifier: Apache-2.0
 *
 * Posteriors of real data sets, a block at a time: draws, and a verdict for each. A data set that the amortizer was not
 * trained for gets a verdict and no posterior.
 */
#ifndef WORKERS_INFER_H
#define WORKERS_INFER_H

#include "diagnostics/distance.h"
#include "diagnostics/prior_reach.h"
#include "nn/amortizer.h"
#include "storage/posterior_file.h"
#include "storage/rows.h"

enum { INFER_BLOCK = 16, INFER_REASON = 160 }; // data sets of a block; bytes of a reason

typedef struct {
    amortizer_t *amortizer;
    const distance_t *distance;
    const prior_reach_t *reach; // n 0: not known
    const schema_t *schema;     // with the parameters alone that are inferred
    uint64_t seed;              // a data set draws from (seed, RNG_INFER, its row's index)
    int64_t draws;
} infer_config_t;

typedef struct infer infer_t;
/* Borrows what the config points to. */
infer_t *infer_create(const infer_config_t *config);
void infer_destroy(infer_t **infer);

/* Why data set i of `rows` can not be judged, or "" where it can: a length or another design variable outside the trained
 * range, values that are not finite or outside the observable's range. */
void infer_refusal(const schema_t *schema, const rows_t *rows, int64_t i,
                   char reason[INFER_REASON]);

/* Data sets [begin, end) of `rows`, at most INFER_BLOCK; problem[i] (NULL or "": none) is what reading found wrong with data
 * set i. draws ((end - begin), draws, P), NaN where refused; verdicts (end - begin), whose reasons are valid until the next
 * call. */
void infer_block(infer_t *infer, const rows_t *rows, int64_t begin, int64_t end,
                 const char *const *problem, double *draws, posterior_verdict_t *verdicts);

#endif
