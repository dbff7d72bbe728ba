/* SPDX-License-Identifier: Apache-2.0
 *
 * Which amortizer of the folder of results is which (refine.h), and how they change places, so that at every moment amortizer.h5
 * is a whole one and whoever is killed in between can begin again. Not collective: reading by any rank, writing by rank 0.
 */
#ifndef COORDINATOR_REFINE_FILES_H
#define COORDINATOR_REFINE_FILES_H

#include "coordinator/amortizer_file.h"
#include "coordinator/job.h"
#include "diagnostics/gate.h"

/* The network that is or was refined: amortizer.h5, or amortizer-offline.h5 where that one is refined. `current`: hash of
 * amortizer.h5; the caller frees it. ERR_MISSING, ERR_MISMATCH: the two do not belong together. */
err_t refine_files_offline(const job_t *job, trained_t *out, char **current) ERR_MUST_CHECK;
/* Its gate record, which must be about it and passed: ERR_GATE with what to do. The caller frees it. */
err_t refine_files_gate(const job_t *job, const trained_t *offline,
                        gate_record_t *out) ERR_MUST_CHECK;

/* amortizer.h5 is a refined one that no decision (refine.json) stands behind. */
err_t refine_files_undecided(const job_t *job, bool *undecided) ERR_MUST_CHECK;
/* The offline network and its gate record are put aside, the refined one becomes amortizer.h5. */
err_t refine_files_install(const job_t *job, trained_t *refined) ERR_MUST_CHECK;
/* The offline network becomes amortizer.h5 again; its gate record is that of the next diagnosis. */
err_t refine_files_take_back(const job_t *job) ERR_MUST_CHECK;
/* Removes what the decision leaves without a use: `refined`: it is the one kept. */
err_t refine_files_tidy(const job_t *job, bool refined) ERR_MUST_CHECK;

#endif
