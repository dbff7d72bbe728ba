/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters as a model declares them: `image` of dims [28, 28] is one, though 784 values stand for it in the schema. What
 * computes goes by values; what has names in files (data sets, YAML and JSON) goes by these.
 *
 *     schema_variable_t v;
 *     for (int p = 0; p < schema->n_parameters; p += v.n)
 *         v = schema_variable_at(schema, p);
 */
#ifndef STORAGE_SCHEMA_ARRAY_H
#define STORAGE_SCHEMA_ARRAY_H

#include "cluster/err.h"
#include "storage/schema.h"

/* Borrowed from the schema. */
typedef struct {
    const char *name; // "mu", "image"
    int first, n;     // its values among the parameters
    int n_dims;       // 0: a scalar
    const int64_t *dims;
} schema_variable_t;

int schema_variable_count(const schema_t *schema);
schema_variable_t schema_variable(const schema_t *schema, int k); // the k-th that is declared
/* The one whose first value is parameter `first`. */
schema_variable_t schema_variable_at(const schema_t *schema, int first);
/* By name; .n is 0 where there is none. */
schema_variable_t schema_variable_named(const schema_t *schema, const char *name);
bool schema_has_arrays(const schema_t *schema);

/* "28 x 28", "" of a scalar; the caller frees it. */
char *schema_variable_dims(const schema_variable_t *v);

/* Appends a declared parameter: name, unit, prior, bounds and dims of `declared`, whose texts are taken over even when it
 * fails. ERR_FORMAT: dims that are no sizes, more than SCHEMA_MAX_VALUES values. */
err_t schema_add_parameter(schema_t *schema, schema_parameter_t *declared) ERR_MUST_CHECK;

#endif
