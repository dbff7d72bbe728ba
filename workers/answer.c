// SPDX-License-Identifier: Apache-2.0
#include "workers/answer.h"

#include "cluster/mem.h"
#include "storage/schema_array.h"
#include "workers/answer_json.h"
#include "workers/row.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is being read, and into which row.
typedef struct {
    const schema_t *schema;
    rows_t *rows;
    int64_t at;
    bool given;
    char *why; // ROW_REASON_CAP
} reading_t;

__attribute__((format(printf, 2, 3))) static bool wrong(const reading_t *r, const char *format, ...)
{
    char words[ROW_REASON_CAP];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    row_words(words, strlen(words), ROW_REASON_CAP, r->why);
    return false;
}

static bool number(const json_t *value, double *out)
{
    bool fine = json_is_real(value) || json_is_null(value);
    *out = json_is_real(value) ? json_real_value(value) : NAN;
    return fine;
}

/* ---- lists of numbers ---- */

// What a list is read into: one of the two.
typedef struct {
    const char *what, *name; // "observable", "y"
    int n_dims;
    int64_t dims[SCHEMA_MAX_DIMS]; // of this row
    float *narrow;
    double *wide;
    int64_t n; // values read so far
} values_t;

static void put_value(values_t *v, double x)
{
    if (v->narrow != NULL)
        v->narrow[v->n] = (float)x;
    else
        v->wide[v->n] = x;
    v->n++;
}

static bool read_list(const reading_t *r, const json_t *list, int depth, values_t *v)
{
    if (!json_is_array(list))
        return wrong(r, "%s %s: got %s, expected a list of %" PRId64, v->what, v->name,
                     answer_json_kind(list), v->dims[depth]);
    if ((int64_t)json_array_size(list) != v->dims[depth])
        return wrong(r, "%s %s: a list of %zu, expected %" PRId64, v->what, v->name,
                     json_array_size(list), v->dims[depth]);
    for (int64_t i = 0; i < v->dims[depth]; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        double x;
        if (depth + 1 < v->n_dims) {
            if (!read_list(r, item, depth + 1, v))
                return false;
        } else if (number(item, &x)) {
            put_value(v, x);
        } else {
            return wrong(r, "%s %s: value %" PRId64 " is %s, expected a number", v->what, v->name,
                         v->n, answer_json_kind(item));
        }
    }
    return true;
}

// Nested lists; a flat list of all values, or a single one, counts as one dim.
static bool read_values(const reading_t *r, const json_t *said, values_t *v)
{
    bool nested = json_is_array(said) && json_is_array(json_array_get(said, 0));
    double x;
    if (nested || v->dims[0] == 0)
        return read_list(r, said, 0, v);
    for (int d = 1; d < v->n_dims; d++)
        v->dims[0] *= v->dims[d];
    v->n_dims = 1;
    if (v->dims[0] != 1 || !number(said, &x))
        return read_list(r, said, 0, v);
    put_value(v, x);
    return true;
}

/* ---- parameters and design: one object each ---- */

