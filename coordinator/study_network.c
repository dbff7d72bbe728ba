// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_network.h"

#include "nn/network_fields.h"
#include "storage/schema_array.h"

#include <stdlib.h>
#include <string.h>

static const char *const size_words[] = {"small", "base", "large", NULL};
static const char *const architecture_words[] = {"default", "bayesflow", NULL};
static const char *const common_keys[] = {"type", "architecture", "size", NULL};

enum { LINE_WIDTH = 110 };

typedef struct {
    int size;
    int64_t members;
    yaml_node_ref_t summary, observables, inference;
} section_t;

// clang-format off
#define AT(member) offsetof(section_t, member)
static const yaml_field_t section_fields[] = {
    {.key = "size", .type = YAML_WORD, .offset = AT(size), .fallback = "base", .words = size_words},
    {.key = "ensemble", .type = YAML_INTEGER, .offset = AT(members), .fallback = "1", .low = 1, .high = AMORTIZER_MAX_MEMBERS},
    {.key = "summary", .type = YAML_NODE, .offset = AT(summary)},
    {.key = "observables", .type = YAML_NODE, .offset = AT(observables)},
    {.key = "inference", .type = YAML_NODE, .offset = AT(inference)},
    {0}};
#undef AT
// clang-format on

// What every network's map may say beside its own fields.
typedef struct {
    int type; // -1: not said
    network_size_t size;
    bool peer;
} common_t;

/* ---- words ---- */

