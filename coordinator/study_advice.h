/* SPDX-License-Identifier: Apache-2.0
 *
 * Advice (diagnostics/advice.h) on a study, from what its stages know.
 */
#ifndef COORDINATOR_STUDY_ADVICE_H
#define COORDINATOR_STUDY_ADVICE_H

#include "coordinator/amortizer_file.h"
#include "coordinator/study.h"
#include "diagnostics/advice.h"
#include "diagnostics/digest.h"

/* `gate`, `digest` (of all held-out data sets) and `shape` are NULL where there was no diagnosis. Free with advice_free. */
advice_list_t study_advice(const study_t *study, const trained_t *trained,
                           const gate_record_t *gate, const digest_t *digest,
                           const posterior_shape_t *shape);
/* The advice after a training that ended without an amortizer, since its loss was not finite. */
advice_list_t study_advice_diverged(const study_t *study);

#endif
