// SPDX-License-Identifier: Apache-2.0
#include "storage/schema.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "storage/schema_array.h"

#include <inttypes.h>
#include <math.h>
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

/* ---- written ---- */

static void put_text(text_t *w, const char *before, const char *text)
{
    char *quoted = yaml_quote(text);
    text_add(w, "%s%s\n", before, quoted);
    free(quoted);
}

static void put_optional(text_t *w, const char *before, const char *text)
{
    if (text != NULL && text[0] != '\0')
        put_text(w, before, text);
}

static void put_real(text_t *w, const char *before, double x)
{
    char text[YAML_REAL_CAP];
    text_add(w, "%s%s\n", before, yaml_show_real(x, text));
}

static void put_dims(text_t *w, int n, const int64_t *dims)
{
    text_add(w, "    dims: [");
    for (int d = 0; d < n; d++)
        text_add(w, "%s%" PRId64, d ? ", " : "", dims[d]);
    text_add(w, "]\n");
}

static void put_parameter(text_t *w, const schema_variable_t *v, const schema_parameter_t *p)
{
    put_text(w, "  - name: ", v->name);
    if (v->n_dims > 0)
        put_dims(w, v->n_dims, v->dims);
    put_real(w, "    lower: ", p->lower);
    put_real(w, "    upper: ", p->upper);
    put_optional(w, "    prior: ", p->prior);
}

static void put_observable(text_t *w, const schema_t *s, const schema_observable_t *o)
{
    put_text(w, "  - name: ", o->name);
    text_add(w, "    kind: %s\n", kind_name(o->kind));
    put_dims(w, o->n_dims, o->dims);
    if (o->length_design >= 0)
        put_text(w, "    length: ", s->design[o->length_design].name);
    put_real(w, "    lower: ", o->lower);
    put_real(w, "    upper: ", o->upper);
    text_add(w, o->missing ? "    missing: true\n" : "");
}

// `all`: also what makes no other model of it, the description and the units.
static char *text_of(const schema_t *s, bool all)
{
    text_t w = text_create();
    put_text(&w, "name: ", s->name);
    put_text(&w, "version: ", s->version);
    put_optional(&w, "description: ", all ? s->description : NULL);
    text_add(&w, "parameters:\n");
    schema_variable_t v;
    for (int p = 0; p < s->n_parameters; p += v.n) {
        v = schema_variable_at(s, p);
        put_parameter(&w, &v, &s->parameters[p]);
        put_optional(&w, "    unit: ", all ? s->parameters[p].unit : NULL);
    }
    text_add(&w, s->n_design ? "design:\n" : "");
    for (int i = 0; i < s->n_design; i++) {
        put_text(&w, "  - name: ", s->design[i].name);
        put_real(&w, "    lower: ", s->design[i].lower);
        put_real(&w, "    upper: ", s->design[i].upper);
        text_add(&w, "    integer: %s\n", s->design[i].integer ? "true" : "false");
        put_optional(&w, "    unit: ", all ? s->design[i].unit : NULL);
    }
    text_add(&w, "observables:\n");
    for (int i = 0; i < s->n_observables; i++) {
        put_observable(&w, s, &s->observables[i]);
        put_optional(&w, "    unit: ", all ? s->observables[i].unit : NULL);
    }
    return w.data;
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
    char *name, *length, *unit, *prior;
    int kind;
    yaml_reals_t dims;
    double lower, upper;
    bool integer, missing;
} item_t;

#define FIELD(type_name, struct_name, member, ...)                                                 \
    {                                                                                              \
        .key = #member, .type = type_name, .offset = offsetof(struct_name, member), __VA_ARGS__    \
    }

#define UNIT_FIELD FIELD(YAML_TEXT, item_t, unit, .help = "its unit, for people")

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
    FIELD(YAML_REALS, item_t, dims, .help = "sizes of an array: [28, 28]"),
    FIELD(YAML_REAL, item_t, lower, .fallback = "-.inf", .help = "open lower end of the support"),
    FIELD(YAML_REAL, item_t, upper, .fallback = ".inf", .help = "open upper end of the support"),
    FIELD(YAML_TEXT, item_t, prior, .help = "its prior, where the study gives one"),
    UNIT_FIELD,
    {.key = NULL}};

static const yaml_field_t design_fields[] = {
    FIELD(YAML_TEXT, item_t, name, .required = true, .help = "the design variable's name"),
    FIELD(YAML_REAL, item_t, lower, .required = true, .help = "smallest value"),
    FIELD(YAML_REAL, item_t, upper, .required = true, .help = "largest value"),
    FIELD(YAML_BOOL, item_t, integer, .fallback = "false", .help = "whole numbers only"),
    UNIT_FIELD,
    {.key = NULL}};

