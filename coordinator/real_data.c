// SPDX-License-Identifier: Apache-2.0
#include "coordinator/real_data.h"

#include "cluster/mem.h"
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

/* Those that are read: which, and their columns in a CSV. */
typedef struct {
    int n;
    int *which;           // (n) ascending
    const char **columns; // (n)
} read_design_t;

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

static read_design_t read_design_create(const schema_t *schema)
{
    return (read_design_t){.which = MEM_NEW(int, schema->n_design + 1),
                           .columns = MEM_NEW(const char *, schema->n_design + 1)};
}

static void read_design_free(read_design_t *d)
{
    free(d->which);
    free(d->columns);
}

/* ---- the file ---- */

static err_t read_csv(const char *path, const study_t *study, const schema_t *model,
                      const schema_t *schema, const read_design_t *design, table_t *out)
{
    TRY(check_columns(study, model, schema));
    table_columns_t *columns = MEM_NEW(table_columns_t, schema->n_observables);
    for (int o = 0; o < schema->n_observables; o++) {
        const study_columns_t *c = columns_for(study, schema->observables[o].name);
        columns[o] = (table_columns_t){c->n_columns, (const char *const *)c->columns, c->sign,
                                       schema->observables[o].missing};
    }
    table_csv_t config = {study->infer.id, schema->n_observables, columns, design->n,
                          design->columns};
    err_t err = table_read_csv(path, &config, out);
    free(columns);
    return err;
}

/* ---- data sets ---- */

static void note(real_data_t *data, int64_t i, char *problem)
{
    if (data->problem[i] == NULL)
        data->problem[i] = data->own[i] = problem;
    else
        free(problem);
}

/* The number of elements, which is a design variable or fixed. */
static void take_length(real_data_t *data, const schema_t *s, int64_t i, int o, int64_t n)
{
    const schema_observable_t *field = &s->observables[o];
    int64_t most = field->dims[0];
    if (field->length_design < 0 && n != most)
        note(data, i,
             mem_format("%s has %ld elements, expected %ld", field->name, (long)n, (long)most));
    if (field->length_design < 0)
        return;
    double *design = &data->rows.design[i * s->n_design + field->length_design];
    if (*design >= 0 && *design != (double)n)
        note(data, i,
             mem_format("%s has %ld elements, another observable %g", field->name, (long)n,
                        *design));
    *design = (double)n;
}

static void take_observable(real_data_t *data, const schema_t *s, int64_t i, int o, int at)
{
    const table_set_t *set = &data->table.sets[i];
    const schema_observable_t *field = &s->observables[o];
    int64_t all = set->n[at] * data->table.features[at] / schema_stride(field);
    int64_t n = all < field->dims[0] ? all : field->dims[0];
    take_length(data, s, i, o, all);
    memcpy(data->rows.observables[o] + i * schema_size(field), set->values[at],
           (size_t)(n * schema_stride(field)) * sizeof(float));
    data->rows.length[i * s->n_observables + o] = (int32_t)n;
}

static void take_design(real_data_t *data, const schema_t *s, const read_design_t *read, int64_t i)
{
    double *design = data->rows.design + i * s->n_design;
    for (int k = 0; k < read->n; k++) {
        const schema_design_t *d = &s->design[read->which[k]];
        double value = design[read->which[k]] = data->table.sets[i].design[k];
        if (d->integer && value != floor(value))
            note(data, i, mem_format("%s is %g, expected a whole number", d->name, value));
    }
}

/* Copies what fits; what lies outside the trained range is told by infer_refusal from the design. What the adapter drops is 0,
 * a design variable that is not known its lowest value. */
static void take_set(real_data_t *data, const schema_t *s, const adapter_t *adapter,
                     const read_design_t *read, int64_t i)
{
    double *design = data->rows.design + i * s->n_design;
    for (int d = 0; d < s->n_design; d++)
        design[d] = is_length(s, d) ? -1 : s->design[d].lower;
    take_design(data, s, read, i);
    for (int o = 0, at = 0; o < s->n_observables; o++)
        if (adapter_uses_observable(adapter, o))
            take_observable(data, s, i, o, at++);
    for (int d = 0; d < s->n_design; d++)
        if (!data->design_known[d])
            design[d] = s->design[d].lower;
}

