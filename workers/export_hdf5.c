// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/schema_array.h"
#include "storage/text_index.h"
#include "workers/export_inside.h"
#include "workers/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    bool data; // and nothing that is known of simulated rows alone
    h5_id_t file, index, status, seconds, reason_of;
    h5_id_t *parameters, *design, *length, *observables; // (P), by first value; (D) (O) (O)
    text_index_t reasons;
} hdf5_export_t;

/* ---- made ---- */

static err_t make(hdf5_export_t *x, const char *group, const char *name, h5_type_t type,
                  int64_t rows, int n_dims, const int64_t *dims, h5_id_t *out)
{
    h5_shape_t shape = {.type = type, .n_dims = n_dims + 1, .dims = {rows}};
    for (int d = 0; d < n_dims; d++)
        shape.dims[d + 1] = dims[d];
    char *path = mem_format("%s/%s", group, name);
    err_t err = h5_dataset_create(x->file, path, &shape, out);
    free(path);
    return err;
}

static err_t set_unit(h5_id_t dataset, const char *unit)
{
    return unit != NULL ? h5_set_text(dataset, "unit", unit) : OK;
}

static err_t make_model(hdf5_export_t *x, const schema_t *m, int64_t n)
{
    schema_variable_t v;
    for (int p = 0; p < m->n_parameters && !x->data; p += v.n) {
        v = schema_variable_at(m, p);
        TRY(make(x, "parameters", v.name, H5_TYPE_F64, n, v.n_dims, v.dims, &x->parameters[p]));
        TRY(set_unit(x->parameters[p], m->parameters[p].unit));
    }
    for (int d = 0; d < m->n_design; d++) {
        TRY(make(x, "design", m->design[d].name, H5_TYPE_F64, n, 0, NULL, &x->design[d]));
        TRY(set_unit(x->design[d], m->design[d].unit));
    }
    for (int k = 0; k < m->n_observables; k++) {
        const schema_observable_t *o = &m->observables[k];
        TRY(make(x, "observables", o->name, H5_TYPE_F32, n, o->n_dims, o->dims,
                 &x->observables[k]));
        TRY(h5_set_text(x->observables[k], "kind", kind_name(o->kind)));
        TRY(set_unit(x->observables[k], o->unit));
        TRY(make(x, "length", o->name, H5_TYPE_I32, n, 0, NULL, &x->length[k]));
    }
    return OK;
}

static err_t make_rows(hdf5_export_t *x, int64_t n)
{
    TRY(make(x, "row", "index", H5_TYPE_I64, n, 0, NULL, &x->index));
    TRY(make(x, "row", "status", H5_TYPE_U8, n, 0, NULL, &x->status));
    TRY(make(x, "row", "seconds", H5_TYPE_F64, n, 0, NULL, &x->seconds));
    TRY(make(x, "row", "reason_of", H5_TYPE_I32, n, 0, NULL, &x->reason_of));
    TRY(h5_set_text(x->index, "description", "row of the bank"));
    TRY(h5_set_text(x->status, "description", "how the row ended: a number of status_names"));
    TRY(h5_set_text(x->seconds, "description", "measured time of simulating"));
    TRY(h5_set_text(x->seconds, "unit", "s"));
    TRY(h5_set_text(x->reason_of, "description",
                    "why it is not done: an element of row/reason, -1: nothing was said"));
    return OK;
}

/* ---- attributes ---- */

// HDF5 holds no attribute of 64 kB and more in an object's header: a long origin is a data set of its own.
static err_t set_origin(const export_t *e, h5_id_t file)
{
    enum { MOST = 60000 };
    origin_t origin;
    TRY(origin_of_bank(e->bank, e->folder, &origin));
    char *text = origin_text(&origin);
    err_t err = strlen(text) <= MOST
                    ? h5_set_text(file, "origin", text)
                    : h5_write_texts(file, "origin", 1, (const char *const[]){text});
    free(text);
    origin_free(&origin);
    return err;
}

static err_t describe_groups(h5_id_t file, const schema_t *m, bool data)
{
    static const char *const groups[][2] = {
        {"parameters", "drawn from the prior, one number or one array a row"},
        {"observables", "simulated, 0 beyond the row's length"},
        {"length", "elements of an observable in a row"},
        {"design", "known settings of the simulated experiment"},
        {"row", "which row it is and how it ended"}};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        h5_id_t group = H5_NONE;
        if (m->n_design == 0 && strcmp(groups[i][0], "design") == 0)
            continue;
        if (data && (strcmp(groups[i][0], "parameters") == 0 || strcmp(groups[i][0], "row") == 0))
            continue;
        TRY(h5_group(file, groups[i][0], &group));
        err_t err = h5_set_text(group, "description", groups[i][1]);
        h5_drop(&group);
        TRY(err);
    }
    return OK;
}