static const yaml_field_t observable_fields[] = {
    FIELD(YAML_TEXT, item_t, name, .required = true, .help = "the observable's name"),
    FIELD(YAML_WORD, item_t, kind, .required = true, .words = kind_names, .help = "what it means"),
    FIELD(YAML_REALS, item_t, dims, .required = true,
          .help = "sizes, the largest of a varying one"),
    FIELD(YAML_TEXT, item_t, length, .help = "design variable that gives the first size"),
    FIELD(YAML_REAL, item_t, lower, .fallback = "-.inf", .help = "real data below is refused"),
    FIELD(YAML_REAL, item_t, upper, .fallback = ".inf", .help = "real data above is refused"),
    FIELD(YAML_BOOL, item_t, missing, .fallback = "false",
          .help = "NaN stands for a value that is not there"),
    UNIT_FIELD,
    {.key = NULL}};

static err_t read_dims(yaml_node_ref_t node, const yaml_reals_t *dims, int least, int *n_dims,
                       int64_t *out)
{
    if (dims->n < least || dims->n > SCHEMA_MAX_DIMS)
        return yaml_node_error(node, "dims: got %d sizes, expected 1 to %d", dims->n,
                               SCHEMA_MAX_DIMS);
    *n_dims = dims->n;
    for (int d = 0; d < dims->n; d++) {
        if (!(dims->at[d] >= 1 && dims->at[d] <= INT32_MAX && dims->at[d] == floor(dims->at[d])))
            return yaml_node_error(node, "dims: %g is not a size", dims->at[d]);
        out[d] = (int64_t)dims->at[d];
    }
    return OK;
}

static err_t read_parameter(yaml_node_ref_t node, arena_t *arena, const char *where, schema_t *s)
{
    item_t item = {0};
    schema_parameter_t declared = {0};
    TRY(yaml_fill(node, parameter_fields, arena, &item));
    TRY(read_dims(node, &item.dims, 0, &declared.n_dims, declared.dims));
    declared.name = mem_copy_text(item.name);
    declared.unit = mem_copy_text(item.unit);
    declared.prior = mem_copy_text(item.prior);
    declared.lower = item.lower;
    declared.upper = item.upper;
    err_t err = schema_add_parameter(s, &declared);
    return err_context(err, "%s", where);
}

static err_t read_design(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i)
{
    item_t item = {0};
    TRY(yaml_fill(node, design_fields, arena, &item));
    s->design[i] = (schema_design_t){.name = mem_copy_text(item.name),
                                     .unit = mem_copy_text(item.unit),
                                     .lower = item.lower,
                                     .upper = item.upper,
                                     .integer = item.integer};
    return OK;
}

static err_t read_observable(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i)
{
    item_t item = {0};
    schema_observable_t *o = &s->observables[i];
    TRY(yaml_fill(node, observable_fields, arena, &item));
    *o = (schema_observable_t){.name = mem_copy_text(item.name),
                               .unit = mem_copy_text(item.unit),
                               .kind = (kind_t)item.kind,
                               .length_design = -1,
                               .lower = item.lower,
                               .upper = item.upper,
                               .missing = item.missing};
    TRY(read_dims(node, &item.dims, 1, &o->n_dims, o->dims));
    if (item.length != NULL)
        o->length_design = schema_find_design(s, item.length);
    if (item.length != NULL && o->length_design < 0)
        return yaml_node_error(node, "length: there is no design variable \"%s\"", item.length);
    return OK;
}

typedef err_t (*item_reader_t)(yaml_node_ref_t node, arena_t *arena, schema_t *s, int i);

static err_t check_list(yaml_node_ref_t list)
{
    yaml_kind_t kind = yaml_node_kind(list);
    return kind == YAML_KIND_ABSENT || kind == YAML_KIND_SEQUENCE
               ? OK
               : yaml_node_error(list, "expected a list");
}

static err_t read_parameters(yaml_node_ref_t list, arena_t *arena, const char *where, schema_t *s)
{
    TRY(check_list(list));
    for (int i = 0; i < yaml_node_count(list); i++)
        TRY(read_parameter(yaml_node_item(list, i), arena, where, s));
    return OK;
}

// Counts grow one by one, so that schema_free is right after an error.
static err_t read_list(yaml_node_ref_t list, arena_t *arena, schema_t *s, int *count,
                       item_reader_t reader)
{
    int n = yaml_node_count(list);
    TRY(check_list(list));
    for (int i = 0; i < n; i++) {
        *count = i + 1;
        TRY(reader(yaml_node_item(list, i), arena, s, i));
    }
    return OK;
}

static err_t read_all(yaml_node_ref_t node, arena_t *arena, const char *where, schema_t *s)
{
    top_t top = {0};
    TRY(yaml_fill(node, top_fields, arena, &top));
    s->name = mem_copy_text(top.name);
    s->version = mem_copy_text(top.version);
    s->description = mem_copy_text(top.description ? top.description : "");
    s->design = MEM_NEW(schema_design_t, yaml_node_count(top.design));
    s->observables = MEM_NEW(schema_observable_t, yaml_node_count(top.observables));
    TRY(read_parameters(top.parameters, arena, where, s));
    TRY(read_list(top.design, arena, s, &s->n_design, read_design));
    TRY(read_list(top.observables, arena, s, &s->n_observables, read_observable));
    return OK;
}

err_t schema_from_node(yaml_node_ref_t node, const char *where, schema_t *out)
{
    err_t err;
    arena_t *arena = arena_create();
    *out = (schema_t){0};
    TRY_TO(done, read_all(node, arena, where, out));
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
