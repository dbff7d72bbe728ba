/* SPDX-License-Identifier: Apache-2.0
 *
 * Before real data are judged: do they as a whole lie outside of everything that the prior produces (diagnostics/outside.h)?
 */
#ifndef COORDINATOR_OUTSIDE_H
#define COORDINATOR_OUTSIDE_H

#include "cluster/par.h"
#include "coordinator/amortizer_file.h"
#include "coordinator/real_data.h"

/* Looked at are at most 200 data sets, evenly chosen among those that could be read; the data are staged. `words` on rank 0, which
 * frees them; NULL where they do not, and on the other ranks. Collective. */
err_t outside_prior(const par_t *par, const trained_t *trained, const real_data_t *data,
                    char **words) ERR_MUST_CHECK;

#endif
