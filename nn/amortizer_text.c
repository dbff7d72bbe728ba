// SPDX-License-Identifier: Apache-2.0
//
// A configuration as YAML text and back: what an amortizer file keeps of it.
#include "nn/amortizer.h"

#include "cluster/yaml.h"
#include "nn/network_fields.h"

#include <stdio.h>
#include <string.h>

/* ---- writing ---- */

static void write_bounds(FILE *out, const char *key, int n, const double *x)
{
    char text[YAML_REAL_CAP];
    fprintf(out, "%s: [", key);
    for (int j = 0; j < n; j++)
        fprintf(out, "%s%s", j ? ", " : "", yaml_show_real(x[j], text));
    fputs("]\n", out);
}

static const char *flag(bool on)
{
    return on ? "true" : "false";
}

static void write_observable(FILE *out, const amortizer_observable_t *x)
{
    fprintf(out,
            "  - kind: %s\n    max_length: %ld\n    features: %ld\n    height: %ld\n"
            "    width: %ld\n    direct: %s\n    summary:\n      type: %s\n      golden: %s\n",
            observable_kind_words[x->kind], (long)x->max_length, (long)x->features, (long)x->height,
            (long)x->width, flag(x->direct), summary_type_words[x->summary.type],
            flag(x->summary.golden));
    network_fields_write(out, 6, summary_fields, (int)x->summary.type, &x->summary);
}

char *amortizer_config_text(const amortizer_config_t *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL, "out of memory");
    fprintf(out, "design: %d\nensemble: %d\n", c->n_design, c->members);
    write_bounds(out, "lower", c->n_parameters, c->lower);
    write_bounds(out, "upper", c->n_parameters, c->upper);
    fputs("observables:\n", out);
    for (int o = 0; o < c->n_observables; o++)
        write_observable(out, &c->observables[o]);
    fprintf(out, "inference:\n  type: %s\n  golden: %s\n", inference_type_words[c->inference.type],
            flag(c->inference.golden));
    network_fields_write(out, 2, inference_fields, (int)c->inference.type, &c->inference);
    fclose(out);
    return text;
}

/* ---- reading ---- */

typedef struct {
    int type;
    bool golden;
} named_t;

typedef struct {
    int64_t design, members;
    yaml_reals_t lower, upper;
    yaml_node_ref_t observables, inference;
} text_config_t;

typedef struct {
    int kind;
    int64_t max_length, features, height, width;
    bool direct;
    yaml_node_ref_t summary;
} text_observable_t;

// clang-format off
#define AT(member) offsetof(text_config_t, member)
static const yaml_field_t config_fields[] = {
    {.key = "design", .type = YAML_INTEGER, .offset = AT(design), .required = true, .low = 0, .high = 1e6},
    {.key = "ensemble", .type = YAML_INTEGER, .offset = AT(members), .required = true, .low = 1, .high = AMORTIZER_MAX_MEMBERS},
    {.key = "lower", .type = YAML_REALS, .offset = AT(lower), .required = true},
    {.key = "upper", .type = YAML_REALS, .offset = AT(upper), .required = true},
    {.key = "observables", .type = YAML_NODE, .offset = AT(observables), .required = true},
    {.key = "inference", .type = YAML_NODE, .offset = AT(inference), .required = true},
    {0}};
#undef AT

#define AT(member) offsetof(text_observable_t, member)
static const yaml_field_t observable_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = AT(kind), .required = true, .words = observable_kind_words},
    {.key = "max_length", .type = YAML_INTEGER, .offset = AT(max_length), .required = true, .low = 1, .high = 1e15},
    {.key = "features", .type = YAML_INTEGER, .offset = AT(features), .required = true, .low = 1, .high = 1e15},
    {.key = "height", .type = YAML_INTEGER, .offset = AT(height), .required = true, .low = 0, .high = 1e6},
    {.key = "width", .type = YAML_INTEGER, .offset = AT(width), .required = true, .low = 0, .high = 1e6},
    {.key = "direct", .type = YAML_BOOL, .offset = AT(direct), .required = true},
    {.key = "summary", .type = YAML_NODE, .offset = AT(summary), .required = true},
    {0}};