// The answer repeats what was given: through text, so not to the last bit.
static bool same(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

// A number that was read, or must be as it was given.
static bool take(const reading_t *r, const char *what, const char *name, double x, double *out)
{
    if (r->given && !same(x, *out))
        return wrong(r, "%s: %s: got %.9g, but %.9g was given", what, name, x, *out);
    if (!r->given)
        *out = x;
    return true;
}

static bool read_number(const reading_t *r, json_t *object, const char *what, const char *name,
                        double *out)
{
    json_t *value = json_object_get(object, name);
    double x;
    if (value == NULL)
        return wrong(r, "%s: %s is missing", what, name);
    if (!number(value, &x))
        return wrong(r, "%s: %s: got %s, expected a number", what, name, answer_json_kind(value));
    return take(r, what, name, x, out);
}

static bool read_array(const reading_t *r, json_t *object, const schema_variable_t *variable,
                       double *out)
{
    const json_t *said = json_object_get(object, variable->name);
    if (said == NULL)
        return wrong(r, "parameters: %s is missing", variable->name);
    values_t v = {.what = "parameter",
                  .name = variable->name,
                  .n_dims = variable->n_dims,
                  .wide = MEM_NEW(double, variable->n)};
    memcpy(v.dims, variable->dims, sizeof v.dims);
    bool fine = read_values(r, said, &v);
    for (int k = 0; k < variable->n && fine; k++)
        fine = take(r, "parameters", r->schema->parameters[variable->first + k].name, v.wide[k],
                    &out[k]);
    free(v.wide);
    return fine;
}

static bool read_parameters(const reading_t *r, json_t *object)
{
    double *out = &r->rows->parameters[r->at * r->schema->n_parameters];
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return wrong(r, "parameters: got %s, expected an object", answer_json_kind(object));
    json_object_foreach(object, key, value)
    {
        if (schema_variable_named(r->schema, key).n == 0)
            return wrong(r, "parameters: \"%.60s\" is not declared", key);
    }
    schema_variable_t v;
    for (int p = 0; p < r->schema->n_parameters; p += v.n) {
        v = schema_variable_at(r->schema, p);
        if (v.n_dims == 0 ? !read_number(r, object, "parameters", v.name, &out[p])
                          : !read_array(r, object, &v, &out[p]))
            return false;
    }
    return true;
}

static bool read_design(const reading_t *r, json_t *object)
{
    const schema_t *schema = r->schema;
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return wrong(r, "design: got %s, expected an object", answer_json_kind(object));
    json_object_foreach(object, key, value)
    {
        if (schema_find_design(schema, key) < 0)
            return wrong(r, "design: \"%.60s\" is not declared", key);
    }
    for (int i = 0; i < schema->n_design; i++)
        if (!read_number(r, object, "design", schema->design[i].name,
                         &r->rows->design[r->at * schema->n_design + i]))
            return false;
    return true;
}

// Reads what is there; `needed`: it must be.
static bool read_setting(const reading_t *r, json_t *answer, bool needed)
{
    json_t *parameters = json_object_get(answer, "parameters");
    json_t *design = json_object_get(answer, "design");
    bool fine = true;
    if (parameters != NULL || (needed && !r->given))
        fine = read_parameters(r, parameters);
    if (fine && (design != NULL || (needed && !r->given && r->schema->n_design > 0)))
        fine = read_design(r, design);
    return fine;
}

/* ---- observables ---- */

static bool read_observable(const reading_t *r, const json_t *said, int o)
{
    const schema_observable_t *declared = &r->schema->observables[o];
    values_t v = {.what = "observable",
                  .name = declared->name,
                  .n_dims = declared->n_dims,
                  .narrow = r->rows->observables[o] + r->at * schema_size(declared)};
    memcpy(v.dims, declared->dims, sizeof v.dims);
    v.dims[0] = r->rows->length[r->at * r->schema->n_observables + o];
    return read_values(r, said, &v);
}

static bool read_observables(const reading_t *r, json_t *object)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return wrong(r, "observables: got %s, expected an object", answer_json_kind(object));
    json_object_foreach(object, key, value)
    {
        if (schema_find_observable(r->schema, key) < 0)
            return wrong(r, "observables: \"%.60s\" is not declared", key);
    }
    for (int o = 0; o < r->schema->n_observables; o++) {
        const char *name = r->schema->observables[o].name;
        const json_t *said = json_object_get(object, name);
        if (said == NULL)
            return wrong(r, "observables: %s is missing", name);
        if (!read_observable(r, said, o))
            return false;
    }
    return true;
}

/* ---- one answer ---- */

static bool known_words(const reading_t *r, json_t *answer)
{
    static const char *const words[] = {"parameters", "design", "observables", "index",
                                        "seed",       "error",  "rejected",    "stop"};
    enum { N_WORDS = sizeof words / sizeof *words };
    const char *key;
    json_t *value;
    json_object_foreach(answer, key, value)
    {
        int i = 0;
        while (i < N_WORDS && strcmp(words[i], key) != 0)
            i++;
        if (i == N_WORDS)
            return wrong(r,
                         "unknown key \"%.60s\": an answer has parameters, design, observables, or "
                         "error, rejected, stop",
                         key);
    }
    const json_t *index = json_object_get(answer, "index");
    int64_t asked = r->rows->index[r->at];
    if (index != NULL && json_number_value(index) != (double)asked)
        return wrong(r, "the answer is about row %.0f, asked for %" PRId64,
                     json_number_value(index), asked);
    return true;
}

