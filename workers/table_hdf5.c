// SPDX-License-Identifier: Apache-2.0
#include "workers/table_hdf5.h"

#include "cluster/mem.h"
#include "cluster/stop.h"
#include "storage/h5.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 16 << 20 }; // of values at once

typedef struct {
    const char *path;
    h5_id_t file;
    const schema_t *schema;
    table_t *table;
    const table_sink_t *sink; // NULL: values are counted alone
    bool again;               // the table is known, a second pass
} reading_t;

/* One observable's data set, open. */
typedef struct {
    const schema_observable_t *observable;
    h5_id_t dataset;
    int64_t rows, elements, features; // elements: padded
    int64_t *length;                  // (rows)
} source_t;

static err_t open_source(const reading_t *r, source_t *s)
{
    char *path = mem_format("observables/%s", s->observable->name);
    err_t err =
        h5_dataset_open(r->file, h5_has(r->file, path) ? path : s->observable->name, &s->dataset);
    free(path);
    return err;
}

static err_t check_dims(const reading_t *r, source_t *s)
{
    const schema_observable_t *o = s->observable;
    h5_shape_t shape;
    TRY(h5_dataset_shape(s->dataset, &shape));
    if (shape.n_dims != o->n_dims + 1)
        return err_fail(ERR_FORMAT, "%s: %s has %d dimensions, expected %d (data sets first)",
                        r->path, o->name, shape.n_dims, o->n_dims + 1);
    for (int d = 1; d < o->n_dims; d++)
        if (shape.dims[d + 1] != o->dims[d])
            return err_fail(ERR_FORMAT,
                            "%s: %s: dimension %d is %" PRId64 ", the model has %" PRId64, r->path,
                            o->name, d + 1, shape.dims[d + 1], o->dims[d]);
    s->rows = shape.dims[0];
    s->elements = shape.dims[1];
    s->features = schema_stride(o);
    return OK;
}

static err_t read_lengths(const reading_t *r, source_t *s)
{
    s->length = MEM_NEW(int64_t, s->rows + 1);
    for (int64_t i = 0; i < s->rows; i++)
        s->length[i] = s->elements;
    char *path = mem_format("length/%s", s->observable->name);
    h5_shape_t shape = h5_vector(H5_TYPE_I64, s->rows);
    err_t err = h5_has(r->file, path) ? h5_read(r->file, path, &shape, s->length) : OK;
    free(path);
    for (int64_t i = 0; i < s->rows && err == OK; i++)
        if (s->length[i] < 0 || s->length[i] > s->elements)
            err = err_fail(ERR_FORMAT,
                           "%s: length of %s of data set %" PRId64 " is %" PRId64
                           ", expected 0 to %" PRId64,
                           r->path, s->observable->name, i, s->length[i], s->elements);
    return err;
}

static err_t check_sets(const reading_t *r, const source_t *s)
{
    int64_t n = r->table->n;
    if (s->rows != n)
        return err_fail(ERR_FORMAT, "%s: %s has %" PRId64 " data sets, expected %" PRId64, r->path,
                        s->observable->name, s->rows, n);
    return OK;
}

static err_t changed(const reading_t *r)
{
    return err_fail(ERR_MISMATCH, "%s: it was changed while it was read: try again", r->path);
}

static void judge(const source_t *s, int64_t n, const float *values, table_set_t *set)
{
    for (int64_t k = 0; k < n && !set->problem; k++)
        if (!isfinite(values[k]) && !(s->observable->missing && isnan(values[k])))
            set->problem = mem_format("%s is %s in element %" PRId64, s->observable->name,
                                      isnan(values[k]) ? "NaN" : "infinite", k / s->features);
}

static err_t take_values(const reading_t *r, const source_t *s, int o, int64_t i,
                         const float *values)
{
    table_set_t *set = &r->table->sets[i];
    int64_t n = s->length[i];
    uint64_t hash = table_hash(0, n * s->features, values);
    if (r->again && (n != set->n[o] || hash != set->hash[o]))
        return changed(r);
    if (r->sink)
        TRY(r->sink->take(r->sink->to, i, o, 0, n, values));
    set->n[o] = n;
    set->hash[o] = hash;
    judge(s, n * s->features, values, set);
    return OK;
}

static int64_t rows_at_once(int64_t size)
{
    int64_t rows = READ_BYTES / (int64_t)sizeof(float) / (size + 1);
    return rows < 1 ? 1 : rows;
}

static err_t read_values(const reading_t *r, int o, const source_t *s)
{
    int64_t size = s->elements * s->features, most = rows_at_once(size);
    float *block = MEM_NEW(float, most *size + 1);
    err_t err = OK;
    for (int64_t first = 0; first < s->rows && err == OK; first += most) {
        int64_t n = s->rows - first < most ? s->rows - first : most;
        err = stop_requested()
                  ? err_fail(ERR_STOPPED, "%s: stopped on request while it was read", r->path)
                  : h5_read_rows(s->dataset, first, n, H5_TYPE_F32, block);
        for (int64_t i = 0; i < n && err == OK; i++)
            err = take_values(r, s, o, first + i, block + i * size);
    }
    free(block);
    return err;
}

static err_t read_observable(const reading_t *r, int o)
{
    source_t s = {.observable = &r->schema->observables[o], .dataset = H5_NONE};
    err_t err;
    TRY_TO(done, open_source(r, &s));
    TRY_TO(done, check_dims(r, &s));
    r->table->features[o] = s.features;
    TRY_TO(done, check_sets(r, &s));
    TRY_TO(done, read_lengths(r, &s));
    TRY_TO(done, read_values(r, o, &s));
done:
    h5_drop(&s.dataset);
    free(s.length);
    return err;
}

