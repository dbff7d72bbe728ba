// SPDX-License-Identifier: Apache-2.0
#include "storage/schema.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char *const kind_names[] = {[KIND_VECTOR] = "vector",
                                         [KIND_SET] = "set",
                                         [KIND_SERIES] = "series",
                                         [KIND_IMAGE] = "image",
                                         NULL};

const char *kind_name(kind_t kind)
{
    return kind_names[kind];
}

/* ---- made, copied, freed ---- */

void schema_free(schema_t *schema)
{
    for (int i = 0; i < schema->n_parameters; i++)
        free(schema->parameters[i].name);
    for (int i = 0; i < schema->n_observables; i++)
        free(schema->observables[i].name);
    for (int i = 0; i < schema->n_design; i++)
        free(schema->design[i].name);
    free(schema->parameters);
    free(schema->observables);
    free(schema->design);
    free(schema->name);
    free(schema->version);
    free(schema->description);
    *schema = (schema_t){0};
}

schema_t schema_copy(const schema_t *schema)
{
    schema_t copy = *schema;
    copy.name = mem_copy_text(schema->name);
    copy.version = mem_copy_text(schema->version);
    copy.description = mem_copy_text(schema->description);
    copy.parameters = MEM_NEW(schema_parameter_t, schema->n_parameters);
    copy.observables = MEM_NEW(schema_observable_t, schema->n_observables);
    copy.design = MEM_NEW(schema_design_t, schema->n_design);
    for (int i = 0; i < schema->n_parameters; i++) {
        copy.parameters[i] = schema->parameters[i];
        copy.parameters[i].name = mem_copy_text(schema->parameters[i].name);
    }
    for (int i = 0; i < schema->n_observables; i++) {
        copy.observables[i] = schema->observables[i];
        copy.observables[i].name = mem_copy_text(schema->observables[i].name);
    }
    for (int i = 0; i < schema->n_design; i++) {
        copy.design[i] = schema->design[i];
        copy.design[i].name = mem_copy_text(schema->design[i].name);
    }
    return copy;
}

/* ---- sizes and names ---- */

int64_t schema_stride(const schema_observable_t *o)
{
    int64_t stride = 1;
    for (int d = 1; d < o->n_dims; d++)
        stride *= o->dims[d];
    return stride;
}

int64_t schema_size(const schema_observable_t *o)
{
    return o->dims[0] * schema_stride(o);
}

int schema_find_parameter(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_parameters; i++)
        if (strcmp(s->parameters[i].name, name) == 0)
            return i;
    return -1;
}

int schema_find_observable(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_observables; i++)
        if (strcmp(s->observables[i].name, name) == 0)
            return i;
    return -1;
}

