/* SPDX-License-Identifier: Apache-2.0
 *
 * Real data are only judged by weights that were checked, or when a person says why not.
 */
#ifndef COORDINATOR_MODEL_GATE_H
#define COORDINATOR_MODEL_GATE_H

#include "cluster/err.h"
#include "diagnostics/gate.h"

#include <stdbool.h>

typedef struct {
    gate_record_t record; // empty without a passed one
    char *words;          // "passed on 300 simulated data sets, infermill 0.1.0"; "none passed"
    char *loosened; // "" or ", under limits of the study's own (...)": passed by asking for less
    char *despite;  // the refusal, where `unverified` let it go on; else NULL
} model_gate_t;

/* Reads gate.json beside `model` for weights of this hash. ERR_GATE where it refuses, unless `unverified` (NULL: none) is
 * a reason to go on. Free with model_gate_free. Not collective. */
err_t model_gate_ask(const char *model, const char *hash, const char *unverified,
                     model_gate_t *out) ERR_MUST_CHECK;
void model_gate_free(model_gate_t *g);

#endif
