// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(study_t, member)

static const char *const summary_words[] = {"deep_set", NULL};       // as summary_type_t
static const char *const architecture_words[] = {"default", "bayesflow", NULL};
static const char *const inference_words[] = {"coupling_flow", NULL}; // as inference_type_t
static const char *const transform_words[] = {"affine", "spline", NULL}; // as flow_transform_t

static const yaml_field_t model_fields[] = {
    {.key = "builtin", .type = YAML_TEXT, .offset = AT(model.builtin), .help = "a built-in simulator: see `infermill models`"},
    {.key = "plugin", .type = YAML_TEXT, .offset = AT(model.plugin), .help = "a shared object written against infermill/simulator.h"},
    {0}};

static const yaml_field_t bank_fields[] = {
    {.key = "path", .type = YAML_TEXT, .offset = AT(bank.path), .fallback = "bank", .help = "folder of the bank"},
    {.key = "rows", .type = YAML_INTEGER, .offset = AT(bank.rows), .fallback = "20000", .low = 1, .high = 1e12, .help = "simulations"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(bank.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "row i is a function of (seed, i)"},
    {.key = "shard_rows", .type = YAML_INTEGER, .offset = AT(bank.shard_rows), .fallback = "4096", .low = 256, .high = 1e7, .help = "rows of one file, a multiple of 256"},
    {0}};

static const yaml_field_t summary_fields[] = {
    {.key = "type", .type = YAML_WORD, .offset = AT(network.summary.type), .fallback = "deep_set", .words = summary_words, .help = "network that reads the observables"},
    {.key = "architecture", .type = YAML_WORD, .offset = AT(network.summary.architecture), .fallback = "default", .words = architecture_words, .help = "ours, or that of BayesFlow 2.1"},
    {.key = "summary_dim", .type = YAML_INTEGER, .offset = AT(network.summary.summary_dim), .fallback = "0", .low = 0, .high = 1024, .help = "learned summaries; 0: by the type"},
    {.key = "embed_dim", .type = YAML_INTEGER, .offset = AT(network.summary.embed_dim), .fallback = "0", .low = 0, .high = 4096, .help = "width of the pooled embedding; 0: by the type"},
    {.key = "depth", .type = YAML_INTEGER, .offset = AT(network.summary.depth), .fallback = "0", .low = 0, .high = 64, .help = "layers of sets; 0: by the type"},
    {.key = "width", .type = YAML_INTEGER, .offset = AT(network.summary.width), .fallback = "0", .low = 0, .high = 8192, .help = "width of hidden layers; 0: by the type"},
    {.key = "hidden_layers", .type = YAML_INTEGER, .offset = AT(network.summary.hidden_layers), .fallback = "0", .low = 0, .high = 64, .help = "hidden layers of each MLP; 0: by the type"},
    {.key = "moments", .type = YAML_BOOL, .offset = AT(network.summary.moments), .fallback = "true", .help = "means and log sds of a set beside the learned summaries"},
    {.key = "quantiles", .type = YAML_BOOL, .offset = AT(network.summary.quantiles), .fallback = "true", .help = "quantiles of a set beside the learned summaries"},
    {.key = "elements", .type = YAML_BOOL, .offset = AT(network.summary.elements), .fallback = "true", .help = "a network over each element; without it moments and quantiles alone are read"},
    {0}};

static const yaml_field_t inference_fields[] = {
    {.key = "type", .type = YAML_WORD, .offset = AT(network.inference.type), .fallback = "coupling_flow", .words = inference_words, .help = "network that gives the posterior"},
    {.key = "transform", .type = YAML_WORD, .offset = AT(network.inference.transform), .fallback = "spline", .words = transform_words, .help = "of a coupling layer"},
    {.key = "depth", .type = YAML_INTEGER, .offset = AT(network.inference.depth), .fallback = "0", .low = 0, .high = 64, .help = "coupling layers; 0: by the type"},
    {.key = "width", .type = YAML_INTEGER, .offset = AT(network.inference.width), .fallback = "0", .low = 0, .high = 8192, .help = "width of hidden layers; 0: by the type"},
    {.key = "hidden_layers", .type = YAML_INTEGER, .offset = AT(network.inference.hidden_layers), .fallback = "0", .low = 0, .high = 64, .help = "hidden layers; 0: by the type"},
    {.key = "bins", .type = YAML_INTEGER, .offset = AT(network.inference.bins), .fallback = "0", .low = 0, .high = 256, .help = "of a spline; 0: by the type"},
    {.key = "dropout", .type = YAML_REAL, .offset = AT(network.inference.dropout), .fallback = "0", .low = 0, .high = 0.9, .help = "share of hidden units left out in training"},
    {0}};

static const yaml_field_t network_fields[] = {
    {.key = "summary", .type = YAML_MAP, .fields = summary_fields, .help = "observables to summaries"},
    {.key = "inference", .type = YAML_MAP, .fields = inference_fields, .help = "summaries to posterior"},
    {0}};

static const yaml_field_t train_fields[] = {
    {.key = "epochs", .type = YAML_INTEGER, .offset = AT(train.epochs), .fallback = "60", .low = 1, .high = 1e6, .help = "passes over the bank"},
    {.key = "batch_size", .type = YAML_INTEGER, .offset = AT(train.batch_size), .fallback = "64", .low = 1, .high = 1e6, .help = "rows of one step"},
    {.key = "slices", .type = YAML_INTEGER, .offset = AT(train.slices), .fallback = "0", .low = 0, .high = 65536, .help = "parts of a batch, dealt to ranks; 0: one for 16 rows"},
    {.key = "learning_rate", .type = YAML_REAL, .offset = AT(train.learning_rate), .fallback = "0.001", .low = 1e-9, .high = 10, .help = "its peak, after warm-up"},
    {.key = "warmup", .type = YAML_REAL, .offset = AT(train.warmup), .fallback = "0.05", .low = 0, .high = 0.9, .help = "share of all steps; a cosine to 0 follows"},
    {.key = "weight_decay", .type = YAML_REAL, .offset = AT(train.weight_decay), .fallback = "0.005", .low = 0, .high = 10, .help = "of AdamW"},
    {.key = "clip_norm", .type = YAML_REAL, .offset = AT(train.clip_norm), .fallback = "1.5", .low = 0, .high = 1e9, .help = "of the whole gradient; 0: none"},
    {.key = "average", .type = YAML_REAL, .offset = AT(train.average), .fallback = "0.999", .low = 0, .high = 0.999999, .help = "decay of the moving average of weights; 0: none"},
    {.key = "patience", .type = YAML_INTEGER, .offset = AT(train.patience), .fallback = "20", .low = 0, .high = 1e6, .help = "epochs without a better validation loss before an early stop; 0: never"},
    {.key = "validation_rows", .type = YAML_INTEGER, .offset = AT(train.validation_rows), .fallback = "1000", .low = 1, .high = 1e9, .help = "rows of the bank never trained on"},
    {.key = "subsets", .type = YAML_REAL, .offset = AT(train.subsets), .fallback = "0", .low = 0, .high = 1, .help = "share of data sets cut to a random smaller set (elements must be independent given the parameters)"},
    {.key = "window_rows", .type = YAML_INTEGER, .offset = AT(train.window_rows), .fallback = "65536", .low = 1, .high = 1e9, .help = "rows among which the order is shuffled"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(train.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of weights, order and dropout"},
    {0}};

static const yaml_field_t diagnose_fields[] = {
    {.key = "datasets", .type = YAML_INTEGER, .offset = AT(diagnose.datasets), .fallback = "300", .low = 10, .high = 1e7, .help = "held-out data sets"},
    {.key = "draws", .type = YAML_INTEGER, .offset = AT(diagnose.draws), .fallback = "1000", .low = 10, .high = 1e6, .help = "posterior draws of each"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(diagnose.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of the held-out data sets"},
    {.key = "calibration_error", .type = YAML_REAL, .offset = AT(diagnose.calibration_error), .fallback = "0.10", .low = 0, .high = 1, .help = "the gate's limit for every parameter"},
    {.key = "ecdf_deviation", .type = YAML_REAL, .offset = AT(diagnose.ecdf_deviation), .fallback = "0.10", .low = 0, .high = 1, .help = "the gate's limit for the largest deviation of the rank ECDF"},
    {.key = "band_level", .type = YAML_REAL, .offset = AT(diagnose.band_level), .fallback = "0.95", .low = 0.5, .high = 0.9999, .help = "of the simultaneous bands, family-wise over the parameters"},
    {.key = "minimum_datasets", .type = YAML_INTEGER, .offset = AT(diagnose.minimum_datasets), .fallback = "300", .low = 1, .high = 1e7, .help = "the gate does not pass on fewer"},
    {0}};

typedef struct {
    study_t study;
    yaml_node_ref_t columns; // walked by hand
} study_target_t;

static const yaml_field_t infer_fields[] = {
    {.key = "data", .type = YAML_TEXT, .offset = AT(infer.data), .help = "real data sets: CSV in long form, or HDF5"},
    {.key = "out", .type = YAML_TEXT, .offset = AT(infer.out), .help = "posterior file; default: posterior.h5 in the study's folder of results"},
    {.key = "id", .type = YAML_TEXT, .offset = AT(infer.id), .fallback = "id", .help = "CSV column that tells data sets apart"},
    {.key = "columns", .type = YAML_NODE, .offset = offsetof(study_target_t, columns), .help = "observable: CSV column, or {value: column, sign: column}, or [columns]"},
    {.key = "draws", .type = YAML_INTEGER, .offset = AT(infer.draws), .fallback = "1000", .low = 1, .high = 1e7, .help = "posterior draws of each data set"},
    {.key = "seed", .type = YAML_INTEGER, .offset = AT(infer.seed), .fallback = "1", .low = 0, .high = 9e15, .help = "of the draws"},
    {0}};

static const yaml_field_t study_fields[] = {
    {.key = "study", .type = YAML_TEXT, .offset = AT(name), .required = true, .help = "name; results go to a folder of this name"},
    {.key = "model", .type = YAML_MAP, .fields = model_fields, .required = true, .help = "the simulator"},
    {.key = "bank", .type = YAML_MAP, .fields = bank_fields, .help = "simulations on disk"},
    {.key = "network", .type = YAML_MAP, .fields = network_fields, .help = "what is trained"},
    {.key = "train", .type = YAML_MAP, .fields = train_fields, .help = "how it is trained"},
    {.key = "diagnose", .type = YAML_MAP, .fields = diagnose_fields, .help = "how it is checked"},
    {.key = "infer", .type = YAML_MAP, .fields = infer_fields, .help = "real data"},
    {.key = "stop_grace", .type = YAML_REAL, .offset = AT(stop_grace), .fallback = "60", .low = 0, .high = 1e6, .help = "seconds a running draw may go on after a request to stop"},
    {0}};

static char *slug_of(arena_t *arena, const char *name)
{
    char *slug = arena_copy_text(arena, name);
    size_t n = 0;
    for (const char *c = name; *c; c++) {
        if (isalnum((unsigned char)*c) || *c == '_')
            slug[n++] = (char)tolower((unsigned char)*c);
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n > 0 && slug[n - 1] == '-')
        n--;
    slug[n] = '\0';
    return slug;
}

static char *path_in(const study_t *study, const char *path)
{
    if (path == NULL || path[0] == '/' || strcmp(study->folder, ".") == 0)
        return arena_copy_text(study->arena, path);
    return arena_format(study->arena, "%s/%s", study->folder, path);
}

static char *folder_of(arena_t *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return arena_copy_text(arena, ".");
    return slash == path ? arena_copy_text(arena, "/") : arena_format(arena, "%.*s", (int)(slash - path), path);
}

static err_t columns_list(study_t *study, yaml_node_ref_t node, study_columns_t *out)
{
    out->n_columns = yaml_node_count(node);
    out->columns = ARENA_NEW(study->arena, char *, out->n_columns + 1);
    for (int i = 0; i < out->n_columns; i++) {
        const char *text = yaml_node_text(yaml_node_item(node, i));
        if (text == NULL)
            return yaml_node_error(node, "infer.columns.%s: expected names of CSV columns", out->observable);
        out->columns[i] = arena_copy_text(study->arena, text);
    }
    return OK;
}

static err_t columns_one(study_t *study, yaml_node_ref_t node, const char *name, study_columns_t *out)
{
    out->n_columns = 1;
    out->columns = ARENA_NEW(study->arena, char *, 1);
    out->columns[0] = arena_copy_text(study->arena, yaml_node_text(node));
    if (out->columns[0] == NULL)
        return yaml_node_error(node, "infer.columns.%s: expected the name of a CSV column", name);
    return OK;
}

static err_t columns_map(study_t *study, yaml_node_ref_t node, study_columns_t *out)
{
    static const char *const keys[] = {"value", "sign"};
    for (int i = 0; i < yaml_node_count(node); i++) {
        const char *key = yaml_node_key(node, i);
        if (strcmp(key, "value") != 0 && strcmp(key, "sign") != 0)
            return yaml_node_error(node, "infer.columns.%s: unknown key \"%s\"; did you mean \"%s\"?", out->observable,
                                   key, yaml_nearest(key, 2, keys) ? yaml_nearest(key, 2, keys) : "value");
    }
    yaml_node_ref_t value = yaml_node_get(node, "value"), sign = yaml_node_get(node, "sign");
    if (yaml_node_kind(value) != YAML_KIND_SCALAR)
        return yaml_node_error(node, "infer.columns.%s: expected value: COLUMN", out->observable);
    TRY(columns_one(study, value, out->observable, out));
    out->sign = arena_copy_text(study->arena, yaml_node_text(sign));
    return OK;
}

static err_t columns_read(study_t *study, yaml_node_ref_t map)
{
    if (yaml_node_kind(map) == YAML_KIND_ABSENT)
        return OK;
    if (yaml_node_kind(map) != YAML_KIND_MAPPING)
        return yaml_node_error(map, "infer.columns: expected a mapping from observables to CSV columns");
    study->infer.n_columns = yaml_node_count(map);
    study->infer.columns = ARENA_NEW(study->arena, study_columns_t, study->infer.n_columns + 1);
    for (int i = 0; i < study->infer.n_columns; i++) {
        study_columns_t *out = &study->infer.columns[i];
        yaml_node_ref_t node = yaml_node_item(map, i);
        out->observable = arena_copy_text(study->arena, yaml_node_key(map, i));
        switch (yaml_node_kind(node)) {
        case YAML_KIND_MAPPING:
            TRY(columns_map(study, node, out));
            break;
        case YAML_KIND_SEQUENCE:
            TRY(columns_list(study, node, out));
            break;
        case YAML_KIND_SCALAR:
        case YAML_KIND_ABSENT:
            TRY(columns_one(study, node, out->observable, out));
            break;
        }
    }
    return OK;
}

static err_t study_check(study_t *s, yaml_node_ref_t root)
{
    if (s->slug[0] == '\0')
        return yaml_node_error(yaml_node_get(root, "study"), "study: \"%s\" has no letter or digit", s->name);
    if ((s->model.builtin != NULL) == (s->model.plugin != NULL))
        return yaml_node_error(yaml_node_get(root, "model"), "model: expected one of builtin and plugin");
    if (s->bank.shard_rows % 256 != 0)
        return yaml_node_error(yaml_node_get(root, "bank"), "bank.shard_rows: got %ld, expected a multiple of 256",
                               (long)s->bank.shard_rows);
    if (s->train.slices == 0)
        s->train.slices = s->train.batch_size >= 16 ? s->train.batch_size / 16 : 1;
    if (s->train.batch_size % s->train.slices != 0)
        return yaml_node_error(yaml_node_get(root, "train"),
                               "train.batch_size: got %ld, expected a multiple of train.slices (%ld)",
                               (long)s->train.batch_size, (long)s->train.slices);
    if (s->train.validation_rows * 2 > s->bank.rows)
        return yaml_node_error(yaml_node_get(root, "train"),
                               "train.validation_rows: got %ld, expected at most half of bank.rows (%ld)",
                               (long)s->train.validation_rows, (long)s->bank.rows);
    return OK;
}

static err_t study_fill(study_t *study, yaml_node_ref_t root)
{
    study_target_t target = {.study = *study};
    TRY(yaml_fill(root, study_fields, study->arena, &target));
    *study = target.study;
    study->slug = slug_of(study->arena, study->name);
    TRY(columns_read(study, target.columns));
    study->bank.path = path_in(study, study->bank.path);
    study->model.plugin = path_in(study, study->model.plugin);
    study->infer.data = path_in(study, study->infer.data);
    study->infer.out = path_in(study, study->infer.out);
    return study_check(study, root);
}

err_t study_parse(const char *text, const char *path, study_t *out)
{
    memset(out, 0, sizeof *out);
    study_t study = {.arena = arena_create()};
    study.path = arena_copy_text(study.arena, path);
    study.folder = folder_of(study.arena, path);
    study.text = arena_copy_text(study.arena, text);
    yaml_doc_t *doc = NULL;
    err_t err;
    TRY_TO(done, yaml_read_text(text, path, &doc));
    TRY_TO(done, study_fill(&study, yaml_root(doc)));
done:
    yaml_close(&doc);
    if (err != OK)
        arena_destroy(&study.arena);
    else
        *out = study;
    return err;
}

static err_t read_whole(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "study file %s", path);
    enum { LIMIT = 1 << 20 };
    char *text = mem_alloc(LIMIT + 1, 1);
    size_t n = fread(text, 1, LIMIT + 1, file);
    bool failed = ferror(file) != 0;
    err_t err = failed ? err_errno(ERR_IO, "study file %s", path) : OK;
    fclose(file);
    if (!failed && n > LIMIT)
        err = err_fail(ERR_USAGE, "study file %s: larger than 1 MiB, expected a study in YAML", path);
    if (err == OK && memchr(text, '\0', n) != NULL)
        err = err_fail(ERR_USAGE, "study file %s: holds a NUL byte, expected a study in YAML", path);
    if (err != OK) {
        free(text);
        return err;
    }
    text[n] = '\0';
    *out = text;
    return OK;
}

err_t study_read(const char *path, study_t *out)
{
    char *text = NULL;
    memset(out, 0, sizeof *out);
    TRY(read_whole(path, &text));
    err_t err = study_parse(text, path, out);
    free(text);
    return err;
}

void study_free(study_t *study)
{
    arena_destroy(&study->arena);
    memset(study, 0, sizeof *study);
}

err_t study_simulator(const study_t *study, simulator_t **out)
{
    if (study->model.builtin != NULL)
        return err_context(simulator_load_builtin(study->model.builtin, out), "%s: model.builtin", study->path);
    return err_context(simulator_load_plugin(study->model.plugin, out), "%s: model.plugin", study->path);
}

#define OVERRIDE(target, setting)                                                                  \
    do {                                                                                           \
        if ((setting) != 0)                                                                        \
            (target) = (int)(setting);                                                             \
    } while (0)

static void network_settings(const study_t *s, amortizer_config_t *c)
{
    c->summary.type = (summary_type_t)s->network.summary.type;
    c->summary.golden = s->network.summary.architecture == 1;
    c->summary.moments = s->network.summary.moments && !c->summary.golden;
    c->summary.quantiles = s->network.summary.quantiles && !c->summary.golden;
    c->summary.elements = s->network.summary.elements || c->summary.golden;
    OVERRIDE(c->summary.summary_dim, s->network.summary.summary_dim);
    OVERRIDE(c->summary.embed_dim, s->network.summary.embed_dim);
    OVERRIDE(c->summary.depth, s->network.summary.depth);
    OVERRIDE(c->summary.width, s->network.summary.width);
    OVERRIDE(c->summary.n_hidden, s->network.summary.hidden_layers);
    c->inference.type = (inference_type_t)s->network.inference.type;
    c->inference.transform = (flow_transform_t)s->network.inference.transform;
    OVERRIDE(c->inference.depth, s->network.inference.depth);
    OVERRIDE(c->inference.width, s->network.inference.width);
    OVERRIDE(c->inference.n_hidden, s->network.inference.hidden_layers);
    OVERRIDE(c->inference.bins, s->network.inference.bins);
    c->inference.dropout = (float)s->network.inference.dropout;
}

static void network_shapes(arena_t *arena, const schema_t *schema, amortizer_config_t *c)
{
    double *lower = ARENA_NEW(arena, double, schema->n_parameters);
    double *upper = ARENA_NEW(arena, double, schema->n_parameters);
    for (int i = 0; i < schema->n_parameters; i++) {
        lower[i] = schema->parameters[i].lower;
        upper[i] = schema->parameters[i].upper;
    }
    c->n_parameters = schema->n_parameters;
    c->n_observables = schema->n_observables;
    c->n_design = schema->n_design;
    c->lower = lower;
    c->upper = upper;
    c->observables = ARENA_NEW(arena, struct amortizer_observable, schema->n_observables);
    for (int i = 0; i < schema->n_observables; i++) {
        c->observables[i].kind = (int)schema->observables[i].kind;
        c->observables[i].max_length = schema->observables[i].dims[0];
        c->observables[i].features = schema_stride(&schema->observables[i]);
    }
}

err_t study_network(const study_t *study, const schema_t *schema, amortizer_config_t *out)
{
    amortizer_config_default(out);
    network_shapes(study->arena, schema, out);
    network_settings(study, out);
    for (int i = 0; i < schema->n_observables; i++)
        if (schema->observables[i].kind != KIND_SET)
            return err_fail(ERR_USAGE,
                            "%s: observable \"%s\" of model \"%s\" is a %s; the networks read sets so far: "
                            "declare it as a set of features, or summarise it in the simulator",
                            study->path, schema->observables[i].name, schema->name,
                            kind_name(schema->observables[i].kind));
    return err_context(amortizer_config_check(out), "%s: network", study->path);
}

static void print_value(FILE *out, const yaml_field_t *f, const char *base)
{
    const void *at = base + f->offset;
    switch (f->type) {
    case YAML_INTEGER:
        fprintf(out, "%ld\n", (long)*(const int64_t *)at);
        break;
    case YAML_REAL:
        fprintf(out, "%.9g\n", *(const double *)at);
        break;
    case YAML_BOOL:
        fprintf(out, "%s\n", *(const bool *)at ? "true" : "false");
        break;
    case YAML_WORD:
        fprintf(out, "%s\n", f->words[*(const int *)at]);
        break;
    case YAML_TEXT:
    case YAML_TEXTS:
    case YAML_REALS:
    case YAML_MAP:
    case YAML_NODE:
        fprintf(out, "\n");
        break;
    }
}

static void print_values(FILE *out, const char *prefix, const yaml_field_t *fields, const char *base)
{
    for (const yaml_field_t *f = fields; f->key != NULL; f++) {
        char path[128];
        snprintf(path, sizeof path, "%s.%s", prefix, f->key);
        if (f->type == YAML_MAP) {
            print_values(out, path, f->fields, base);
        } else {
            fprintf(out, "%s: ", path);
            print_value(out, f, base);
        }
    }
}

char *study_training_text(const study_t *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL, "out of memory");
    fprintf(out, "bank.rows: %ld\nbank.seed: %ld\n", (long)s->bank.rows, (long)s->bank.seed);
    print_values(out, "network", network_fields, (const char *)s);
    print_values(out, "train", train_fields, (const char *)s);
    fclose(out);
    return text;
}

static void print_fields(FILE *out, const yaml_field_t *fields, int indent)
{
    for (const yaml_field_t *f = fields; f->key != NULL; f++) {
        if (f->type == YAML_MAP) {
            fprintf(out, "%*s%s:%*s# %s\n", indent, "", f->key, 30 - indent - (int)strlen(f->key), "", f->help);
            print_fields(out, f->fields, indent + 2);
            continue;
        }
        const char *value = f->fallback ? f->fallback : f->required ? "(required)" : "";
        int width = indent + (int)strlen(f->key) + 2 + (int)strlen(value);
        fprintf(out, "%*s%s: %s%*s# %s\n", indent, "", f->key, value, width < 30 ? 31 - width : 1, "", f->help);
    }
}

void study_print_settings(FILE *out)
{
    print_fields(out, study_fields, 2);
}
