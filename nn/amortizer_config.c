// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"
#include "nn/layer.h"
#include "nn/spline.h"
#include "nn/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const summary_words[] = {"deep_set", NULL};
static const char *const inference_words[] = {"coupling_flow", NULL};
static const char *const transform_words[] = {"affine", "spline", NULL};
static const char *const kind_words[] = {"vector", "set", "series", "image", NULL};

// The configuration with the types that a YAML table fills.
typedef struct {
    int64_t design;
    yaml_reals_t lower, upper;
    yaml_node_ref_t observables;
    struct {
        int type;
        int64_t summary_dim, embed_dim, depth, width, n_hidden;
        bool golden, elements, moments, quantiles;
        double dropout;
    } summary;
    struct {
        int type, transform;
        int64_t depth, width, n_hidden, bins;
        double half_width, dropout;
        bool whiten, golden;
    } inference;
} text_config_t;

#define AT(member) offsetof(text_config_t, member)
#define COUNT(key, at)                                                                             \
    {                                                                                              \
        key, YAML_INTEGER, at, true, NULL, 0, 1e6, NULL, NULL, key                                 \
    }
#define REAL(key, at)                                                                              \
    {                                                                                              \
        key, YAML_REAL, at, true, NULL, 0, 1e6, NULL, NULL, key                                    \
    }
#define FLAG(key, at)                                                                              \
    {                                                                                              \
        key, YAML_BOOL, at, true, NULL, 0, 0, NULL, NULL, key                                      \
    }
#define WORD(key, at, words)                                                                       \
    {                                                                                              \
        key, YAML_WORD, at, true, NULL, 0, 0, words, NULL, key                                     \
    }
#define BOUNDS(key, at)                                                                            \
    {                                                                                              \
        key, YAML_REALS, at, true, NULL, 0, 0, NULL, NULL, key                                     \
    }
#define MAP(key, fields)                                                                           \
    {                                                                                              \
        key, YAML_MAP, 0, true, NULL, 0, 0, NULL, fields, key                                      \
    }
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

static const yaml_field_t summary_fields[] = {WORD("type", AT(summary.type), summary_words),
                                              COUNT("summary_dim", AT(summary.summary_dim)),
                                              COUNT("embed_dim", AT(summary.embed_dim)),
                                              COUNT("depth", AT(summary.depth)),
                                              COUNT("width", AT(summary.width)),
                                              COUNT("n_hidden", AT(summary.n_hidden)),
                                              FLAG("golden", AT(summary.golden)),
                                              FLAG("elements", AT(summary.elements)),
                                              FLAG("moments", AT(summary.moments)),
                                              FLAG("quantiles", AT(summary.quantiles)),
                                              REAL("dropout", AT(summary.dropout)),
                                              END};

static const yaml_field_t inference_fields[] = {
    WORD("type", AT(inference.type), inference_words),
    WORD("transform", AT(inference.transform), transform_words),
    COUNT("depth", AT(inference.depth)),
    COUNT("width", AT(inference.width)),
    COUNT("n_hidden", AT(inference.n_hidden)),
    COUNT("bins", AT(inference.bins)),
    REAL("half_width", AT(inference.half_width)),
    FLAG("whiten", AT(inference.whiten)),
    FLAG("golden", AT(inference.golden)),
    REAL("dropout", AT(inference.dropout)),
    END};

static const yaml_field_t config_fields[] = {
    COUNT("design", AT(design)),
    BOUNDS("lower", AT(lower)),
    BOUNDS("upper", AT(upper)),
    {"observables", YAML_NODE, AT(observables), true, NULL, 0, 0, NULL, NULL, "observables"},
    MAP("summary", summary_fields),
    MAP("inference", inference_fields),
    END};

typedef struct {
    int kind;
    int64_t max_length, features;
} text_observable_t;

static const yaml_field_t observable_fields[] = {
    WORD("kind", offsetof(text_observable_t, kind), kind_words),
    {"max_length", YAML_INTEGER, offsetof(text_observable_t, max_length), true, NULL, 1, 1e15, NULL,
     NULL, "max_length"},
    {"features", YAML_INTEGER, offsetof(text_observable_t, features), true, NULL, 1, 1e15, NULL,
     NULL, "features"},
    END};

