/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model declares, as plain data: the names, supports and shapes that a bank, an amortizer and a posterior file
 * carry with them. Written as YAML text wherever it is stored.
 */
#ifndef STORAGE_SCHEMA_H
#define STORAGE_SCHEMA_H

#include "cluster/err.h"
#include "cluster/yaml.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCHEMA_MAX_DIMS = 3, SCHEMA_MAX_VALUES = 65536 }; // values: of all parameters together

typedef enum {
    KIND_VECTOR,
    KIND_SET,
    KIND_SERIES,
    KIND_IMAGE
} kind_t; // values as infermill_kind_t

/* One number that is inferred: a scalar parameter, or one value of an array that a model declares as a whole (schema_array.h).
 * The values of an array stand side by side, row-major, and share all but name and place. */
typedef struct {
    char *name;  // "mu"; of a value "image[3,17]"
    char *unit;  // for people ("s"); NULL: none told
    char *prior; // as the study writes it, "lognormal(-0.9, 0.5)"; NULL: the simulator's own
    double lower, upper; // open support; +-INFINITY
    char *array;         // of a value: the array's name, "image"; NULL: a scalar
    int n_dims;          // of the array, 1 to SCHEMA_MAX_DIMS; 0: a scalar
    int64_t dims[SCHEMA_MAX_DIMS];
    int64_t place; // of a value in its array
} schema_parameter_t;

typedef struct {
    char *name;
    char *unit;          // NULL: none told
    double lower, upper; // both included
    bool integer;
} schema_design_t;

typedef struct {
    char *name;
    char *unit; // NULL: none told
    kind_t kind;
    int n_dims;
    int64_t dims[SCHEMA_MAX_DIMS]; // the largest sizes
    int length_design;   // the design variable that gives dims[0], or -1 where dims[0] is fixed
    double lower, upper; // real data outside is refused
    bool missing;        // NaN stands for a value that is not there; else it is a failure
} schema_observable_t;

typedef struct {
    char *name, *version, *description;
    int n_parameters, n_observables, n_design; // parameters: values, those of arrays each
    schema_parameter_t *parameters;
    schema_observable_t *observables;
    schema_design_t *design;
} schema_t;

void schema_free(schema_t *schema); // frees what it holds, clears it; not the struct itself
schema_t schema_copy(const schema_t *schema);
/* A copy with n of the parameters (of the observables) alone, those of `which` (ascending; arrays as a whole). */
schema_t schema_with_parameters(const schema_t *schema, int n, const int *which);
schema_t schema_with_observables(const schema_t *schema, int n, const int *which);
const char *kind_name(kind_t kind); // "set"

int64_t schema_size(const schema_observable_t *o); // values of one row, padded: the product of dims
int64_t schema_stride(
    const schema_observable_t *o); // values of one element: the product of dims[1..]
int schema_find_parameter(const schema_t *s, const char *name); // a value; -1: none
int schema_find_observable(const schema_t *s, const char *name);
int schema_find_design(const schema_t *s, const char *name);

/* Whether it makes sense: names (given, none twice in a list), lower < upper, dims, the length's design variable.
 * ERR_FORMAT with `where`, the item, got and expected. */
err_t schema_check(const schema_t *schema, const char *where) ERR_MUST_CHECK;

/* YAML text (block style, ends with a line feed), the same for equal schemas; an array is one item with `dims`. The caller
 * frees it. */
char *schema_text(const schema_t *schema);
/* `where` names the source in messages. ERR_USAGE: not the keys and types of schema_text; ERR_FORMAT: schema_check. */
err_t schema_parse(const char *text, const char *where, schema_t *out) ERR_MUST_CHECK;
/* The same from a mapping inside a larger document. */
err_t schema_from_node(yaml_node_ref_t node, const char *where, schema_t *out) ERR_MUST_CHECK;

/* "ddm-1-9f3c21ab77e0d154": name, version and xxh3 of the text without description and units. The caller frees it. */
char *schema_fingerprint(const schema_t *schema);
/* The first difference in words ("parameter 2: t0 against tau"), or NULL when equal; descriptions and units are not
 * compared. The caller frees it. */
char *schema_difference(const schema_t *a, const schema_t *b);

#endif