static err_t set_attributes(const export_t *e, h5_id_t file)
{
    const schema_t *m = bank_schema(e->bank);
    char *model = schema_text(m), *names = row_status_words();
    err_t err;
    TRY_TO(done, h5_set_text(file, "model", model));
    TRY_TO(done, h5_set_text(file, "fingerprint", bank_fingerprint(e->bank)));
    if (bank_origin(e->bank) == NULL)
        TRY_TO(done, h5_set_unsigned(file, "seed", bank_seed(e->bank)));
    if (!e->data)
        TRY_TO(done, h5_set_text(file, "status_names", names));
    TRY_TO(done, h5_set_text(file, "software", "infermill " INFERMILL_VERSION));
    if (!e->data)
        TRY_TO(done, set_origin(e, file));
    TRY_TO(done, describe_groups(file, m, e->data));
done:
    free(names);
    free(model);
    return err;
}

static h5_id_t *none_of(int n)
{
    h5_id_t *ids = MEM_NEW(h5_id_t, n);
    for (int i = 0; i < n; i++)
        ids[i] = H5_NONE;
    return ids;
}

static err_t begin(export_t *e)
{
    const schema_t *m = bank_schema(e->bank);
    hdf5_export_t *x = MEM_NEW(hdf5_export_t, 1);
    *x = (hdf5_export_t){.file = H5_NONE, .index = H5_NONE, .status = H5_NONE, .seconds = H5_NONE};
    x->data = e->data;
    x->reason_of = H5_NONE;
    x->parameters = none_of(m->n_parameters);
    x->design = none_of(m->n_design);
    x->length = none_of(m->n_observables);
    x->observables = none_of(m->n_observables);
    e->state = x;
    TRY(h5_create(e->part, &x->file));
    TRY(make_model(x, m, e->rows));
    if (!x->data)
        TRY(make_rows(x, e->rows));
    return set_attributes(e, x->file);
}

/* ---- rows ---- */

// Columns [column, column + count) of rows that are `width` wide.
static err_t put_columns(h5_id_t dataset, int64_t first, int64_t n, int column, int count,
                         int width, const double *rows, double *room)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(room + i * count, rows + i * width + column, (size_t)count * sizeof *room);
    return h5_write_rows(dataset, first, n, H5_TYPE_F64, room);
}

static err_t put_whole(h5_id_t dataset, int64_t first, int64_t n, int column, int width,
                       const int32_t *rows, int32_t *room)
{
    for (int64_t i = 0; i < n; i++)
        room[i] = rows[i * width + column];
    return h5_write_rows(dataset, first, n, H5_TYPE_I32, room);
}

static err_t put_outcomes(hdf5_export_t *x, int64_t first, const rows_t *rows, int32_t *room)
{
    for (int64_t i = 0; i < rows->n; i++)
        room[i] = rows->reason[i] ? (int32_t)text_index_put(&x->reasons, rows->reason[i]) : -1;
    TRY(h5_write_rows(x->reason_of, first, rows->n, H5_TYPE_I32, room));
    TRY(h5_write_rows(x->index, first, rows->n, H5_TYPE_I64, rows->index));
    TRY(h5_write_rows(x->status, first, rows->n, H5_TYPE_U8, rows->status));
    return h5_write_rows(x->seconds, first, rows->n, H5_TYPE_F64, rows->seconds);
}

static err_t put_values(hdf5_export_t *x, int64_t first, const rows_t *rows, double *reals,
                        int32_t *wholes)
{
    const schema_t *m = rows->schema;
    int64_t n = rows->n;
    schema_variable_t v;
    for (int p = 0; p < m->n_parameters && !x->data; p += v.n) {
        v = schema_variable_at(m, p);
        TRY(put_columns(x->parameters[p], first, n, p, v.n, m->n_parameters, rows->parameters,
                        reals));
    }
    for (int d = 0; d < m->n_design; d++)
        TRY(put_columns(x->design[d], first, n, d, 1, m->n_design, rows->design, reals));
    for (int k = 0; k < m->n_observables; k++) {
        TRY(put_whole(x->length[k], first, n, k, m->n_observables, rows->length, wholes));
        TRY(h5_write_rows(x->observables[k], first, n, H5_TYPE_F32, rows->observables[k]));
    }
    return x->data ? OK : put_outcomes(x, first, rows, wholes);
}

static err_t add(export_t *e, int64_t first, const rows_t *rows)
{
    double *reals = MEM_NEW(double, rows->n * rows->schema->n_parameters + rows->n + 1);
    int32_t *wholes = MEM_NEW(int32_t, rows->n + 1);
    err_t err = put_values(e->state, first, rows, reals, wholes);
    free(wholes);
    free(reals);
    return err;
}

static err_t end(export_t *e)
{
    hdf5_export_t *x = e->state;
    if (!x->data)
        TRY(h5_write_texts(x->file, "row/reason", x->reasons.n,
                           (const char *const *)x->reasons.texts));
    return h5_close(&x->file);
}

static void drop(export_t *e)
{
    hdf5_export_t *x = e->state;
    if (x == NULL)
        return;
    if (x->file != H5_NONE) {
        h5_divert(x->file);
        h5_drop(&x->file);
    }
    text_index_free(&x->reasons);
    free(x->parameters);
    free(x->design);
    free(x->length);
    free(x->observables);
    free(x);
}

const export_kind_t export_hdf5 = {begin, add, end, drop};