/* A number of elements is known where an observable that has it is read. */
static void tell_known(real_data_t *data, const schema_t *s, const adapter_t *adapter,
                       const read_design_t *read)
{
    data->design_known = MEM_NEW(bool, s->n_design + 1);
    for (int o = 0; o < s->n_observables; o++)
        if (s->observables[o].length_design >= 0 && adapter_uses_observable(adapter, o))
            data->design_known[s->observables[o].length_design] = true;
    for (int k = 0; k < read->n; k++)
        data->design_known[read->which[k]] = true;
}

static void take_all(real_data_t *data, const schema_t *schema, const adapter_t *adapter,
                     const read_design_t *read)
{
    tell_known(data, schema, adapter, read);
    data->n = data->table.n;
    data->rows = rows_create(schema, data->n > 0 ? data->n : 1);
    data->rows.n = data->n;
    data->ids = MEM_NEW(const char *, data->n + 1);
    data->problem = MEM_NEW(const char *, data->n + 1);
    data->own = MEM_NEW(char *, data->n + 1);
    for (int64_t i = 0; i < data->n; i++) {
        data->ids[i] = data->table.sets[i].id;
        data->problem[i] = data->table.sets[i].problem;
        data->rows.index[i] = i;
        take_set(data, schema, adapter, read, i);
    }
}

static err_t read_table(const char *path, const study_t *study, const schema_t *schema,
                        const adapter_t *adapter, read_design_t *design, table_t *out)
{
    int *which = MEM_NEW(int, schema->n_observables);
    schema_t read = read_schema(schema, adapter, which);
    err_t err = check_design(study, schema, &read);
    if (err == OK)
        err = find_design(path, study, &read, adapter, design);
    if (err == OK && is_hdf5(path))
        err = table_read_hdf5(path, &read, design->n, design->which, out);
    else if (err == OK)
        err = read_csv(path, study, schema, &read, design, out);
    schema_free(&read);
    free(which);
    return err;
}

err_t real_data_read(const char *path, const study_t *study, const schema_t *schema,
                     const adapter_t *adapter, real_data_t *out)
{
    memset(out, 0, sizeof *out);
    read_design_t design = read_design_create(schema);
    err_t err = read_table(path, study, schema, adapter, &design, &out->table);
    if (err == OK)
        take_all(out, schema, adapter, &design);
    read_design_free(&design);
    TRY(err);
    if (out->n > 0)
        return OK;
    real_data_free(out);
    return err_fail(ERR_FORMAT, "%s: no data set in it", path);
}

void real_data_free(real_data_t *data)
{
    for (int64_t i = 0; data->own != NULL && i < data->n; i++)
        free(data->own[i]);
    free(data->own);
    free(data->ids);
    free(data->problem);
    free(data->design_known);
    rows_destroy(&data->rows);
    table_free(&data->table);
    memset(data, 0, sizeof *data);
}

char *real_data_hash(const real_data_t *data)
{
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL, "out of memory");
    XXH3_64bits_reset(state);
    for (int64_t i = 0; i < data->n; i++) {
        const table_set_t *set = &data->table.sets[i];
        XXH3_64bits_update(state, set->id, strlen(set->id) + 1);
        if (data->table.n_design > 0)
            XXH3_64bits_update(state, set->design, (size_t)data->table.n_design * sizeof(double));
        for (int o = 0; o < data->table.n_observables; o++) {
            XXH3_64bits_update(state, &set->n[o], sizeof set->n[o]);
            XXH3_64bits_update(state, set->values[o],
                               (size_t)(set->n[o] * data->table.features[o]) * sizeof(float));
        }
    }
    char *text = mem_format("%016llx", (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
    return text;
}