int schema_find_design(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_design; i++)
        if (strcmp(s->design[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- checked ---- */

// A name becomes the name of a data set, so it has no slash and is not ".".
static err_t check_name(const char *where, const char *what, int i, const char *name, int first)
{
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0)
        return err_fail(ERR_FORMAT, "%s: %s %d: \"%s\" is not a name", where, what, i + 1,
                        name ? name : "");
    if (first != i)
        return err_fail(ERR_FORMAT, "%s: %s %d: the name \"%s\" comes twice", where, what, i + 1,
                        name);
    return OK;
}

static err_t check_bounds(const char *where, const char *name, double lower, double upper,
                          bool may_equal)
{
    if (lower < upper || (may_equal && lower == upper))
        return OK;
    return err_fail(ERR_FORMAT, "%s: %s: lower %g and upper %g, expected lower < upper", where,
                    name, lower, upper);
}

static err_t check_observable(const schema_t *s, const schema_observable_t *o, const char *where)
{
    if (o->n_dims < 1 || o->n_dims > SCHEMA_MAX_DIMS)
        return err_fail(ERR_FORMAT, "%s: %s: %d dims, expected 1 to %d", where, o->name, o->n_dims,
                        SCHEMA_MAX_DIMS);
    for (int d = 0; d < o->n_dims; d++)
        if (o->dims[d] < 1 || o->dims[d] > INT32_MAX)
            return err_fail(ERR_FORMAT, "%s: %s: dims[%d] is %" PRId64 ", expected 1 to %d", where,
                            o->name, d, o->dims[d], INT32_MAX);
    if (o->length_design < -1 || o->length_design >= s->n_design)
        return err_fail(ERR_FORMAT, "%s: %s: its length is design variable %d of %d", where,
                        o->name, o->length_design, s->n_design);
    return check_bounds(where, o->name, o->lower, o->upper, false);
}

err_t schema_check(const schema_t *s, const char *where)
{
    if (s->name == NULL || s->version == NULL || s->n_parameters < 1 || s->n_observables < 1)
        return err_fail(ERR_FORMAT, "%s: a model has a name, a version, parameters and observables",
                        where);
    for (int i = 0; i < s->n_parameters; i++) {
        const schema_parameter_t *p = &s->parameters[i];
        TRY(check_name(where, "parameter", i, p->name,
                       p->name ? schema_find_parameter(s, p->name) : i));
        TRY(check_bounds(where, p->name, p->lower, p->upper, false));
    }
    for (int i = 0; i < s->n_design; i++) {
        const schema_design_t *d = &s->design[i];
        TRY(check_name(where, "design variable", i, d->name,
                       d->name ? schema_find_design(s, d->name) : i));
        TRY(check_bounds(where, d->name, d->lower, d->upper, true));
    }
    for (int i = 0; i < s->n_observables; i++) {
        const schema_observable_t *o = &s->observables[i];
        TRY(check_name(where, "observable", i, o->name,
                       o->name ? schema_find_observable(s, o->name) : i));
        TRY(check_observable(s, o, where));
    }
    return OK;
}

/* ---- written ---- */

typedef struct {
    char *text;
    size_t used, cap;
} writer_t;

static void put(writer_t *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(writer_t *w, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t length = (size_t)vsnprintf(NULL, 0, format, args);
    if (w->used + length + 1 > w->cap) {
        w->cap = 2 * (w->used + length + 1);
        w->text = MEM_GROW(w->text, char, w->cap);
    }
    vsnprintf(w->text + w->used, w->cap - w->used, format, again);
    w->used += length;
    va_end(again);
    va_end(args);
}

static void put_text(writer_t *w, const char *before, const char *text)
{
    char *quoted = yaml_quote(text);
    put(w, "%s%s\n", before, quoted);
    free(quoted);
}

// The shortest digits that read back as the same number.
static void put_real(writer_t *w, const char *before, double x)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    put(w, "%s%s\n", before, isinf(x) ? (x < 0 ? "-.inf" : ".inf") : text);
}

static void put_observable(writer_t *w, const schema_t *s, const schema_observable_t *o)
{
    put_text(w, "  - name: ", o->name);
    put(w, "    kind: %s\n    dims: [", kind_name(o->kind));
    for (int d = 0; d < o->n_dims; d++)
        put(w, "%s%" PRId64, d ? ", " : "", o->dims[d]);
    put(w, "]\n");
    if (o->length_design >= 0)
        put_text(w, "    length: ", s->design[o->length_design].name);
    put_real(w, "    lower: ", o->lower);
    put_real(w, "    upper: ", o->upper);
}

static char *text_of(const schema_t *s, bool description)
{
    writer_t w = {NULL, 0, 0};
    put_text(&w, "name: ", s->name);
    put_text(&w, "version: ", s->version);
    if (description && s->description != NULL && s->description[0] != '\0')
        put_text(&w, "description: ", s->description);
    put(&w, "parameters:\n");
    for (int i = 0; i < s->n_parameters; i++) {
        put_text(&w, "  - name: ", s->parameters[i].name);
        put_real(&w, "    lower: ", s->parameters[i].lower);
        put_real(&w, "    upper: ", s->parameters[i].upper);
    }
    put(&w, s->n_design ? "design:\n" : "");
    for (int i = 0; i < s->n_design; i++) {
        put_text(&w, "  - name: ", s->design[i].name);
        put_real(&w, "    lower: ", s->design[i].lower);
        put_real(&w, "    upper: ", s->design[i].upper);
        put(&w, "    integer: %s\n", s->design[i].integer ? "true" : "false");
    }
    put(&w, "observables:\n");
    for (int i = 0; i < s->n_observables; i++)
        put_observable(&w, s, &s->observables[i]);
    return w.text;
}

char *schema_text(const schema_t *schema)
{
    return text_of(schema, true);
}

char *schema_fingerprint(const schema_t *schema)
{
    char *text = text_of(schema, false);
    uint64_t hash = XXH3_64bits(text, strlen(text));
    free(text);
    return mem_format("%s-%s-%016" PRIx64, schema->name, schema->version, hash);
}

/* ---- read ---- */

typedef struct {
    char *name, *version, *description;
    yaml_node_ref_t parameters, design, observables;
} top_t;

typedef struct {
    char *name, *length;
    int kind;
    yaml_reals_t dims;
    double lower, upper;
    bool integer;
} item_t;

#define FIELD(type_name, struct_name, member, ...)                                                 \
    {                                                                                              \
        .key = #member, .type = type_name, .offset = offsetof(struct_name, member), __VA_ARGS__    \
    }

static const yaml_field_t top_fields[] = {
    FIELD(YAML_TEXT, top_t, name, .required = true, .help = "the model's name"),
    FIELD(YAML_TEXT, top_t, version, .required = true, .help = "changes when its results do"),
    FIELD(YAML_TEXT, top_t, description, .help = "one line for people"),
    FIELD(YAML_NODE, top_t, parameters, .required = true, .help = "what is inferred"),
    FIELD(YAML_NODE, top_t, design, .help = "known settings of one experiment"),
    FIELD(YAML_NODE, top_t, observables, .required = true, .help = "what is observed"),
    {.key = NULL}};

static const yaml_field_t parameter_fields[] = {
    FIELD(YAML_TEXT, item_t, name, .required = true, .help = "the parameter's name"),
    FIELD(YAML_REAL, item_t, lower, .fallback = "-.inf", .help = "open lower end of the support"),
    FIELD(YAML_REAL, item_t, upper, .fallback = ".inf", .help = "open upper end of the support"),
    {.key = NULL}};

static const yaml_field_t design_fields[] = {
    FIELD(YAML_TEXT, item_t, name, .required = true, .help = "the design variable's name"),
    FIELD(YAML_REAL, item_t, lower, .required = true, .help = "smallest value"),
    FIELD(YAML_REAL, item_t, upper, .required = true, .help = "largest value"),
    FIELD(YAML_BOOL, item_t, integer, .fallback = "false", .help = "whole numbers only"),
    {.key = NULL}};

static const yaml_field_t observable_fields[] = {
    FIELD(YAML_TEXT, item_t, name, .required = true, .help = "the observable's name"),
    FIELD(YAML_WORD, item_t, kind, .required = true, .words = kind_names, .help = "what it means"),
    FIELD(YAML_REALS, item_t, dims, .required = true,
          .help = "sizes, the largest of a varying one"),
    FIELD(YAML_TEXT, item_t, length, .help = "design variable that gives the first size"),
    FIELD(YAML_REAL, item_t, lower, .fallback = "-.inf", .help = "real data below is refused"),
    FIELD(YAML_REAL, item_t, upper, .fallback = ".inf", .help = "real data above is refused"),
    {.key = NULL}};

typedef err_t (*item_reader_t)(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i);

static err_t read_parameter(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i)
{
    item_t item = {0};
    TRY(yaml_fill(node, parameter_fields, arena, &item));
    s->parameters[i] = (schema_parameter_t){mem_copy_text(item.name), item.lower, item.upper};
    return OK;
}

static err_t read_design(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i)
{
    item_t item = {0};
    TRY(yaml_fill(node, design_fields, arena, &item));
    s->design[i] =
        (schema_design_t){mem_copy_text(item.name), item.lower, item.upper, item.integer};
    return OK;
}

static err_t read_observable(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i)
{
    item_t item = {0};
    schema_observable_t *o = &s->observables[i];
    TRY(yaml_fill(node, observable_fields, arena, &item));
    if (item.dims.n < 1 || item.dims.n > SCHEMA_MAX_DIMS)
        return yaml_node_error(node, "dims: got %d sizes, expected 1 to %d", item.dims.n,
                               SCHEMA_MAX_DIMS);
    *o = (schema_observable_t){.name = mem_copy_text(item.name),
                               .kind = (kind_t)item.kind,
                               .n_dims = item.dims.n,
                               .length_design = -1,
                               .lower = item.lower,
                               .upper = item.upper};
    for (int d = 0; d < item.dims.n; d++) {
        if (!(item.dims.at[d] >= 1 && item.dims.at[d] <= INT32_MAX &&
              item.dims.at[d] == floor(item.dims.at[d])))
            return yaml_node_error(node, "dims: %g is not a size", item.dims.at[d]);
        o->dims[d] = (int64_t)item.dims.at[d];
    }
    if (item.length != NULL)
        o->length_design = schema_find_design(s, item.length);
    if (item.length != NULL && o->length_design < 0)
        return yaml_node_error(node, "length: there is no design variable \"%s\"", item.length);
    return OK;
}

// Counts grow one by one, so that schema_free is right after an error.
static err_t read_list(yaml_node_ref_t list, arena_t *arena, schema_t *s, int *count,
                       item_reader_t reader)
{
    int n = yaml_node_count(list);
    if (yaml_node_kind(list) == YAML_KIND_ABSENT)
        return OK;
    if (yaml_node_kind(list) != YAML_KIND_SEQUENCE)
        return yaml_node_error(list, "expected a list");
    for (int i = 0; i < n; i++) {
        *count = i + 1;
        TRY(reader(yaml_node_item(list, i), arena, s, i));
    }
    return OK;
}

static err_t read_all(yaml_node_ref_t node, arena_t *arena, schema_t *s)
{
    top_t top = {0};
    TRY(yaml_fill(node, top_fields, arena, &top));
    s->name = mem_copy_text(top.name);
    s->version = mem_copy_text(top.version);
    s->description = mem_copy_text(top.description ? top.description : "");
    s->parameters = MEM_NEW(schema_parameter_t, yaml_node_count(top.parameters));
    s->design = MEM_NEW(schema_design_t, yaml_node_count(top.design));
    s->observables = MEM_NEW(schema_observable_t, yaml_node_count(top.observables));
    TRY(read_list(top.parameters, arena, s, &s->n_parameters, read_parameter));
    TRY(read_list(top.design, arena, s, &s->n_design, read_design));
    TRY(read_list(top.observables, arena, s, &s->n_observables, read_observable));
    return OK;
}

err_t schema_from_node(yaml_node_ref_t node, const char *where, schema_t *out)
{
    err_t err;
    arena_t *arena = arena_create();
    *out = (schema_t){0};
    TRY_TO(done, read_all(node, arena, out));
    TRY_TO(done, schema_check(out, where));
done:
    arena_destroy(&arena);
    if (err != OK)
        schema_free(out);
    return err;
}

err_t schema_parse(const char *text, const char *where, schema_t *out)
{
    yaml_doc_t *doc = NULL;
    *out = (schema_t){0};
    TRY(yaml_read_text(text, where, &doc));
    err_t err = schema_from_node(yaml_root(doc), where, out);
    yaml_close(&doc);
    return err == OK ? OK : err_frame(err, __FILE__, __LINE__);
}

/* ---- compared ---- */

static char *differ_parameter(const schema_parameter_t *a, const schema_parameter_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("parameter %d: %s against %s", i + 1, a->name, b->name);
    if (a->lower != b->lower || a->upper != b->upper)
        return mem_format("parameter %s: bounds (%g, %g) against (%g, %g)", a->name, a->lower,
                          a->upper, b->lower, b->upper);
    return NULL;
}

static char *differ_design(const schema_design_t *a, const schema_design_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("design variable %d: %s against %s", i + 1, a->name, b->name);
    if (a->lower != b->lower || a->upper != b->upper || a->integer != b->integer)
        return mem_format("design variable %s: [%g, %g]%s against [%g, %g]%s", a->name, a->lower,
                          a->upper, a->integer ? " whole" : "", b->lower, b->upper,
                          b->integer ? " whole" : "");
    return NULL;
}

static char *differ_observable(const schema_observable_t *a, const schema_observable_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("observable %d: %s against %s", i + 1, a->name, b->name);
    if (a->kind != b->kind)
        return mem_format("observable %s: a %s against a %s", a->name, kind_name(a->kind),
                          kind_name(b->kind));
    if (a->n_dims != b->n_dims)
        return mem_format("observable %s: %d dims against %d", a->name, a->n_dims, b->n_dims);
    for (int d = 0; d < a->n_dims; d++)
        if (a->dims[d] != b->dims[d])
            return mem_format("observable %s: dims[%d] is %" PRId64 " against %" PRId64, a->name, d,
                              a->dims[d], b->dims[d]);
    if (a->length_design != b->length_design)
        return mem_format("observable %s: its length varies with another design variable", a->name);
    if (a->lower != b->lower || a->upper != b->upper)
        return mem_format("observable %s: bounds (%g, %g) against (%g, %g)", a->name, a->lower,
                          a->upper, b->lower, b->upper);
    return NULL;
}

static char *differ_count(const char *what, int a, int b)
{
    return a == b ? NULL : mem_format("%d %s against %d", a, what, b);
}

static char *differ_top(const schema_t *a, const schema_t *b)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("model %s against %s", a->name, b->name);
    if (strcmp(a->version, b->version) != 0)
        return mem_format("model %s: version %s against %s", a->name, a->version, b->version);
    return NULL;
}

char *schema_difference(const schema_t *a, const schema_t *b)
{
    char *found = differ_top(a, b);
    for (int i = 0; !found && i < a->n_parameters && i < b->n_parameters; i++)
        found = differ_parameter(&a->parameters[i], &b->parameters[i], i);
    if (!found)
        found = differ_count("parameters", a->n_parameters, b->n_parameters);
    for (int i = 0; !found && i < a->n_design && i < b->n_design; i++)
        found = differ_design(&a->design[i], &b->design[i], i);
    if (!found)
        found = differ_count("design variables", a->n_design, b->n_design);
    for (int i = 0; !found && i < a->n_observables && i < b->n_observables; i++)
        found = differ_observable(&a->observables[i], &b->observables[i], i);
    if (!found)
        found = differ_count("observables", a->n_observables, b->n_observables);
    return found;
}