/* ---- design ---- */

static err_t read_design(const reading_t *r, int at, const char *name)
{
    int64_t n = r->table->n;
    double *value = MEM_NEW(double, n);
    char *path = mem_format("design/%s", name);
    h5_shape_t shape = h5_vector(H5_TYPE_F64, n);
    err_t err = err_context(h5_read(r->file, path, &shape, value), "design variable %s", name);
    for (int64_t i = 0; i < n && err == OK; i++) {
        table_set_t *set = &r->table->sets[i];
        set->design[at] = value[i];
        if (!isfinite(value[i]) && !set->problem)
            set->problem = mem_format("%s is %s", name, isnan(value[i]) ? "NaN" : "infinite");
    }
    free(path);
    free(value);
    return err;
}

bool table_hdf5_has_design(const char *path, const char *name)
{
    h5_id_t file;
    if (h5_open(path, &file) != OK) {
        err_clear();
        return false;
    }
    char *place = mem_format("design/%s", name);
    bool has = h5_has(file, place);
    free(place);
    h5_drop(&file);
    return has;
}

/* ---- ids and groups ---- */

/* n texts, or integers as texts; freed with h5_free_texts. */
static err_t read_names(h5_id_t file, const char *path, const char *name, int64_t n, char ***out)
{
    int64_t found;
    if (h5_read_texts(file, name, &found, out) == OK) {
        if (found == n)
            return OK;
        h5_free_texts(found, out);
        return err_fail(ERR_FORMAT, "%s: %s: %" PRId64 " of them for %" PRId64 " data sets", path,
                        name, found, n);
    }
    err_clear(); // no texts: then integers
    int64_t *number = MEM_NEW(int64_t, n + 1);
    h5_shape_t shape = h5_vector(H5_TYPE_I64, n);
    err_t err = h5_read(file, name, &shape, number);
    *out = err == OK ? MEM_NEW(char *, n + 1) : NULL;
    for (int64_t i = 0; i < n && err == OK; i++)
        (*out)[i] = mem_format("%" PRId64, number[i]);
    free(number);
    return err;
}

static err_t read_ids(const reading_t *r, int64_t n)
{
    char **names, text[32];
    bool named = h5_has(r->file, "id");
    if (named)
        TRY(read_names(r->file, r->path, "id", n, &names));
    for (int64_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%" PRId64, i);
        table_add(r->table, named ? names[i] : text);
    }
    if (named)
        h5_free_texts(n, &names);
    return OK;
}

static err_t take_groups(const char *path, const char *name, char **names, table_t *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        t->sets[i].group = table_group(t, names[i]);
        if (t->sets[i].group < 0 && names[i][0] != '\0')
            return err_fail(ERR_FORMAT, "%s: %s: more than %d different groups", path, name,
                            TABLE_MOST_GROUPS);
    }
    return OK;
}

err_t table_hdf5_groups(const char *path, const char *name, table_t *t)
{
    h5_id_t file;
    char **names = NULL;
    TRY(h5_open(path, &file));
    err_t err =
        h5_has(file, name)
            ? read_names(file, path, name, t->n, &names)
            : err_fail(ERR_MISSING, "%s: no data set %s, which infer.group names", path, name);
    h5_drop(&file);
    if (err == OK)
        err = take_groups(path, name, names, t);
    if (names != NULL)
        h5_free_texts(t->n, &names);
    return err;
}

/* The first observable decides how many data sets there are. */
static err_t count_sets(const reading_t *r, int64_t *n)
{
    source_t s = {.observable = &r->schema->observables[0], .dataset = H5_NONE};
    err_t err;
    TRY_TO(done, open_source(r, &s));
    TRY_TO(done, check_dims(r, &s));
    *n = s.rows;
    if (s.rows < 1)
        err = err_fail(ERR_FORMAT, "%s: %s has 0 data sets, expected at least 1", r->path,
                       s.observable->name);
done:
    h5_drop(&s.dataset);
    return err;
}

static err_t make_sets(const reading_t *r)
{
    int64_t n;
    TRY(count_sets(r, &n));
    if (r->again)
        return n == r->table->n ? OK : changed(r);
    return read_ids(r, n);
}

static err_t read_file(reading_t *r, int n_design, const int *which)
{
    err_t err;
    CHECK(r->schema->n_observables > 0, "no observables to read");
    TRY_TO(done, h5_open(r->path, &r->file));
    TRY_TO(done, make_sets(r));
    for (int o = 0; o < r->schema->n_observables; o++)
        TRY_TO(done, read_observable(r, o));
    for (int d = 0; d < n_design && !r->again; d++)
        TRY_TO(done, read_design(r, d, r->schema->design[which[d]].name));
done:
    h5_drop(&r->file);
    return err;
}

err_t table_read_hdf5(const char *path, const schema_t *schema, int n, const int *which,
                      const table_sink_t *sink, table_t *out)
{
    reading_t r = {path, H5_NONE, schema, out, sink, false};
    *out = table_create(schema->n_observables, n);
    for (int o = 0; o < schema->n_observables; o++)
        out->features[o] = schema_stride(&schema->observables[o]);
    err_t err = read_file(&r, n, which);
    if (err != OK)
        table_free(out);
    return err;
}

err_t table_again_hdf5(const char *path, const schema_t *schema, const table_sink_t *sink,
                       table_t *table)
{
    reading_t r = {path, H5_NONE, schema, table, sink, true};
    return read_file(&r, 0, NULL);
}
