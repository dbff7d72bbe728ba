/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of single posteriors, each parameter against each: of the first real data set that has one, and of a held-out
 * simulation with its truth. Of many parameters the first PAIRS_MOST are shown; values of arrays (pixels) are not.
 */
#ifndef COORDINATOR_PAIRS_H
#define COORDINATOR_PAIRS_H

#include "coordinator/amortizer_file.h"
#include "coordinator/posterior.h"
#include "storage/rows.h"

enum { PAIRS_MOST = 12 };

/* pairs.png in the folder of results: n draws (n, P) of the posterior of the data set called `id`. `drawn` tells whether
 * there was a parameter to show. One rank. */
err_t pairs_of_real(const char *folder, const char *study, const trained_t *trained, const char *id,
                    int64_t n, const double *draws, bool *drawn) ERR_MUST_CHECK;
/* pairs_held_out.png: of the first held-out data set. One rank. */
err_t pairs_of_held_out(const char *folder, const char *study, const trained_t *trained,
                        const posteriors_t *posteriors, const rows_t *held_out) ERR_MUST_CHECK;

#endif
