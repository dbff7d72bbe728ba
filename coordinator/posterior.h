/* SPDX-License-Identifier: Apache-2.0
 *
 * Posterior draws and summaries of many data sets that are in memory, over ranks, in blocks of fixed size.
 */
#ifndef COORDINATOR_POSTERIOR_H
#define COORDINATOR_POSTERIOR_H

#include "cluster/par.h"
#include "nn/amortizer.h"
#include "storage/rows.h"

/* Draws (n, draws, P) on rank 0, from streams (seed, RNG_DIAGNOSE, data set); other ranks get NULL. The caller frees.
 * Collective; `what` names the progress line. */
double *posterior_draws(const par_t *par, amortizer_t *a, const rows_t *rows, int64_t draws,
                        uint64_t seed, const char *what);

#endif
