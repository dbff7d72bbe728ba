// SPDX-License-Identifier: Apache-2.0
#include "workers/question.h"

#include "cluster/mem.h"
#include "nn/adapter.h"
#include "workers/answer_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ID_MOST = 256 }; // bytes of a text
static const double whole_most = 0x1p53;

// What is being read, and into which row.
typedef struct {
    const schema_t *schema;
    const adapter_t *adapter;
    rows_t *rows;
    int64_t at;
    question_t *q;
    char *why; // QUESTION_WHY
} reading_t;

__attribute__((format(printf, 2, 3))) static bool wrong(const reading_t *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, QUESTION_WHY, format, args);
    va_end(args);
    return false;
}

// The first one is kept.
__attribute__((format(printf, 2, 3))) static void problem(const reading_t *r, const char *format,
                                                          ...)
{
    va_list args;
    if (r->q->problem[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(r->q->problem, QUESTION_WHY, format, args);
    va_end(args);
}

/* ---- words and numbers beside the data ---- */

static bool read_id(const reading_t *r, const json_t *id)
{
    double x = json_is_real(id) ? json_real_value(id) : NAN;
    if (id == NULL)
        return true;
    if (fabs(x) <= whole_most && x == floor(x))
        r->q->id = json_integer((json_int_t)x);
    else if (json_is_real(id) || (json_is_string(id) && json_string_length(id) <= ID_MOST))
        r->q->id = json_deep_copy(id);
    else
        return wrong(r, "id: got %s, expected a number or a text of at most %d bytes",
                     answer_json_kind(id), ID_MOST);
    return true;
}

static bool read_whole(const reading_t *r, json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    double x = json_real_value(value);
    *out = 0;
    if (value == NULL)
        return true;
    if (!json_is_real(value) || x < 0 || x > whole_most || x != floor(x))
        return wrong(r, "%s: expected a whole number from 0", key);
    *out = (int64_t)x;
    return true;
}

static bool known_words(const reading_t *r, json_t *object)
{
    static const char *const words[] = {"id", "observables", "design", "draws", "seed", "about"};
    enum { N_WORDS = sizeof words / sizeof *words };
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int i = 0;
        while (i < N_WORDS && strcmp(words[i], key) != 0)
            i++;
        if (i == N_WORDS)
            return wrong(r,
                         "unknown key \"%.60s\": a question has id, observables, design, draws, "
                         "seed, about",
                         key);
    }
    return true;
}

/* ---- observables ---- */

// Where the numbers of a list go; what is beyond the room is counted.
typedef struct {
    const char *name;
    float *out;
    int64_t room, n;
} values_t;

static bool put(const reading_t *r, values_t *v, const json_t *item)
{
    if (!json_is_real(item) && !json_is_null(item))
        return wrong(r, "observables: %s: value %" PRId64 " is %s, expected a number", v->name,
                     v->n, answer_json_kind(item));
    if (v->n < v->room)
        v->out[v->n] = json_is_real(item) ? (float)json_real_value(item) : NAN;
    v->n++;
    return true;
}

// Sizes of 1 at the end (the one channel of a grey image) need no lists of their own.
static bool is_one(const schema_observable_t *o, int depth, const json_t *item)
{
    int64_t rest = 1;
    for (int d = depth; d < o->n_dims; d++)
        rest *= o->dims[d];
    return rest == 1 && !json_is_array(item);
}

// A list of lists, whose sizes behind the first are dims[1 ...].
static bool read_nested(const reading_t *r, const schema_observable_t *o, const json_t *list,
                        int depth, values_t *v)
{
    size_t n = json_array_size(list);
    if (depth >= o->n_dims)
        return put(r, v, list);
    if (depth > 0 && (!json_is_array(list) || (int64_t)n != o->dims[depth]))
        return wrong(r, "observables: %s: got %s of %zu, expected a list of %" PRId64, o->name,
                     answer_json_kind(list), n, o->dims[depth]);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        bool fine =
            is_one(o, depth + 1, item) ? put(r, v, item) : read_nested(r, o, item, depth + 1, v);
        if (!fine)
            return false;
    }
    return true;
}

static bool read_flat(const reading_t *r, const json_t *list, values_t *v)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!put(r, v, json_array_get(list, i)))
            return false;
    return true;
}

// The number of elements, which is a design variable or fixed.
static void take_length(const reading_t *r, const schema_observable_t *o, int64_t n)
{
    if (o->length_design < 0 && n != o->dims[0])
        problem(r, "%.40s has %" PRId64 " elements, expected %" PRId64, o->name, n, o->dims[0]);
    if (o->length_design < 0)
        return;
    double *design = &r->rows->design[r->at * r->schema->n_design + o->length_design];
    if (*design >= 0 && *design != (double)n)
        problem(r, "%.40s has %" PRId64 " elements, elsewhere %g are told", o->name, n, *design);
    *design = (double)n;
}

