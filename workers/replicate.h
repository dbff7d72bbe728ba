/* SPDX-License-Identifier: Apache-2.0
 *
 * Replicates of a real data set: the model simulated again with parameters of its posterior and with its own design.
 */
#ifndef WORKERS_REPLICATE_H
#define WORKERS_REPLICATE_H

#include "storage/rows.h"
#include "workers/load.h"

enum { REPLICATE_MOST = 10000 }; // of one data set

/* Replicate k < REPLICATE_MOST of row i of `real`, which is data set real->index[i], from `parameters` (P), into out[at]: its stream
 * is (seed, RNG_PREDICTIVE, index * REPLICATE_MOST + k), so that nothing depends on who simulates it. Errors and failed rows are those of
 * simulator_row_given. */
err_t replicate_row(simulator_t *simulator, uint64_t seed, const rows_t *real, int64_t i, int64_t k,
                    const double *parameters, rows_t *out, int64_t at) ERR_MUST_CHECK;

#endif
