// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study.h"

#include "cluster/mem.h"
#include "coordinator/study_adapter.h"
#include "coordinator/study_check.h"
#include "coordinator/study_near.h"
#include "coordinator/study_network.h"
#include "coordinator/study_settings.h"
#include "workers/bank_import.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *slug_of(arena_t *arena, const char *name)
{
    char *slug = arena_copy_text(arena, name);
    size_t n = 0;
    for (const char *c = name; *c; c++) {
        if (isalnum((unsigned char)*c) || *c == '_' || (unsigned char)*c >= 0x80) // UTF-8 stays
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

/* A file, or "name=FILE.npy". */
static char *import_path(const study_t *study, const char *path)
{
    const char *equals = strchr(path, '=');
    if (equals == NULL)
        return path_in(study, path);
    return arena_format(study->arena, "%.*s=%s", (int)(equals - path), path,
                        path_in(study, equals + 1));
}

static char *folder_of(arena_t *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return arena_copy_text(arena, ".");
    return slash == path ? arena_copy_text(arena, "/")
                         : arena_format(arena, "%.*s", (int)(slash - path), path);
}

static err_t columns_list(study_t *study, yaml_node_ref_t node, study_columns_t *out)
{
    out->n_columns = yaml_node_count(node);
    out->columns = ARENA_NEW(study->arena, char *, out->n_columns + 1);
    for (int i = 0; i < out->n_columns; i++) {
        const char *text = yaml_node_text(yaml_node_item(node, i));
        if (text == NULL)
            return yaml_node_error(node, "infer.columns.%s: expected names of CSV columns",
                                   out->observable);
        out->columns[i] = arena_copy_text(study->arena, text);
    }
    return OK;
}

static err_t columns_one(study_t *study, yaml_node_ref_t node, const char *name,
                         study_columns_t *out)
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
            return yaml_node_error(
                node, "infer.columns.%s: unknown key \"%s\"; did you mean \"%s\"?", out->observable,
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
        return yaml_node_error(map,
                               "infer.columns: expected a mapping from observables to CSV columns");
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

static err_t design_read(study_t *study, yaml_node_ref_t map)
{
    if (yaml_node_kind(map) == YAML_KIND_ABSENT)
        return OK;
    if (yaml_node_kind(map) != YAML_KIND_MAPPING)
        return yaml_node_error(
            map, "infer.design: expected a mapping from design variables to CSV columns");
    study->infer.n_design = yaml_node_count(map);
    study->infer.design = ARENA_NEW(study->arena, study_design_t, study->infer.n_design + 1);
    for (int i = 0; i < study->infer.n_design; i++) {
        study_design_t *out = &study->infer.design[i];
        out->variable = arena_copy_text(study->arena, yaml_node_key(map, i));
        out->column = arena_copy_text(study->arena, yaml_node_text(yaml_node_item(map, i)));
        if (out->column == NULL)
            return yaml_node_error(map, "infer.design.%s: expected the name of a CSV column",
                                   out->variable);
    }
    return OK;
}

static err_t study_fill(study_t *study, yaml_node_ref_t root)
{
    study_target_t target = {.study = *study};
    TRY(yaml_fill(root, study_fields, study->arena, &target));
    *study = target.study;
    study->slug = slug_of(study->arena, study->name);
    TRY(adapter_config_read(target.adapter, study->path, study->arena, &study->adapter));
    TRY(study_network_check(target.network));
    TRY(columns_read(study, target.columns));
    TRY(design_read(study, target.design));
    TRY(prior_read(target.parameters, study->path, study->arena, &study->parameters));
    study->bank.path = path_in(study, study->bank.path);
    study->model.plugin = path_in(study, study->model.plugin);
    study->model.declaration = path_in(study, study->model.declaration);
    for (int i = 0; i < study->bank.import.n; i++)
        study->bank.import.at[i] = import_path(study, study->bank.import.at[i]);
    study->refine.keys = path_in(study, study->refine.keys);
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

/* It can not be opened or read, for the reason in errno. */
static err_t no_study(const char *path)
{
    int why = errno;
    char *near = study_near(path);
    err_t err = why == EISDIR
                    ? err_fail(ERR_IO, "study file %s: it is a folder, expected a study in YAML%s",
                               path, near)
                    : err_fail(why == ENOENT ? ERR_MISSING : ERR_IO, "study file %s: %s%s", path,
                               strerror(why), near);
    free(near);
    return err;
}

static err_t read_whole(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return no_study(path);
    enum { LIMIT = 1 << 20 };
    char *text = mem_alloc(LIMIT + 1, 1);
    size_t n = fread(text, 1, LIMIT + 1, file);
    bool failed = ferror(file) != 0;
    err_t err = failed ? no_study(path) : OK;
    fclose(file);
    if (!failed && n > LIMIT)
        err =
            err_fail(ERR_USAGE, "study file %s: larger than 1 MiB, expected a study in YAML", path);
    if (err == OK && memchr(text, '\0', n) != NULL)
        err =
            err_fail(ERR_USAGE, "study file %s: holds a NUL byte, expected a study in YAML", path);
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

static err_t load_plugin(const study_t *study, simulator_t **out)
{
    if (study->model.isolate || study->model.timeout != NULL)
        return simulator_load_isolated(study->model.plugin, study->model.timeout_seconds, out);
    return simulator_load_on_ranks(study->model.plugin, (int)study->model.ranks_per_draw, out);
}

static err_t load_command(const study_t *study, simulator_t **out)
{
    int n = study->model.command.n;
    const char **argv = MEM_NEW(const char *, n + 1);
    for (int i = 0; i < n; i++)
        argv[i] = study->model.command.at[i];
    simulator_command_t command = {
        .argv = argv, .folder = study->folder, .timeout = study->model.timeout_seconds};
    err_t err = simulator_load_command(&command, out);
    free(argv);
    return err;
}

static err_t load_declaration(const study_t *study, simulator_t **out)
{
    schema_t schema;
    TRY(bank_import_declaration(study->model.declaration, &schema));
    *out = simulator_declared(schema, study->model.declaration);
    return OK;
}

static err_t load_model(const study_t *study, simulator_t **out)
{
    if (study->model.builtin != NULL)
        return err_context(simulator_load_builtin(study->model.builtin, out), "%s: model.builtin",
                           study->path);
    if (study->model.plugin != NULL)
        return err_context(load_plugin(study, out), "%s: model.plugin", study->path);
    if (study->model.declaration != NULL)
        return err_context(load_declaration(study, out), "%s: model.declaration", study->path);
    return err_context(load_command(study, out), "%s: model.command", study->path);
}

static err_t give_prior(const study_t *study, simulator_t *simulator)
{
    prior_t *prior = NULL;
    if (study->parameters.n == 0)
        return OK;
    TRY(prior_create(&study->parameters, simulator_schema(simulator), &prior));
    simulator_set_prior(simulator, prior);
    return OK;
}

/* Before libraries of the simulator are loaded, which read them then. */
static void tell_threads(int64_t n)
{
    static const char *const names[] = {"OMP_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
                                        "MKL_NUM_THREADS",     "BLIS_NUM_THREADS",
                                        "NUMEXPR_NUM_THREADS", "JULIA_NUM_THREADS"};
    char text[16];
    snprintf(text, sizeof text, "%d", (int)n);
    for (size_t i = 0; n > 0 && i < sizeof names / sizeof *names; i++)
        setenv(names[i], text, 1);
}

err_t study_simulator(const study_t *study, simulator_t **out)
{
    tell_threads(study->model.threads_per_draw);
    TRY(load_model(study, out));
    simulator_stop_on_failure(*out, study->model.on_failure == FAILURE_STOP);
    err_t err = give_prior(study, *out);
    if (err == OK)
        err = study_adapter_missing(study, *out);
    if (err != OK)
        simulator_close(out);
    return err;
}

static err_t compare_priors(const study_t *study, const schema_t *trained, const prior_t *prior)
{
    for (int p = 0; p < trained->n_parameters; p++) {
        const char *before = trained->parameters[p].prior,
                   *now = prior != NULL ? prior_text(prior, p) : NULL;
        if ((before == NULL) != (now == NULL) || (before != NULL && strcmp(before, now) != 0))
            return err_fail(ERR_MISMATCH,
                            "the amortizer was trained under another prior than %s has: parameter "
                            "%s: %s in training, now %s: train anew (`infermill run`), or take "
                            "the change back",
                            study->path, trained->parameters[p].name,
                            before ? before : "the simulator's own",
                            now ? now : "the simulator's own");
    }
    return OK;
}

err_t study_check_prior(const study_t *study, const schema_t *trained)
{
    prior_t *prior = NULL;
    if (study->model.declaration != NULL)
        return OK;                               // its declaration tells them, for the record
    schema_t free_schema = schema_copy(trained); // the bounds are those of the prior of training
    for (int p = 0; p < free_schema.n_parameters; p++) {
        free_schema.parameters[p].lower = -INFINITY;
        free_schema.parameters[p].upper = INFINITY;
    }
    err_t err = OK;
    if (study->parameters.n > 0)
        err = prior_create(&study->parameters, &free_schema, &prior);
    if (err == OK)
        err = compare_priors(study, trained, prior);
    prior_destroy(&prior);
    schema_free(&free_schema);
    return err;
}

err_t study_network(const study_t *study, const schema_t *schema, amortizer_config_t *out)
{
    yaml_doc_t *doc = NULL;
    adapter_t *adapter = NULL;
    err_t err;
    TRY_TO(done, study_adapter(study, schema, &adapter));
    TRY_TO(done, yaml_read_text(study->text, study->path, &doc));
    amortizer_config_adapt(out, adapter, study->arena);
    err = err_context(
        study_network_read(yaml_node_get(yaml_root(doc), "network"), adapter, schema, out),
        "%s: network", study->path);
done:
    yaml_close(&doc);
    adapter_destroy(&adapter);
    return err;
}
