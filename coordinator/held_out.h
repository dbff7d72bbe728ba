/* SPDX-License-Identifier: Apache-2.0
 *
 * Held-out data sets: simulated from a stream of their own (RNG_HELD_OUT), so that none was ever trained on, and kept in
 * the folder of results as held_out.h5.
 */
#ifndef COORDINATOR_HELD_OUT_H
#define COORDINATOR_HELD_OUT_H

#include "coordinator/job.h"
#include "storage/rows.h"

/* Gives the first n that finish (ROW_DONE), on every rank; the caller destroys them. Reads the file where it holds n data
 * sets of this model and seed, else simulates over the ranks and writes it. Collective. */
err_t held_out_get(job_t *job, int64_t n, uint64_t seed, rows_t *out) ERR_MUST_CHECK;

#endif