void amortizer_config_default(amortizer_config_t *c)
{
    memset(&c->summary, 0, sizeof c->summary);
    memset(&c->inference, 0, sizeof c->inference);
    c->summary.type = SUMMARY_DEEP_SET;
    c->summary.summary_dim = 32;
    c->summary.embed_dim = 64;
    c->summary.depth = 0;
    c->summary.width = 128;
    c->summary.n_hidden = 2;
    c->summary.elements = true;
    c->summary.moments = true;
    c->summary.quantiles = true;
    c->inference.type = INFERENCE_COUPLING_FLOW;
    c->inference.transform = TRANSFORM_SPLINE;
    c->inference.depth = 2;
    c->inference.width = 64;
    c->inference.n_hidden = 2;
    c->inference.bins = 8;
    c->inference.half_width = 4.0;
    c->inference.whiten = true;
}

static err_t check_range(const char *field, double got, double low, double high)
{
    if (got >= low && got <= high)
        return OK;
    return err_fail(ERR_USAGE, "%s: %g is out of range, expected %g to %g", field, got, low, high);
}

static err_t check_observable(const amortizer_config_t *c, int o)
{
    const struct amortizer_observable *x = &c->observables[o];
    if (x->kind != OBSERVABLE_SET) {
        bool known = x->kind >= 0 && x->kind <= OBSERVABLE_IMAGE;
        return err_fail(ERR_USAGE,
                        "observable %d is of kind \"%s\", and there is no summary network for it "
                        "yet: only sets "
                        "are read (exchangeable rows, dims [n, features])",
                        o, known ? kind_words[x->kind] : "unknown");
    }
    if (x->max_length < 1 || x->features < 1)
        return err_fail(ERR_USAGE, "observable %d: a set of %ld elements of %ld features", o,
                        (long)x->max_length, (long)x->features);
    return OK;
}

static err_t check_shapes(const amortizer_config_t *c)
{
    TRY(check_range("parameters", c->n_parameters, 1, 256));
    TRY(check_range("observables", c->n_observables, 1, GRAPH_MAX_GROUPS));
    TRY(check_range("design", c->n_design, 0, 1e6));
    for (int j = 0; j < c->n_parameters; j++)
        if (!(c->lower[j] < c->upper[j]))
            return err_fail(ERR_USAGE, "parameter %d: the support (%g, %g) is empty", j,
                            c->lower[j], c->upper[j]);
    for (int o = 0; o < c->n_observables; o++)
        TRY(check_observable(c, o));
    return OK;
}

static err_t check_summary(const amortizer_config_t *c)
{
    TRY(check_range("summary.summary_dim", c->summary.summary_dim, 1, 4096));
    TRY(check_range("summary.embed_dim", c->summary.embed_dim, 1, 4096));
    TRY(check_range("summary.depth", c->summary.depth, c->summary.golden ? 1 : 0, 16));
    TRY(check_range("summary.width", c->summary.width, 1, 4096));
    TRY(check_range("summary.n_hidden", c->summary.n_hidden, 1, MLP_MAX_BLOCKS));
    TRY(check_range("summary.dropout", (double)c->summary.dropout, 0, 0.9));
    if (c->summary.golden &&
        (c->summary.embed_dim % 4 != 0 || c->summary.width != c->summary.embed_dim))
        return err_fail(
            ERR_USAGE,
            "summary.golden: embed_dim %d and width %d, expected two equal multiples of 4",
            c->summary.embed_dim, c->summary.width);
    if (!c->summary.golden && !c->summary.elements && !c->summary.moments && !c->summary.quantiles)
        return err_fail(
            ERR_USAGE,
            "summary: elements, moments and quantiles are all off: nothing is read of a set");
    return OK;
}

static err_t check_inference(const amortizer_config_t *c)
{
    TRY(check_range("inference.depth", c->inference.depth, 1, 64));
    TRY(check_range("inference.width", c->inference.width, 1, 4096));
    TRY(check_range("inference.n_hidden", c->inference.n_hidden, 1, MLP_MAX_BLOCKS));
    TRY(check_range("inference.bins", c->inference.bins, 2, SPLINE_MAX_BINS));
    TRY(check_range("inference.dropout", (double)c->inference.dropout, 0, 0.9));
    double least = fmax(1.0, 0.1 * c->inference.bins) / 2.0;
    if (!(c->inference.half_width > least && c->inference.half_width <= 1e3))
        return err_fail(
            ERR_USAGE,
            "inference.half_width: %g is out of range, expected above %g (for %d bins) and up to "
            "1000",
            c->inference.half_width, least, c->inference.bins);
    return OK;
}

err_t amortizer_config_check(const amortizer_config_t *config)
{
    TRY(check_shapes(config));
    TRY(check_summary(config));
    return check_inference(config);
}

static const char *flag(bool on)
{
    return on ? "true" : "false";
}

static void write_real(FILE *out, double x)
{
    if (isinf(x))
        fputs(x > 0.0 ? ".inf" : "-.inf", out);
    else
        fprintf(out, "%.17g", x);
}