// "error", "rejected" or "stop": true when the answer is one of them.
static bool read_refusal(const reading_t *r, json_t *answer, answer_t *out)
{
    static const struct {
        const char *word;
        row_status_t status;
        bool stop;
    } refusals[] = {
        {"stop", ROW_ERROR, true}, {"error", ROW_ERROR, false}, {"rejected", ROW_REJECTED, false}};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const json_t *said = json_object_get(answer, refusals[i].word);
        if (said == NULL)
            continue;
        const char *words = json_is_string(said) ? json_string_value(said) : refusals[i].word;
        out->status = refusals[i].status;
        out->stop = refusals[i].stop;
        if (read_setting(r, answer, false))
            row_words(words, strlen(words), sizeof out->reason, out->reason);
        else
            out->status = ROW_ERROR; // the reason is what is wrong with the setting
        return true;
    }
    return false;
}

static row_status_t read_simulated(const reading_t *r, json_t *answer)
{
    const schema_t *schema = r->schema;
    const double *parameters = &r->rows->parameters[r->at * schema->n_parameters];
    const double *design = &r->rows->design[r->at * schema->n_design];
    if (!read_setting(r, answer, true) || !row_design_fits(schema, design, r->why) ||
        !row_parameters_fit(schema, parameters, r->why))
        return ROW_ERROR;
    row_begin(r->rows, r->at, r->rows->index[r->at]);
    if (!read_observables(r, json_object_get(answer, "observables")))
        return ROW_ERROR;
    if (!row_parameters_inside(schema, parameters, r->why) || !row_end(r->rows, r->at, r->why))
        return ROW_NONFINITE;
    return ROW_DONE;
}

static void read_one(json_t *answer, bool given, rows_t *rows, int64_t at, answer_t *out)
{
    *out = (answer_t){.status = ROW_ERROR};
    reading_t r = {rows->schema, rows, at, given, out->reason};
    int64_t index = rows->index[at];
    if (!given)
        row_unknown(rows, at);
    if (!json_is_object(answer))
        wrong(&r, "got %s, expected an object", answer_json_kind(answer));
    else if (known_words(&r, answer) && !read_refusal(&r, answer, out))
        out->status = read_simulated(&r, answer);
    if (out->status == ROW_DONE)
        rows->status[at] = ROW_DONE;
    else
        row_fail(rows, at, index, out->status, out->reason);
}

static void all_broken(rows_t *rows, bool given, int64_t at, int n, const char *why, answer_t *out)
{
    for (int i = 0; i < n; i++) {
        if (!given)
            row_unknown(rows, at + i);
        out[i] = (answer_t){.status = ROW_ERROR, .broken = true};
        snprintf(out[i].reason, sizeof out[i].reason, "%s", why);
        row_fail(rows, at + i, rows->index[at + i], ROW_ERROR, why);
    }
}

void answer_read(const char *text, size_t length, bool given, rows_t *rows, int64_t at,
                 answer_t *out)
{
    char why[ROW_REASON_CAP];
    json_t *answer = answer_json(text, length, why, sizeof why);
    if (answer == NULL)
        all_broken(rows, given, at, 1, why, out);
    else
        read_one(answer, given, rows, at, out);
    json_decref(answer);
}

void answer_read_list(const char *text, size_t length, bool given, rows_t *rows, int64_t at, int n,
                      answer_t *out)
{
    char why[ROW_REASON_CAP] = "";
    json_t *list = answer_json(text, length, why, sizeof why);
    if (list != NULL && !json_is_array(list))
        snprintf(why, sizeof why, "got %s, expected a list of %d answers", answer_json_kind(list),
                 n);
    else if (list != NULL && json_array_size(list) != (size_t)n)
        snprintf(why, sizeof why, "a list of %zu answers, expected %d", json_array_size(list), n);
    if (why[0] != '\0')
        all_broken(rows, given, at, n, why, out);
    for (int i = 0; i < n && why[0] == '\0'; i++)
        read_one(json_array_get(list, (size_t)i), given, rows, at + i, &out[i]);
    json_decref(list);
}

size_t answer_limit(const schema_t *schema)
{
    enum { BYTES_OF_NUMBER = 64, BYTES_OF_NAME = 96, BYTES_BESIDE = 65536 };
    size_t bytes = BYTES_BESIDE;
    bytes += (size_t)(schema->n_parameters + schema->n_design) * (BYTES_OF_NUMBER + BYTES_OF_NAME);
    for (int o = 0; o < schema->n_observables; o++)
        bytes += BYTES_OF_NAME + (size_t)schema_size(&schema->observables[o]) * BYTES_OF_NUMBER;
    return bytes;
}
