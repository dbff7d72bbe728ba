/* SPDX-License-Identifier: Apache-2.0
 *
 * Posteriors of many data sets that are in memory, over ranks, in digests: the draws of a data set are made, digested and
 * forgotten. What comes out is the same bit for bit for any number of ranks.
 */
#ifndef COORDINATOR_POSTERIOR_H
#define COORDINATOR_POSTERIOR_H

#include "cluster/par.h"
#include "diagnostics/digest.h"
#include "diagnostics/posterior_shape.h"
#include "nn/amortizer.h"
#include "storage/rows.h"

enum { POSTERIOR_KEPT_SETS = 8, POSTERIOR_KEPT_DRAWS = 1000 }; // most that are kept

/* Complete on rank 0; elsewhere only what that rank made is filled in. */
typedef struct {
    digest_t digest;
    int width;
    float *summaries; // (N, width) learned summaries of the data
    int n_statistics;
    float *statistics;             // (N, n_statistics) plain ones (data_statistics.h)
    int64_t kept_sets, kept_draws; // the first data sets, and their first draws
    double *kept;                  // (kept_sets, kept_draws, D)
    exchange_count_t *exchange;    // of all data sets, on every rank
    double *shape;                 // the same: shape_sums (posterior_shape.h)
} posteriors_t;

/* The observables of `rows` need be there on rank 0 alone: each rank is sent those of its own data sets. Draws from streams (seed, RNG_DIAGNOSE, data set); truth (N, D) of the parameters that are inferred; `what` names the
 * progress line. Of memory each rank takes that of its own data sets, its share of the sums (32 MB over all ranks, or 16
 * times 3 * draws * D numbers and D^2 / 2 where that is more), and the draws of one data set. Errors as of digest.h, and ERR_STOPPED.
 * Free with posteriors_free, also after an error. Collective. */
err_t posteriors_make(const par_t *par, amortizer_t *a, rows_t *rows, const double *truth,
                      int64_t draws, uint64_t seed, const char *what,
                      posteriors_t *out) ERR_MUST_CHECK;
void posteriors_free(posteriors_t *p);

#endif
