/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator that an amortizer learned from, for work on real data: their predictive checks, their exact posteriors.
 */
#ifndef COORDINATOR_LEARNED_SIMULATOR_H
#define COORDINATOR_LEARNED_SIMULATOR_H

#include "coordinator/amortizer_file.h"
#include "coordinator/real_data.h"
#include "coordinator/study.h"
#include "nn/amortizer.h"
#include "workers/exact.h"
#include "workers/infer.h"

/* The study's. ERR_USAGE: the adapter drops a parameter, or a design variable is not known of the real data; ERR_MISMATCH: it
 * is another one than was learned; else what study_simulator says. Not collective. */
err_t learned_simulator(const study_t *study, const trained_t *trained, const real_data_t *data,
                        simulator_t **out) ERR_MUST_CHECK;

/* What the rungs of a ladder need beside the amortizer. */
typedef struct {
    ladder_rungs_t rungs;
    simulator_t *simulator; // NULL where the amortizer is the only rung, as is the next
    exact_t *exact;
} exact_model_t;

/* ERR_USAGE: a rung that this simulator or this network can not have. Free with exact_model_close, also after an error. Not
 * collective. */
err_t exact_model_open(const study_t *study, const trained_t *trained, const real_data_t *data,
                       ladder_rungs_t rungs, exact_model_t *out) ERR_MUST_CHECK;
void exact_model_close(exact_model_t *m);

/* Posteriors by this amortizer and this ladder (NULL: none). Borrows both. */
infer_config_t learned_inference(const trained_t *trained, const exact_model_t *exact, int64_t seed,
                                 int64_t draws);

#endif
