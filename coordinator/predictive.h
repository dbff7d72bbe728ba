/* SPDX-License-Identifier: Apache-2.0
 *
 * Predictive checks of an inference: the first accepted data sets are simulated again from draws of their posteriors, over
 * ranks, and compared with what was observed (diagnostics/predictive.h). Results are predictive.json, predictive.csv and
 * posterior_predictive.png in the folder of results, or <posterior file>.predictive.json ... where there is none.
 *
 * The outcome is the same for any number of ranks. Inference does not depend on it: where the model can not be simulated
 * here (an amortizer that was given alone, a simulator that fails), the record says why, and that is all.
 */
#ifndef COORDINATOR_PREDICTIVE_H
#define COORDINATOR_PREDICTIVE_H

#include "cluster/par.h"
#include "coordinator/learned_simulator.h"

/* Everything is borrowed. */
typedef struct {
    const par_t *par;
    const study_t *study; // its simulator, and how many simulations of how many data sets
    const trained_t *trained;
    const real_data_t *data;
    const char *stamp;            // of the inference: weights, data, draws, seed
    const char *folder;           // of results, or NULL
    const char *out;              // posterior file
    const exact_model_t *exact;   // the ladder that the posteriors come from
    const posterior_head_t *head; // of `out`
    int64_t seed;
    bool quiet; // nothing on stdout
} predictive_config_t;

/* Removes what lies there of another inference or other settings. One rank. */
void predictive_clear(const predictive_config_t *config);
/* Whether the study asks for checks, and there is no record of them for this inference and these settings. Collective. */
bool predictive_wanted(const predictive_config_t *config);
/* The data are staged. ERR_STOPPED: on request; the same call begins anew. ERR_IO. Collective. */
err_t predictive_run(const predictive_config_t *config) ERR_MUST_CHECK;

#endif