static bool read_observable(const reading_t *r, int k, const json_t *said)
{
    const schema_observable_t *o = &r->schema->observables[k];
    int64_t room = schema_size(o), stride = schema_stride(o);
    values_t v = {o->name, r->rows->observables[k] + r->at * room, room, 0};
    bool nested = json_is_array(json_array_get(said, 0));
    if (!json_is_array(said))
        return wrong(r, "observables: %s: got %s, expected a list", o->name,
                     answer_json_kind(said));
    if (!(nested ? read_nested(r, o, said, 0, &v) : read_flat(r, said, &v)))
        return false;
    if (v.n % stride != 0)
        return wrong(r, "observables: %s: %" PRId64 " numbers, expected a multiple of %" PRId64,
                     o->name, v.n, stride);
    int64_t n = v.n / stride;
    take_length(r, o, n);
    r->rows->length[r->at * r->schema->n_observables + k] =
        (int32_t)(n < o->dims[0] ? n : o->dims[0]);
    return true;
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
            return wrong(r, "observables: \"%.60s\" is none of model %.60s", key, r->schema->name);
    }
    for (int k = 0; k < r->schema->n_observables; k++) {
        const char *name = r->schema->observables[k].name;
        if (!adapter_uses_observable(r->adapter, k))
            continue;
        if (json_object_get(object, name) == NULL)
            return wrong(r, "observables: %s is missing", name);
        if (!read_observable(r, k, json_object_get(object, name)))
            return false;
    }
    return true;
}

/* ---- design ---- */

static bool is_counted(const reading_t *r, int d)
{
    for (int k = 0; k < r->schema->n_observables; k++)
        if (r->schema->observables[k].length_design == d && adapter_uses_observable(r->adapter, k))
            return true;
    return false;
}

static bool read_variable(const reading_t *r, json_t *object, int d)
{
    const schema_design_t *v = &r->schema->design[d];
    const json_t *said = json_object_get(object, v->name);
    double *out = &r->rows->design[r->at * r->schema->n_design + d];
    *out = is_counted(r, d) ? -1 : v->lower; // -1: to be counted; else what nothing looks at
    if (said == NULL && !is_counted(r, d) && adapter_uses_design(r->adapter, d))
        return wrong(r, "design: %s is missing", v->name);
    if (said == NULL)
        return true;
    if (!json_is_real(said))
        return wrong(r, "design: %s: got %s, expected a number", v->name, answer_json_kind(said));
    *out = json_real_value(said);
    if (v->integer && *out != floor(*out))
        problem(r, "%.40s is %g, expected a whole number", v->name, *out);
    return true;
}

static bool read_design(const reading_t *r, json_t *object)
{
    const char *key;
    json_t *value;
    if (object != NULL && !json_is_object(object))
        return wrong(r, "design: got %s, expected an object", answer_json_kind(object));
    json_object_foreach(object, key, value)
    {
        if (schema_find_design(r->schema, key) < 0)
            return wrong(r, "design: \"%.60s\" is none of model %.60s", key, r->schema->name);
    }
    for (int d = 0; d < r->schema->n_design; d++)
        if (!read_variable(r, object, d))
            return false;
    return true;
}

/* ---- a question ---- */

static void clear_row(const reading_t *r)
{
    for (int k = 0; k < r->schema->n_observables; k++) {
        int64_t size = schema_size(&r->schema->observables[k]);
        memset(r->rows->observables[k] + r->at * size, 0, (size_t)size * sizeof(float));
        r->rows->length[r->at * r->schema->n_observables + k] = 0;
    }
    r->rows->index[r->at] = 0;
}

static int64_t hash_row(const reading_t *r, int64_t seed)
{
    const schema_t *s = r->schema;
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL, "out of memory");
    XXH3_64bits_reset_withSeed(state, (uint64_t)seed);
    XXH3_64bits_update(state, r->rows->design + r->at * s->n_design,
                       (size_t)s->n_design * sizeof(double));
    XXH3_64bits_update(state, r->rows->length + r->at * s->n_observables,
                       (size_t)s->n_observables * sizeof(int32_t));
    for (int k = 0; k < s->n_observables; k++) {
        int64_t size = schema_size(&s->observables[k]);
        XXH3_64bits_update(state, r->rows->observables[k] + r->at * size,
                           (size_t)size * sizeof(float));
    }
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return (int64_t)(hash >> 1);
}

static bool read_all(const reading_t *r, json_t *object)
{
    int64_t seed;
    if (!json_is_object(object))
        return wrong(r, "got %s, expected an object", answer_json_kind(object));
    if (!read_id(r, json_object_get(object, "id")) || !known_words(r, object))
        return false;
    r->q->about = json_is_true(json_object_get(object, "about"));
    if (r->q->about)
        return true;
    if (!read_whole(r, object, "draws", &r->q->draws) || !read_whole(r, object, "seed", &seed) ||
        !read_design(r, json_object_get(object, "design")) ||
        !read_observables(r, json_object_get(object, "observables")))
        return false;
    r->rows->index[r->at] = hash_row(r, seed);
    return true;
}

bool question_read(const char *text, size_t length, const schema_t *schema,
                   const adapter_t *adapter, rows_t *rows, int64_t at, question_t *out,
                   char why[QUESTION_WHY])
{
    *out = (question_t){0};
    reading_t r = {schema, adapter, rows, at, out, why};
    why[0] = '\0';
    json_t *object = answer_json(text, length, why, QUESTION_WHY);
    if (object == NULL)
        return false;
    clear_row(&r);
    bool fine = read_all(&r, object);
    json_decref(object);
    return fine;
}

void question_free(question_t *q)
{
    json_decref(q->id);
    *q = (question_t){0};
}

size_t question_limit(const schema_t *schema)
{
    enum { BYTES_OF_NUMBER = 64, BYTES_OF_NAME = 96, BYTES_BESIDE = 1 << 20 };
    size_t bytes = BYTES_BESIDE + (size_t)schema->n_design * (BYTES_OF_NUMBER + BYTES_OF_NAME);
    for (int k = 0; k < schema->n_observables; k++)
        bytes += BYTES_OF_NAME + (size_t)schema_size(&schema->observables[k]) * BYTES_OF_NUMBER;
    return bytes;
}
