/* SPDX-License-Identifier: Apache-2.0
 *
 * All observed data sets together against the simulated ones that the amortizer keeps.
 */
#ifndef COORDINATOR_OBSERVED_H
#define COORDINATOR_OBSERVED_H

#include "cluster/par.h"
#include "coordinator/amortizer_file.h"
#include "coordinator/real_data.h"
#include "diagnostics/misfit.h"

/* Summaries of n of the data sets, ascending: (n, width) on rank 0; the caller frees them on every rank. The data are staged.
 * Collective. */
err_t observed_summaries(const par_t *par, const trained_t *trained, const real_data_t *data,
                         int64_t n, const int64_t *which, float **out) ERR_MUST_CHECK;
/* `distance` (data->n) on rank 0, NaN where a data set has no posterior; `draws` of the MMD test's null distribution. The
 * result is on rank 0 and the same for any number of ranks. Collective. */
err_t observed_judge(const par_t *par, const trained_t *trained, const real_data_t *data,
                     const double *distance, int64_t draws, misfit_t *out) ERR_MUST_CHECK;

#endif
