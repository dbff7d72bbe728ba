// SPDX-License-Identifier: Apache-2.0
#include "coordinator/real_data.h"

#include "cluster/mem.h"
#include "storage/given_file.h"
#include "workers/table_csv.h"
#include "workers/table_hdf5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A model without the observables that its adapter drops: they need not be there. */
static schema_t read_schema(const schema_t *schema, const adapter_t *adapter, int *which)
{
    int n = 0;
    for (int o = 0; o < schema->n_observables; o++)
        if (adapter_uses_observable(adapter, o))
            which[n++] = o;
    return schema_with_observables(schema, n, which);
}

static const study_columns_t *columns_for(const study_t *study, const char *observable)
{
    for (int i = 0; i < study->infer.n_columns; i++)
        if (strcmp(study->infer.columns[i].observable, observable) == 0)
            return &study->infer.columns[i];
    return NULL;
}

static err_t check_columns(const study_t *study, const schema_t *model, const schema_t *schema)
{
    for (int i = 0; i < study->infer.n_columns; i++)
        if (schema_find_observable(model, study->infer.columns[i].observable) < 0)
            return err_fail(ERR_USAGE, "%s: infer.columns: model %s has no observable \"%s\"",
                            study->path, model->name, study->infer.columns[i].observable);
    for (int o = 0; o < schema->n_observables; o++) {
        const schema_observable_t *field = &schema->observables[o];
        const study_columns_t *c = columns_for(study, field->name);
        if (c == NULL)
            return err_fail(ERR_USAGE,
                            "%s: infer.columns names no CSV column for observable \"%s\"",
                            study->path, field->name);
        bool row = field->kind == KIND_VECTOR && c->n_columns == schema_size(field);
        if (c->n_columns != schema_stride(field) && !row)
            return err_fail(ERR_USAGE, "%s: infer.columns.%s: got %d columns, expected %ld%s",
                            study->path, field->name, c->n_columns, (long)schema_stride(field),
                            field->kind == KIND_VECTOR ? ", or one for each number" : "");
    }
    return OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* By its name, or by its first bytes. */
static bool is_hdf5(const char *path)
{
    static const char mark[] = "\x89HDF";
    char first[4] = "";
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(first, 1, sizeof first, file) : 0;
    if (file)
        fclose(file);
    return ends_with(path, ".h5") || ends_with(path, ".hdf5") ||
           (n == sizeof first && memcmp(first, mark, n) == 0);
}

/* ---- design variables ---- */

static const char *design_column(const study_t *study, const char *variable)
{
    for (int i = 0; i < study->infer.n_design; i++)
        if (strcmp(study->infer.design[i].variable, variable) == 0)
            return study->infer.design[i].column;
    return NULL;
}

static bool is_length(const schema_t *schema, int d)
{
    for (int o = 0; o < schema->n_observables; o++)
        if (schema->observables[o].length_design == d)
            return true;
    return false;
}

static err_t check_design(const study_t *study, const schema_t *model, const schema_t *schema)
{
    for (int i = 0; i < study->infer.n_design; i++) {
        const char *name = study->infer.design[i].variable;
        int d = schema_find_design(model, name);
        if (d < 0)
            return err_fail(ERR_USAGE, "%s: infer.design: model %s has no design variable \"%s\"",
                            study->path, model->name, name);
        if (is_length(schema, d))
            return err_fail(
                ERR_USAGE,
                "%s: infer.design: %s is the number of elements of an observable, which "
                "is counted: leave it out",
                study->path, name);
    }
    return OK;
}

/* `schema` has the observables that are read. */
static err_t find_design(const char *path, const study_t *study, const schema_t *schema,
                         const adapter_t *adapter, read_design_t *out)
{
    for (int d = 0; d < schema->n_design; d++) {
        const char *name = schema->design[d].name, *column = design_column(study, name);
        bool there = is_hdf5(path) ? table_hdf5_has_design(path, name) : column != NULL;
        if (is_length(schema, d) || (!there && !adapter_uses_design(adapter, d)))
            continue;
        if (!there && !is_hdf5(path))
            return err_fail(
                ERR_USAGE,
                "%s: design variable %s of model %s is not the number of elements of an "
                "observable, so it has to be read: name its column in the study, "
                "infer: {design: {%s: COLUMN}}",
                study->path, name, schema->name, name);
        out->which[out->n] = d;
        out->columns[out->n++] = column;
    }
    return OK;
}

/* ---- the file ---- */

static table_columns_t *columns_of(const study_t *study, const schema_t *schema)
{
    table_columns_t *columns = MEM_NEW(table_columns_t, schema->n_observables);
    for (int o = 0; o < schema->n_observables; o++) {
        const study_columns_t *c = columns_for(study, schema->observables[o].name);
        columns[o] = (table_columns_t){c->n_columns, (const char *const *)c->columns, c->sign,
                                       schema->observables[o].missing};
    }
    return columns;
}

/* One pass over a CSV; `sink` NULL: the first, which makes the table. */
static err_t pass_csv(real_data_t *data, const schema_t *read, const table_sink_t *sink)
{
    table_columns_t *columns = columns_of(data->study, read);
    table_csv_t config = {data->study->infer.id, read->n_observables,  columns,
                          data->design.n,        data->design.columns, data->study->infer.group};
    err_t err = sink ? table_again_csv(data->path, &config, sink, &data->table)
                     : table_read_csv(data->path, &config, NULL, &data->table);
    free(columns);
    return err;
}

static err_t pass(real_data_t *data, const schema_t *read, const table_sink_t *sink)
{
    const read_design_t *design = &data->design;
    if (!data->hdf5)
        return pass_csv(data, read, sink);
    return sink ? table_again_hdf5(data->path, read, sink, &data->table)
                : table_read_hdf5(data->path, read, design->n, design->which, NULL, &data->table);
}

static err_t first_pass(real_data_t *data, const schema_t *read)
{
    const schema_t *model = data->schema;
    TRY(check_design(data->study, model, read));
    TRY(find_design(data->path, data->study, read, data->adapter, &data->design));
    if (!data->hdf5)
        TRY(check_columns(data->study, model, read));
    TRY(pass(data, read, NULL));
    if (data->hdf5 && data->study->infer.group != NULL)
        TRY(table_hdf5_groups(data->path, data->study->infer.group, &data->table));
    return data->table.n > 0 ? OK : err_fail(ERR_FORMAT, "%s: no data set in it", data->path);
}

static err_t go_through(real_data_t *data, const table_sink_t *sink)
{
    int *which = MEM_NEW(int, data->schema->n_observables + 1);
    schema_t read = read_schema(data->schema, data->adapter, which);
    err_t err = sink ? pass(data, &read, sink) : first_pass(data, &read);
    schema_free(&read);
    free(which);
    return err;
}

static void take_names(real_data_t *data)
{
    const table_t *t = &data->table;
    data->n = t->n;
    data->ids = MEM_NEW(const char *, t->n + 1);
    data->group = MEM_NEW(int, t->n + 1);
    for (int64_t i = 0; i < t->n; i++) {
        data->ids[i] = t->sets[i].id;
        data->group[i] = t->sets[i].group;
    }
}

static void take_hash(real_data_t *data)
{
    const table_t *t = &data->table;
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL, "out of memory");
    XXH3_64bits_reset(state);
    for (int64_t i = 0; i < t->n; i++) {
        const table_set_t *set = &t->sets[i];
        XXH3_64bits_update(state, set->id, strlen(set->id) + 1);
        if (set->group >= 0)
            XXH3_64bits_update(state, t->groups[set->group], strlen(t->groups[set->group]) + 1);
        XXH3_64bits_update(state, set->design, (size_t)t->n_design * sizeof(double));
        for (int o = 0; o < t->n_observables; o++) {
            int64_t values = set->n[o] * t->features[o];
            XXH3_64bits_update(state, &values, sizeof values);
            XXH3_64bits_update(state, &set->hash[o], sizeof set->hash[o]);
        }
    }
    snprintf(data->hash, sizeof data->hash, "%016llx",
             (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
}

/* A number of elements is known where an observable that has it is read. */
static void tell_known(real_data_t *data)
{
    const schema_t *s = data->schema;
    data->design_known = MEM_NEW(bool, s->n_design + 1);
    for (int o = 0; o < s->n_observables; o++)
        if (s->observables[o].length_design >= 0 && adapter_uses_observable(data->adapter, o))
            data->design_known[s->observables[o].length_design] = true;
    for (int k = 0; k < data->design.n; k++)
        data->design_known[data->design.which[k]] = true;
}

err_t real_data_open(const par_t *par, const char *path, const study_t *study,
                     const schema_t *schema, const adapter_t *adapter, real_data_t *out)
{
    int most = schema->n_design + 1;
    *out = (real_data_t){.schema = schema,
                         .adapter = adapter,
                         .study = study,
                         .path = mem_copy_text(path),
                         .design = {0, MEM_NEW(int, most), MEM_NEW(const char *, most)}};
    err_t err = OK;
    if (par->rank == 0) {
        err = given_file_check(path);
        out->hdf5 = err == OK && is_hdf5(path);
        if (err == OK)
            err = go_through(out, NULL);
    }
    err = par_agree(par, err);
    if (err != OK) {
        real_data_close(out);
        return err;
    }
    if (par->rank == 0) {
        take_names(out);
        take_hash(out);
    }
    par_broadcast(par, 0, sizeof out->n, &out->n);
    par_broadcast(par, 0, sizeof out->hdf5, &out->hdf5);
    par_broadcast(par, 0, sizeof out->hash, out->hash);
    par_broadcast(par, 0, sizeof out->design.n, &out->design.n);
    par_broadcast(par, 0, (size_t)most * sizeof(int), out->design.which);
    tell_known(out);
    return OK;
}

static err_t pack(real_data_t *data, const char *path)
{
    table_pack_t *p;
    TRY(table_pack_create(path, &data->table, &p));
    table_sink_t sink = table_pack_sink(p);
    err_t err = go_through(data, &sink);
    if (err == OK)
        err = table_pack_finish(p);
    table_pack_close(&p);
    return err;
}

err_t real_data_stage(const par_t *par, real_data_t *data, const char *packed)
{
    TRY(par_agree(par, par->rank == 0 ? pack(data, packed) : OK));
    return par_agree(par, table_pack_open(packed, &data->pack));
}

void real_data_close(real_data_t *data)
{
    table_pack_close(&data->pack);
    table_free(&data->table);
    free(data->design.which);
    free(data->design.columns);
    free(data->design_known);
    free(data->ids);
    free(data->group);
    free(data->path);
    *data = (real_data_t){0};
}

/* ---- what can be told without values ---- */

static char *length_problem(const schema_observable_t *field, int64_t n, double *told)
{
    if (field->length_design < 0)
        return n == field->dims[0] ? NULL
                                   : mem_format("%s has %ld elements, expected %ld", field->name,
                                                (long)n, (long)field->dims[0]);
    if (told[field->length_design] >= 0 && told[field->length_design] != (double)n)
        return mem_format("%s has %ld elements, another observable %g", field->name, (long)n,
                          told[field->length_design]);
    told[field->length_design] = (double)n;
    return NULL;
}

static char *design_problem(const schema_design_t *d, double value)
{
    return d->integer && value != floor(value)
               ? mem_format("%s is %g, expected a whole number", d->name, value)
               : NULL;
}

char *real_data_shape_problem(const real_data_t *data, const table_t *table, int64_t i)
{
    const schema_t *s = data->schema;
    const table_set_t *set = &table->sets[i];
    char *problem = NULL;
    for (int k = 0; k < data->design.n && problem == NULL; k++)
        problem = design_problem(&s->design[data->design.which[k]], set->design[k]);
    double *told = MEM_NEW(double, s->n_design + 1);
    for (int d = 0; d < s->n_design; d++)
        told[d] = -1;
    for (int o = 0, at = 0; o < s->n_observables && problem == NULL; o++)
        if (adapter_uses_observable(data->adapter, o)) {
            int64_t n = set->n[at] * table->features[at] / schema_stride(&s->observables[o]);
            problem = length_problem(&s->observables[o], n, told);
            at++;
        }
    free(told);
    return problem;
}

bool real_data_readable(const real_data_t *data, int64_t i)
{
    if (data->table.sets[i].problem != NULL)
        return false;
    char *problem = real_data_shape_problem(data, &data->table, i);
    free(problem);
    return problem == NULL;
}
