/* SPDX-License-Identifier: Apache-2.0
 *
 * Held-out data sets: simulated from a stream of their own (RNG_HELD_OUT), so that none was ever trained on; or, where rows
 * of the bank were set aside in training (train.held_out_rows), the first of these. Kept in the folder of results as
 * held_out.h5.
 */
#ifndef COORDINATOR_HELD_OUT_H
#define COORDINATOR_HELD_OUT_H

#include "coordinator/amortizer_file.h"
#include "coordinator/job.h"
#include "storage/rows.h"

/* Gives the first n that finish (ROW_DONE); the caller destroys them. On rank 0 they are complete; elsewhere all but the
 * observables, whose memory is not touched: who computes on some of them is sent these (collect.h). Reads the file where it
 * holds n data sets of this model and seed, else simulates over the ranks (or reads the bank) and writes it. ERR_USAGE: fewer
 * rows were set aside than n; ERR_MISMATCH: the bank is not the one of training. Collective. */
err_t held_out_get(job_t *job, const trained_t *trained, int64_t n, uint64_t seed,
                   rows_t *out) ERR_MUST_CHECK;

#endif
