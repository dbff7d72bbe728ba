// SPDX-License-Identifier: Apache-2.0
#include "workers/answer.h"
#include "workers/answer_json.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"
#include "storage/schema_array.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 10000, NAME_MOST = 63 };
static const double most_values = 0x1p40;

static err_t only_keys(json_t *object, const char *where, const char *what, int n,
                       const char *const *keys)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return err_fail(ERR_FORMAT, "%s: %s: got %s, expected an object", where, what,
                        answer_json_kind(object));
    json_object_foreach(object, key, value)
    {
        int i = 0;
        while (i < n && strcmp(keys[i], key) != 0)
            i++;
        const char *near = i == n ? yaml_nearest(key, n, keys) : NULL;
        if (i == n)
            return err_fail(ERR_FORMAT, "%s: %s: unknown key \"%.60s\"%s%s%s", where, what, key,
                            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return OK;
}

static err_t get_text(json_t *object, const char *where, const char *what, const char *key,
                      bool needed, char **out)
{
    const json_t *value = json_object_get(object, key);
    if ((value == NULL || json_is_null(value)) && !needed)
        return OK;
    if (!json_is_string(value))
        return err_fail(ERR_FORMAT, "%s: %s: %s: got %s, expected text", where, what, key,
                        answer_json_kind(value));
    *out = mem_copy_text(json_string_value(value));
    return OK;
}

static err_t get_number(json_t *object, const char *where, const char *what, const char *key,
                        double otherwise, double *out)
{
    const json_t *value = json_object_get(object, key);
    *out = otherwise;
    if (value == NULL || json_is_null(value))
        return OK;
    if (!json_is_real(value))
        return err_fail(ERR_FORMAT, "%s: %s: %s: got %s, expected a number or null", where, what,
                        key, answer_json_kind(value));
    *out = json_real_value(value);
    return OK;
}

static err_t check_name(const char *name, const char *where, const char *what)
{
    bool fine = strlen(name) <= NAME_MOST && (isalpha((unsigned char)name[0]) || name[0] == '_');
    for (const char *c = name; *c != '\0'; c++)
        fine = fine && (isalnum((unsigned char)*c) || *c == '_');
    if (fine)
        return OK;
    return err_fail(ERR_FORMAT,
                    "%s: %s is named \"%.80s\": a name is a letter or _, then letters, digits and "
                    "_, at most %d",
                    where, what, name, NAME_MOST);
}

static err_t read_sizes(json_t *object, const char *where, schema_parameter_t *out)
{
    const json_t *dims = json_object_get(object, "dims");
    size_t n = json_array_size(dims);
    if (dims == NULL || json_is_null(dims))
        return OK;
    if (!json_is_array(dims) || n < 1 || n > SCHEMA_MAX_DIMS)
        return err_fail(ERR_FORMAT, "%s: %s: dims: got %s, expected a list of 1 to %d sizes", where,
                        out->name, answer_json_kind(dims), SCHEMA_MAX_DIMS);
    for (size_t d = 0; d < n; d++) {
        const json_t *size = json_array_get(dims, d);
        double x = json_is_real(size) ? json_real_value(size) : 0;
        if (!(x >= 1 && x <= SCHEMA_MAX_VALUES && x == floor(x)))
            return err_fail(ERR_FORMAT,
                            "%s: %s: dims[%zu]: expected a whole number from 1 to %d (only the "
                            "first size of an observable may be a design variable)",
                            where, out->name, d, SCHEMA_MAX_VALUES);
        out->dims[out->n_dims++] = (int64_t)x;
    }
    return OK;
}

static err_t read_declared(json_t *object, const char *where, schema_parameter_t *out)
{
    static const char *const keys[] = {"name", "lower", "upper", "unit", "dims"};
    TRY(only_keys(object, where, "parameters", 5, keys));
    TRY(get_text(object, where, "parameters", "name", true, &out->name));
    TRY(check_name(out->name, where, "a parameter"));
    TRY(get_text(object, where, out->name, "unit", false, &out->unit));
    TRY(get_number(object, where, out->name, "lower", -INFINITY, &out->lower));
    TRY(get_number(object, where, out->name, "upper", INFINITY, &out->upper));
    return read_sizes(object, where, out);
}

static err_t read_parameter(json_t *object, const char *where, schema_t *s)
{
    schema_parameter_t declared = {0};
    err_t err = read_declared(object, where, &declared);
    if (err != OK) {
        free(declared.name);
        free(declared.unit);
        return err;
    }
    err = schema_add_parameter(s, &declared);
    return err_context(err, "%s", where);
}

static err_t read_design(json_t *object, const char *where, schema_design_t *out)
{
    static const char *const keys[] = {"name", "lower", "upper", "integer", "unit"};
    TRY(only_keys(object, where, "design", 5, keys));
    TRY(get_text(object, where, "design", "name", true, &out->name));
    TRY(check_name(out->name, where, "a design variable"));
    TRY(get_text(object, where, out->name, "unit", false, &out->unit));
    TRY(get_number(object, where, out->name, "lower", NAN, &out->lower));
    TRY(get_number(object, where, out->name, "upper", NAN, &out->upper));
    const json_t *integer = json_object_get(object, "integer");
    if (integer != NULL && !json_is_boolean(integer))
        return err_fail(ERR_FORMAT, "%s: %s: integer: got %s, expected true or false", where,
                        out->name, answer_json_kind(integer));
    out->integer = json_is_true(integer);
    if (!isfinite(out->lower) || !isfinite(out->upper))
        return err_fail(ERR_FORMAT, "%s: design variable %s needs a lower and an upper bound",
                        where, out->name);
    if (out->integer && (out->lower != floor(out->lower) || out->upper != floor(out->upper) ||
                         fabs(out->lower) > 0x1p53 || fabs(out->upper) > 0x1p53))
        return err_fail(ERR_FORMAT, "%s: design variable %s is a whole number from %g to %g", where,
                        out->name, out->lower, out->upper);
    return OK;
}

static err_t read_kind(json_t *object, const char *where, schema_observable_t *out)
{
    char *word = NULL;
    TRY(get_text(object, where, out->name, "kind", true, &word));
    bool found = false;
    for (kind_t kind = KIND_VECTOR; kind <= KIND_IMAGE; kind++)
        if (strcmp(word, kind_name(kind)) == 0) {
            out->kind = kind;
            found = true;
        }
    err_t err = found ? OK
                      : err_fail(ERR_FORMAT,
                                 "%s: observable %s: kind \"%.60s\": expected vector, set, series "
                                 "or image",
                                 where, out->name, word);
    free(word);
    return err;
}

// A size, or the name of the design variable that gives it.
static err_t read_dim(const json_t *value, const char *where, const schema_t *s, int d,
                      schema_observable_t *out)
{
    if (json_is_string(value) && d == 0) {
        int k = schema_find_design(s, json_string_value(value));
        if (k < 0)
            return err_fail(ERR_FORMAT,
                            "%s: observable %s: dims[0]: there is no design variable \"%.60s\"",
                            where, out->name, json_string_value(value));
        s->design[k].integer = true;
        out->length_design = k;
        out->dims[0] = s->design[k].upper >= 1 && s->design[k].upper < most_values
                           ? (int64_t)s->design[k].upper
                           : 0;
        return OK;
    }
    double size = json_is_real(value) ? json_real_value(value) : 0;
    if (!(size >= 1 && size <= most_values && size == floor(size)))
        return err_fail(ERR_FORMAT,
                        "%s: observable %s: dims[%d]: got %s, expected a whole number%s", where,
                        out->name, d, answer_json_kind(value),
                        d == 0 ? " or the name of a design variable" : "");
    out->dims[d] = (int64_t)size;
    return OK;
}

static int dims_of(kind_t kind)
{
    static const int dims[] = {
        [KIND_VECTOR] = 1, [KIND_SET] = 2, [KIND_SERIES] = 2, [KIND_IMAGE] = 3};
    return dims[kind];
}

static err_t read_observable(json_t *object, const char *where, const schema_t *s,
                             schema_observable_t *out)
{
    static const char *const keys[] = {"name", "kind", "dims", "lower", "upper", "unit"};
    TRY(only_keys(object, where, "observables", 6, keys));
    TRY(get_text(object, where, "observables", "name", true, &out->name));
    TRY(check_name(out->name, where, "an observable"));
    TRY(get_text(object, where, out->name, "unit", false, &out->unit));
    TRY(get_number(object, where, out->name, "lower", -INFINITY, &out->lower));
    TRY(get_number(object, where, out->name, "upper", INFINITY, &out->upper));
    TRY(read_kind(object, where, out));
    const json_t *dims = json_object_get(object, "dims");
    size_t n = json_array_size(dims);
    if (!json_is_array(dims) || n < 1 || n > SCHEMA_MAX_DIMS)
        return err_fail(ERR_FORMAT, "%s: observable %s: dims: got %s, expected a list of 1 to %d",
                        where, out->name, answer_json_kind(dims), SCHEMA_MAX_DIMS);
    if ((int)n != dims_of(out->kind))
        return err_fail(ERR_FORMAT, "%s: observable %s: dims: got %zu, a %s has %d", where,
                        out->name, n, kind_name(out->kind), dims_of(out->kind));
    out->n_dims = (int)n;
    out->length_design = -1;
    double total = 1;
    for (int d = 0; d < out->n_dims; d++) {
        TRY(read_dim(json_array_get(dims, (size_t)d), where, s, d, out));
        total *= (double)out->dims[d];
    }
    if (!(total <= most_values))
        return err_fail(ERR_FORMAT, "%s: observable %s: %g values are too many", where, out->name,
                        total);
    return OK;
}

static err_t get_list(json_t *root, const char *where, const char *key, int *n, json_t **out)
{
    *out = json_object_get(root, key);
    size_t size = json_array_size(*out);
    if (*out != NULL && (!json_is_array(*out) || size > MOST_ITEMS))
        return err_fail(ERR_FORMAT, "%s: %s: got %s, expected a list of at most %d", where, key,
                        answer_json_kind(*out), MOST_ITEMS);
    *n = (int)size;
    return OK;
}

// The counts grow with what was read, so that an unfinished schema can be freed.
static err_t read_lists(json_t *root, const char *where, schema_t *s)
{
    json_t *parameters, *design, *observables;
    int n_parameters, n_design, n_observables;
    TRY(get_list(root, where, "parameters", &n_parameters, &parameters));
    TRY(get_list(root, where, "design", &n_design, &design));
    TRY(get_list(root, where, "observables", &n_observables, &observables));
    s->design = MEM_NEW(schema_design_t, n_design);
    s->observables = MEM_NEW(schema_observable_t, n_observables);
    for (int i = 0; i < n_parameters; i++)
        TRY(read_parameter(json_array_get(parameters, (size_t)i), where, s));
    while (s->n_design < n_design) {
        int i = s->n_design++;
        TRY(read_design(json_array_get(design, (size_t)i), where, &s->design[i]));
    }
    while (s->n_observables < n_observables) {
        int i = s->n_observables++;
        TRY(read_observable(json_array_get(observables, (size_t)i), where, s, &s->observables[i]));
    }
    return OK;
}

static err_t read_root(json_t *root, const char *where, schema_t *s, bool *batch)
{
    static const char *const keys[] = {"name",       "version", "description", "batch",
                                       "parameters", "design",  "observables"};
    TRY(only_keys(root, where, "description", 7, keys));
    TRY(get_text(root, where, "description", "name", true, &s->name));
    TRY(check_name(s->name, where, "the simulator"));
    TRY(get_text(root, where, "description", "version", true, &s->version));
    TRY(get_text(root, where, "description", "description", false, &s->description));
    if (s->description == NULL)
        s->description = mem_copy_text("");
    const json_t *said = json_object_get(root, "batch");
    if (said != NULL && !json_is_boolean(said))
        return err_fail(ERR_FORMAT, "%s: batch: got %s, expected true or false", where,
                        answer_json_kind(said));
    *batch = json_is_true(said);
    TRY(read_lists(root, where, s));
    return schema_check(s, where);
}

err_t description_read(const char *text, size_t length, const char *where, schema_t *out,
                       bool *batch)
{
    char why[ROW_REASON_CAP];
    schema_t schema = {0};
    json_t *root = answer_json(text, length, why, sizeof why);
    err_t err = root == NULL ? err_fail(ERR_FORMAT, "%s: description: %s", where, why)
                             : read_root(root, where, &schema, batch);
    json_decref(root);
    if (err == OK)
        *out = schema;
    else
        schema_free(&schema);
    return err;
}
