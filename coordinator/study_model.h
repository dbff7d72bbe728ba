/* SPDX-License-Identifier: Apache-2.0
 *
 * A model's declaration in words, for the report.
 */
#ifndef COORDINATOR_STUDY_MODEL_H
#define COORDINATOR_STUDY_MODEL_H

#include "cluster/arena.h"
#include "diagnostics/report.h"
#include "storage/schema.h"

typedef struct {
    arena_t *arena; // owns the words
    report_model_t model;
} study_model_t;

/* `inferred`: the same model with the parameters alone that are inferred. Both must outlive the result. */
study_model_t study_model(const schema_t *schema, const schema_t *inferred);
void study_model_free(study_model_t *m);

#endif