static void write_bounds(FILE *out, const char *key, int n, const double *x)
{
    fprintf(out, "%s: [", key);
    for (int j = 0; j < n; j++) {
        fputs(j ? ", " : "", out);
        write_real(out, x[j]);
    }
    fputs("]\n", out);
}

static void write_summary(FILE *out, const amortizer_config_t *c)
{
    fprintf(out,
            "summary:\n  type: %s\n  summary_dim: %d\n  embed_dim: %d\n  depth: %d\n  width: %d\n"
            "  n_hidden: %d\n  golden: %s\n  elements: %s\n  moments: %s\n  quantiles: %s\n"
            "  dropout: %.9g\n",
            summary_words[c->summary.type], c->summary.summary_dim, c->summary.embed_dim,
            c->summary.depth, c->summary.width, c->summary.n_hidden, flag(c->summary.golden),
            flag(c->summary.elements), flag(c->summary.moments), flag(c->summary.quantiles),
            (double)c->summary.dropout);
}

static void write_inference(FILE *out, const amortizer_config_t *c)
{
    fprintf(out,
            "inference:\n  type: %s\n  transform: %s\n  depth: %d\n  width: %d\n  n_hidden: %d\n"
            "  bins: %d\n  half_width: %.17g\n  whiten: %s\n  golden: %s\n  dropout: %.9g\n",
            inference_words[c->inference.type], transform_words[c->inference.transform],
            c->inference.depth, c->inference.width, c->inference.n_hidden, c->inference.bins,
            c->inference.half_width, flag(c->inference.whiten), flag(c->inference.golden),
            (double)c->inference.dropout);
}

char *amortizer_config_text(const amortizer_config_t *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out, "no memory for a text");
    fprintf(out, "design: %d\n", c->n_design);
    write_bounds(out, "lower", c->n_parameters, c->lower);
    write_bounds(out, "upper", c->n_parameters, c->upper);
    fputs("observables:\n", out);
    for (int o = 0; o < c->n_observables; o++)
        fprintf(out, "  - {kind: %s, max_length: %ld, features: %ld}\n",
                kind_words[c->observables[o].kind], (long)c->observables[o].max_length,
                (long)c->observables[o].features);
    write_summary(out, c);
    write_inference(out, c);
    CHECK(fclose(out) == 0, "no memory for a text");
    return text;
}

static void take_summary(const text_config_t *t, amortizer_config_t *c)
{
    c->summary.type = (summary_type_t)t->summary.type;
    c->summary.summary_dim = (int)t->summary.summary_dim;
    c->summary.embed_dim = (int)t->summary.embed_dim;
    c->summary.depth = (int)t->summary.depth;
    c->summary.width = (int)t->summary.width;
    c->summary.n_hidden = (int)t->summary.n_hidden;
    c->summary.golden = t->summary.golden;
    c->summary.elements = t->summary.elements;
    c->summary.moments = t->summary.moments;
    c->summary.quantiles = t->summary.quantiles;
    c->summary.dropout = (float)t->summary.dropout;
}

static void take_inference(const text_config_t *t, amortizer_config_t *c)
{
    c->inference.type = (inference_type_t)t->inference.type;
    c->inference.transform = (flow_transform_t)t->inference.transform;
    c->inference.depth = (int)t->inference.depth;
    c->inference.width = (int)t->inference.width;
    c->inference.n_hidden = (int)t->inference.n_hidden;
    c->inference.bins = (int)t->inference.bins;
    c->inference.half_width = t->inference.half_width;
    c->inference.whiten = t->inference.whiten;
    c->inference.golden = t->inference.golden;
    c->inference.dropout = (float)t->inference.dropout;
}

static err_t take_observables(yaml_node_ref_t list, arena_t *arena, amortizer_config_t *c)
{
    if (yaml_node_kind(list) != YAML_KIND_SEQUENCE)
        return yaml_node_error(list, "observables: expected a list");
    c->n_observables = yaml_node_count(list);
    c->observables = ARENA_NEW(arena, struct amortizer_observable, c->n_observables);
    for (int o = 0; o < c->n_observables; o++) {
        text_observable_t x = {0};
        TRY(yaml_fill(yaml_node_item(list, o), observable_fields, arena, &x));
        c->observables[o] = (struct amortizer_observable){x.kind, x.max_length, x.features};
    }
    return OK;
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
                              .lower = t.lower.at,
                              .upper = t.upper.at};
    TRY(take_observables(t.observables, arena, c));
    take_summary(&t, c);
    take_inference(&t, c);
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
