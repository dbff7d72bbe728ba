/* SPDX-License-Identifier: Apache-2.0
 *
 * The pictures and the report of a study, drawn from what its stages measured. Rank 0 alone calls these.
 */
#ifndef COORDINATOR_PICTURES_H
#define COORDINATOR_PICTURES_H

#include "coordinator/amortizer_file.h"
#include "coordinator/job.h"
#include "diagnostics/gate.h"
#include "diagnostics/figures.h"
#include "diagnostics/metrics.h"

/* Each picture of a diagnosis, into the folder of results: of the parameters that are inferred. */
err_t pictures_of_diagnosis(const job_t *job, const trained_t *trained, const samples_t *samples,
                            const metrics_t *metrics) ERR_MUST_CHECK;

#endif