#undef AT
// clang-format on

static const char *const named_keys[] = {"type", "golden", NULL};

static err_t take_word(yaml_node_ref_t map, const char *const *words, int *out)
{
    const char *text = yaml_node_text(yaml_node_get(map, "type"));
    for (int k = 0; text != NULL && words[k] != NULL; k++)
        if (strcmp(text, words[k]) == 0) {
            *out = k;
            return OK;
        }
    return yaml_node_error(map, "type: unknown network \"%s\"", text ? text : "");
}

static err_t take_named(yaml_node_ref_t map, const char *const *words, named_t *out)
{
    const char *golden = yaml_node_text(yaml_node_get(map, "golden"));
    TRY(take_word(map, words, &out->type));
    if (golden == NULL || (strcmp(golden, "true") != 0 && strcmp(golden, "false") != 0))
        return yaml_node_error(map, "golden: expected true or false");
    out->golden = strcmp(golden, "true") == 0;
    return OK;
}

static err_t take_observable(yaml_node_ref_t node, arena_t *arena, amortizer_observable_t *x)
{
    text_observable_t t = {0};
    named_t named;
    TRY(yaml_fill(node, observable_fields, arena, &t));
    *x = (amortizer_observable_t){.kind = (observable_kind_t)t.kind,
                                  .max_length = t.max_length,
                                  .features = t.features,
                                  .height = t.height,
                                  .width = t.width,
                                  .direct = t.direct};
    TRY(take_named(t.summary, summary_type_words, &named));
    summary_config_default((summary_type_t)named.type, SIZE_BASE, &x->summary);
    x->summary.golden = named.golden;
    return network_fields_read(t.summary, summary_fields, named.type, summary_type_words,
                               named_keys, &x->summary);
}

static err_t take_observables(yaml_node_ref_t list, arena_t *arena, amortizer_config_t *c)
{
    if (yaml_node_kind(list) != YAML_KIND_SEQUENCE)
        return yaml_node_error(list, "observables: expected a list");
    c->n_observables = yaml_node_count(list);
    c->observables = ARENA_NEW(arena, amortizer_observable_t, c->n_observables);
    for (int o = 0; o < c->n_observables; o++)
        TRY(take_observable(yaml_node_item(list, o), arena, &c->observables[o]));
    return OK;
}

static err_t take_inference(yaml_node_ref_t map, amortizer_config_t *c)
{
    named_t named;
    TRY(take_named(map, inference_type_words, &named));
    inference_config_default((inference_type_t)named.type, SIZE_BASE, &c->inference);
    c->inference.golden = named.golden;
    return network_fields_read(map, inference_fields, named.type, inference_type_words, named_keys,
                               &c->inference);
}

static err_t take_all(yaml_doc_t *doc, arena_t *arena, amortizer_config_t *c)
{
    text_config_t t = {0};
    TRY(yaml_fill(yaml_root(doc), config_fields, arena, &t));
    if (t.lower.n != t.upper.n)
        return yaml_node_error(yaml_root(doc), "%d lower bounds and %d upper bounds", t.lower.n,
                               t.upper.n);
    *c = (amortizer_config_t){.n_parameters = t.lower.n,
                              .n_design = (int)t.design,
                              .members = (int)t.members,
                              .lower = t.lower.at,
                              .upper = t.upper.at};
    TRY(take_observables(t.observables, arena, c));
    TRY(take_inference(t.inference, c));
    return amortizer_config_check(c);
}

err_t amortizer_config_parse(const char *text, const char *where, arena_t *arena,
                             amortizer_config_t *out)
{
    yaml_doc_t *doc;
    TRY(yaml_read_text(text, where, &doc));
    err_t err = take_all(doc, arena, out);
    yaml_close(&doc);
    return err;
}