static err_t take_word(yaml_node_ref_t node, const char *const *words, int *out)
{
    const char *text = yaml_node_text(node), *nearest;
    int n = 0;
    if (yaml_node_kind(node) == YAML_KIND_ABSENT)
        return OK;
    for (; words[n] != NULL; n++)
        if (text != NULL && strcmp(text, words[n]) == 0) {
            *out = n;
            return OK;
        }
    char got[YAML_SHOW_CAP], list[512] = "";
    for (int k = 0; k < n; k++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", k ? ", " : "", words[k]);
    nearest = text ? yaml_nearest(text, n, words) : NULL;
    return yaml_node_error(node,
                           nearest ? "got %s, expected one of %s; did you mean \"%s\"?"
                                   : "got %s, expected one of %s",
                           yaml_node_show(node, got), list, nearest);
}

static err_t take_common(yaml_node_ref_t map, const char *const *types, common_t *out)
{
    int peer = out->peer, size = (int)out->size;
    TRY(take_word(yaml_node_get(map, "type"), types, &out->type));
    TRY(take_word(yaml_node_get(map, "architecture"), architecture_words, &peer));
    TRY(take_word(yaml_node_get(map, "size"), size_words, &size));
    out->peer = peer != 0;
    out->size = (network_size_t)size;
    return OK;
}

static err_t must_be_map(yaml_node_ref_t node)
{
    char got[YAML_SHOW_CAP];
    yaml_kind_t kind = yaml_node_kind(node);
    if (kind == YAML_KIND_ABSENT || kind == YAML_KIND_MAPPING || yaml_node_null(node))
        return OK;
    return yaml_node_error(node, "got %s, expected a map of keys and values",
                           yaml_node_show(node, got));
}

/* ---- before the model is known ---- */

static err_t check_one(yaml_node_ref_t map, const network_field_t *fields, const char *const *types)
{
    common_t common = {.type = -1};
    TRY(must_be_map(map));
    TRY(take_common(map, types, &common));
    return network_fields_check(map, fields, common_keys);
}

static err_t read_section(yaml_node_ref_t network, section_t *out)
{
    arena_t *arena = arena_create(); // no text is read, so nothing stays in it
    err_t err = yaml_fill(network, section_fields, arena, out);
    arena_destroy(&arena);
    return err;
}

/* Words of other programs for what follows here from the model's declaration. */
static err_t check_routing(yaml_node_ref_t network)
{
    static const char *const words[] = {"conditions",         "inference_conditions",
                                        "summary_variables",  "inference_variables",
                                        "summary_conditions", "routing"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        yaml_node_ref_t node = yaml_node_get(network, words[i]);
        if (yaml_node_kind(node) != YAML_KIND_ABSENT)
            return yaml_node_error(
                node, "there is nothing to route, leave it out: parameters are inferred, design "
                      "variables are conditions, and a set, a series or an image is read by a "
                      "summary network of its own, never as a condition");
    }
    return OK;
}

/* `summary: {y: {...}}`: what is meant for one observable. */
static err_t check_place(yaml_node_ref_t summary)
{
    for (int i = 0; i < yaml_node_count(summary); i++)
        if (yaml_node_kind(yaml_node_item(summary, i)) == YAML_KIND_MAPPING)
            return yaml_node_error(yaml_node_key_ref(summary, i),
                                   "no setting of all summary networks is a map; one of observable "
                                   "%s stands below network.observables: {%s: {...}}",
                                   yaml_node_key(summary, i), yaml_node_key(summary, i));
    return OK;
}

err_t study_network_check(yaml_node_ref_t network)
{
    section_t section = {0};
    TRY(check_routing(network));
    TRY(check_place(yaml_node_get(network, "summary")));
    TRY(read_section(network, &section));
    TRY(check_one(section.summary, summary_fields, summary_type_words));
    TRY(check_one(section.inference, inference_fields, inference_type_words));
    yaml_node_ref_t own = section.observables;
    TRY(must_be_map(own));
    for (int i = 0; i < yaml_node_count(own); i++)
        TRY(check_one(yaml_node_item(own, i), summary_fields, summary_type_words));
    return OK;
}

/* ---- for a model ---- */

static bool applies(int type, observable_kind_t kind)
{
    return type < 0 || summary_table[type]->kind == kind;
}

/* "deep_set or set_transformer": the networks that read this kind. */
static void name_networks(observable_kind_t kind, size_t cap, char *out)
{
    out[0] = '\0';
    for (int t = 0; t < SUMMARY_TYPES; t++)
        if (summary_table[t]->kind == kind)
            snprintf(out + strlen(out), cap - strlen(out), "%s%s", out[0] ? " or " : "",
                     summary_type_words[t]);
}

/* Two learned summaries a parameter, where the network's own number is fewer; of very many parameters one. */
static void widen(summary_config_t *summary, int n_parameters)
{
    enum { EACH = 2, MANY = 256 };
    int most = n_parameters > MANY ? n_parameters : MANY;
    int wanted = EACH * n_parameters < most ? EACH * n_parameters : most;
    if (summary->summary_dim > 0 && summary->summary_dim < wanted)
        summary->summary_dim = wanted;
}

/* An image of parameters is drawn from an image, not from a few summaries. */
static bool is_image(const amortizer_config_t *c)
{
    return c->inference.net.subnet == SUBNET_UNET;
}

static err_t read_observable(yaml_node_ref_t network, const char *name, network_size_t size,
                             amortizer_config_t *c, int o, bool *used)
{
    yaml_node_ref_t all = yaml_node_get(network, "summary");
    yaml_node_ref_t own = yaml_node_get(yaml_node_get(network, "observables"), name);
    observable_kind_t kind = c->observables[o].kind;
    common_t shared = {.type = -1, .size = size};
    TRY(take_common(all, summary_type_words, &shared));
    bool take_all = applies(shared.type, kind);
    common_t common = take_all ? shared : (common_t){.type = -1, .size = size};
    TRY(take_common(own, summary_type_words, &common));
    if (common.type < 0)
        common.type = (int)summary_type_for(kind, common.peer);
    if (!applies(common.type, kind)) {
        char networks[256];
        name_networks(kind, sizeof networks, networks);
        return yaml_node_error(
            yaml_node_get(own, "type"),
            "%s reads a %s, and observable \"%s\" is a %s, which needs a summary "
            "network of its own kind: expected %s, or leave it out",
            summary_type_words[common.type], kind_name((kind_t)summary_table[common.type]->kind),
            name, kind_name((kind_t)kind), networks);
    }
    amortizer_config_summary(c, o, (summary_type_t)common.type, common.size, common.peer);
    if (!is_image(c))
        widen(&c->observables[o].summary, c->n_parameters);
    *used |= take_all;
    if (take_all && (shared.type < 0 || shared.type == common.type))
        TRY(network_fields_read(all, summary_fields, common.type, summary_type_words, common_keys,
                                &c->observables[o].summary));
    return network_fields_read(own, summary_fields, common.type, summary_type_words, common_keys,
                               &c->observables[o].summary);
}

static bool has_observable(const adapter_shape_t *shape, const char *name)
{
    for (int o = 0; o < shape->n_observables; o++)
        if (strcmp(shape->observables[o].name, name) == 0)
            return true;
    return false;
}

static err_t read_observables(yaml_node_ref_t network, const adapter_shape_t *shape,
                              const char *model, network_size_t size, amortizer_config_t *c)
{
    yaml_node_ref_t own = yaml_node_get(network, "observables"),
                    type = yaml_node_get(yaml_node_get(network, "summary"), "type");
    const adapter_observable_t *first = &shape->observables[0];
    bool used = false;
    for (int i = 0; i < yaml_node_count(own); i++)
        if (!has_observable(shape, yaml_node_key(own, i)))
            return yaml_node_error(yaml_node_key_ref(own, i),
                                   "model \"%s\" has no such observable; its first is \"%s\"",
                                   model, first->name);
    for (int o = 0; o < shape->n_observables; o++)
        TRY(read_observable(network, shape->observables[o].name, size, c, o, &used));
    if (used)
        return OK;
    char networks[256];
    name_networks(first->kind, sizeof networks, networks);
    return yaml_node_error(
        type,
        "%s reads none of the observables of model \"%s\": \"%s\" is a %s, which "
        "needs a summary network of its own kind: expected %s, or leave it out",
        yaml_node_text(type), model, first->name, kind_name((kind_t)first->kind), networks);
}

/* Fewer numbers than parameters can not tell their posteriors apart. What is read as it is, is not ours to change. */
static err_t check_summaries(yaml_node_ref_t network, const adapter_shape_t *shape,
                             const amortizer_config_t *c)
{
    int64_t all = 0;
    yaml_node_ref_t said = {0};
    for (int o = 0; o < c->n_observables; o++) {
        const summary_config_t *summary = &c->observables[o].summary;
        yaml_node_ref_t own =
            yaml_node_get(yaml_node_get(network, "observables"), shape->observables[o].name);
        bool learned = summary->type != SUMMARY_IDENTITY;
        all += learned ? summary->summary_dim : c->observables[o].features;
        if (learned && yaml_node_kind(said) == YAML_KIND_ABSENT)
            said = yaml_node_get(own, "summary_dim");
    }
    if (yaml_node_kind(said) == YAML_KIND_ABSENT)
        said = yaml_node_get(yaml_node_get(network, "summary"), "summary_dim");
    if (is_image(c) || all >= c->n_parameters || yaml_node_kind(said) == YAML_KIND_ABSENT)
        return OK;
    return yaml_node_error(said,
                           "%ld learned summaries in all for %d parameters, expected at least as "
                           "many, and two a parameter are usual: leave it out",
                           (long)all, c->n_parameters);
}

/* ---- images to be inferred ---- */

// The kept parameter that is an image; .n is 0 where there is none.
static schema_variable_t kept_image(const adapter_t *adapter, const schema_t *model)
{
    const int *which;
    int n = adapter_kept(adapter, &which);
    for (int k = 0; k < n; k++) {
        const schema_parameter_t *p = &model->parameters[which[k]];
        if (p->n_dims >= 2)
            return schema_variable_named(model, p->array);
    }
    return (schema_variable_t){0};
}

static err_t check_alone(const adapter_t *adapter, const schema_t *model,
                         const schema_variable_t *image)
{
    const int *which;
    int n = adapter_kept(adapter, &which);
    for (int k = 0; k < n; k++) {
        const schema_parameter_t *p = &model->parameters[which[k]];
        if (which[k] < image->first || which[k] >= image->first + image->n)
            return err_fail(ERR_USAGE,
                            "model %s: %s is an image, which is inferred alone, by a unet; %s is "
                            "beside it: drop one of them (adapter: - drop: [%s])",
                            model->name, image->name, p->array ? p->array : p->name,
                            p->array ? p->array : p->name);
    }
    return OK;
}

static void make_unet(const schema_variable_t *image, time_net_config_t *net)
{
    net->subnet = SUBNET_UNET;
    net->height = image->dims[0];
    net->image_width = image->dims[1];
    net->channels = image->n_dims > 2 ? image->dims[2] : 1;
}

static err_t check_image(yaml_node_ref_t map, const schema_variable_t *image,
                         const amortizer_config_t *c)
{
    const time_net_config_t *net = &c->inference.net;
    time_net_config_t right;
    char *dims = schema_variable_dims(image);
    err_t err = OK;
    make_unet(image, &right);
    if (c->inference.type != INFERENCE_DIFFUSION || net->subnet != SUBNET_UNET)
        err = yaml_node_error(map,
                              "%s is an image of %s, and %s%s does not see which pixels are "
                              "neighbours: expected {type: diffusion, subnet: unet}, which is "
                              "chosen where `type` and `subnet` are left out",
                              image->name, dims, inference_type_words[c->inference.type],
                              c->inference.type == INFERENCE_DIFFUSION ? " without a unet" : "");
    else if (net->height != right.height || net->image_width != right.image_width ||
             net->channels != right.channels)
        err = yaml_node_error(map,
                              "a unet for images of %ld x %ld x %ld, but %s is %s: leave "
                              "image_height, image_width and image_channels out",
                              (long)net->height, (long)net->image_width, (long)net->channels,
                              image->name, dims);
    free(dims);
    return err;
}

static err_t read_inference(yaml_node_ref_t network, network_size_t size,
                            const schema_variable_t *image, amortizer_config_t *c)
{
    yaml_node_ref_t map = yaml_node_get(network, "inference");
    common_t common = {.type = image->n > 0 ? INFERENCE_DIFFUSION : INFERENCE_COUPLING_FLOW,
                       .size = size};
    TRY(take_common(map, inference_type_words, &common));
    amortizer_config_inference(c, (inference_type_t)common.type, common.size, common.peer);
    if (image->n > 0 && common.type == INFERENCE_DIFFUSION)
        make_unet(image, &c->inference.net);
    TRY(network_fields_read(map, inference_fields, common.type, inference_type_words, common_keys,
                            &c->inference));
    return image->n > 0 ? check_image(map, image, c) : OK;
}

err_t study_network_read(yaml_node_ref_t network, const adapter_t *adapter, const schema_t *model,
                         amortizer_config_t *out)
{
    section_t section = {0};
    schema_variable_t image = kept_image(adapter, model);
    TRY(read_section(network, &section));
    network_size_t size = (network_size_t)section.size;
    out->members = (int)section.members;
    if (image.n > 0)
        TRY(check_alone(adapter, model, &image));
    const adapter_shape_t *shape = adapter_after(adapter);
    TRY(read_inference(network, size, &image, out)); // first: an image asks for no summaries
    TRY(read_observables(network, shape, model->name, size, out));
    TRY(check_summaries(network, shape, out));
    amortizer_config_route(out);
    return amortizer_config_check(out);
}

/* ---- help ---- */

static void print_line(FILE *out, int indent, const char *key, const char *value, const char *help)
{
    int width = indent + (int)strlen(key) + 2 + (int)strlen(value);
    fprintf(out, "%*s%s: %s%*s# %s\n", indent, "", key, value, width < 30 ? 31 - width : 1, "",
            help);
}

// Each key once, with the first help there is.
static void print_keys(FILE *out, const network_field_t *fields)
{
    for (const network_field_t *f = fields; f->key != NULL; f++) {
        bool before = false;
        for (const network_field_t *g = fields; g < f; g++)
            before |= strcmp(g->key, f->key) == 0;
        if (!before)
            print_line(out, 6, f->key, "", f->help);
    }
}

// "      # mlp: {summary_dim: 32, width: 128, ...}", broken between settings.
static void print_defaults(FILE *out, const char *word, const network_field_t *fields, int type,
                           const void *config)
{
    char *text = NULL, *line, *rest;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    CHECK(lines != NULL, "out of memory");
    network_fields_write(lines, 0, fields, type, config);
    fclose(lines);
    int at = fprintf(out, "      # %s: {", word);
    rest = text;
    for (bool first = true; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';
         first = false) {
        if (at + (int)strlen(line) > LINE_WIDTH)
            at = fprintf(out, "%s\n      #     %s", first ? "" : ",", line) - 2;
        else
            at += fprintf(out, "%s%s", first ? "" : ", ", line);
    }
    fputs("}\n", out);
    free(text);
}

static void join_words(const char *const *words, size_t cap, char *out)
{
    out[0] = '\0';
    for (int k = 0; words[k] != NULL; k++)
        snprintf(out + strlen(out), cap - strlen(out), "%s%s", k ? ", " : "", words[k]);
}

static void print_section(FILE *out, const char *key, const char *help, const char *type,
                          const network_field_t *fields, const char *const *types)
{
    char words[512];
    print_line(out, 4, key, "", help);
    join_words(types, sizeof words, words);
    print_line(out, 6, "type", type, words);
    print_line(out, 6, "architecture", "default", "ours, or that of BayesFlow 2.1: bayesflow");
    print_line(out, 6, "size", "", "small, base or large: what is not set; default: network.size");
    print_keys(out, fields);
}

void study_network_print(FILE *out)
{
    print_line(out, 2, "network", "",
               "what is trained; a setting left out is chosen by type and size");
    print_line(out, 4, "size", "base", "small, base or large");
    print_line(out, 4, "ensemble", "1", "networks that are trained together and draw in turn");
    print_section(out, "summary", "observables to summaries", "", summary_fields,
                  summary_type_words);
    for (int t = 0; t < SUMMARY_TYPES; t++) {
        amortizer_observable_t one;
        amortizer_config_t config = {.n_observables = 1, .observables = &one};
        amortizer_config_summary(&config, 0, (summary_type_t)t, SIZE_BASE, false);
        print_defaults(out, summary_type_words[t], summary_fields, t, &one.summary);
    }
    print_line(out, 4, "observables", "", "the same for one observable: {y: {type: ...}}");
    print_section(out, "inference", "summaries to posterior", "coupling_flow", inference_fields,
                  inference_type_words);
    for (int t = 0; t < INFERENCE_TYPES; t++) {
        amortizer_config_t config;
        amortizer_config_inference(&config, (inference_type_t)t, SIZE_BASE, false);
        print_defaults(out, inference_type_words[t], inference_fields, t, &config.inference);
    }
    amortizer_config_t unet;
    amortizer_config_inference(&unet, INFERENCE_DIFFUSION, SIZE_BASE, false);
    unet.inference.net.subnet = SUBNET_UNET;
    print_defaults(out, "diffusion with subnet unet", inference_fields, INFERENCE_DIFFUSION,
                   &unet.inference);
}
