/* SPDX-License-Identifier: Apache-2.0
 *
 * The `adapter:` section of a study (nn/adapter.h), for a model.
 */
#ifndef COORDINATOR_STUDY_ADAPTER_H
#define COORDINATOR_STUDY_ADAPTER_H

#include "coordinator/study.h"
#include "nn/adapter.h"
#include "storage/first_pass.h"

/* What the model declares. Arrays live in the arena, names are borrowed from the schema. */
adapter_shape_t study_adapter_shape(const schema_t *schema, arena_t *arena);
/* Tells the simulator which observables may hold NaN, since the study's adapter masks it. ERR_USAGE as below. */
err_t study_adapter_missing(const study_t *study, simulator_t *simulator) ERR_MUST_CHECK;
/* The study's adapter. ERR_USAGE with file, line and key. */
err_t study_adapter(const study_t *study, const schema_t *schema, adapter_t **out) ERR_MUST_CHECK;
/* The same from the text that an amortizer file keeps (adapter_config_text). */
err_t study_adapter_parse(const char *text, const char *where, const schema_t *schema,
                          adapter_t **out) ERR_MUST_CHECK;
/* Rows of a bank through an adapter, for the first pass. */
typedef struct adapted_rows adapted_rows_t;
adapted_rows_t *adapted_rows_create(const adapter_t *adapter); // borrows it
void adapted_rows_destroy(adapted_rows_t **r);
first_pass_shape_t adapted_rows_shape(const adapted_rows_t *r);
/* first_pass_transform_t, whose `user` is an adapted_rows_t. ERR_USAGE that names row and value where the adapter can not
 * take them. */
err_t adapted_rows_transform(void *user, const rows_t *rows, int64_t at,
                             first_pass_row_t *out) ERR_MUST_CHECK;
/* Whether it can, with the same error. */
err_t adapted_rows_check(adapted_rows_t *r, const rows_t *rows, int64_t at) ERR_MUST_CHECK;

#endif
