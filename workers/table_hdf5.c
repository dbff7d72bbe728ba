// SPDX-License-Identifier: Apache-2.0
#include "workers/table_hdf5.h"

#include "cluster/mem.h"
#include "storage/h5.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { READ_ROWS = 256 };

typedef struct {
    const char *path;
    h5_id_t file;
    const schema_t *schema;
    table_t *table;
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

/* The first observable decides how many data sets there are. */
static err_t make_sets(const reading_t *r, int o, int64_t rows)
{
    table_t *t = r->table;
    if (o == 0) {
        t->sets = MEM_NEW(table_set_t, rows + 1);
        t->n = rows;
        for (int64_t i = 0; i < rows; i++) {
            t->sets[i].n = MEM_NEW(int64_t, t->n_observables);
            t->sets[i].values = MEM_NEW(float *, t->n_observables);
            t->sets[i].design = MEM_NEW(double, t->n_design + 1);
        }
    }
    if (rows < 1 || rows != t->n)
        return err_fail(ERR_FORMAT, "%s: %s has %" PRId64 " data sets, expected %s%" PRId64,
                        r->path, r->schema->observables[o].name, rows, rows < 1 ? "at least " : "",
                        rows < 1 ? 1 : t->n);
    return OK;
}

static void put_values(const source_t *s, int o, const float *values, table_set_t *set)
{
    int64_t n = set->n[o] * s->features;
    set->values[o] = MEM_NEW(float, n + 1);
    memcpy(set->values[o], values, (size_t)n * sizeof *values);
    for (int64_t k = 0; k < n && !set->problem; k++)
        if (!isfinite(values[k]) && !(s->observable->missing && isnan(values[k])))
            set->problem = mem_format("%s is %s in element %" PRId64, s->observable->name,
                                      isnan(values[k]) ? "NaN" : "infinite", k / s->features);
}

static err_t read_values(const reading_t *r, int o, const source_t *s)
{
    int64_t size = s->elements * s->features;
    float *block = MEM_NEW(float, READ_ROWS *size + 1);
    err_t err = OK;
    for (int64_t first = 0; first < s->rows && err == OK; first += READ_ROWS) {
        int64_t n = s->rows - first < READ_ROWS ? s->rows - first : READ_ROWS;
        err = h5_read_rows(s->dataset, first, n, H5_TYPE_F32, block);
        for (int64_t i = 0; i < n && err == OK; i++) {
            r->table->sets[first + i].n[o] = s->length[first + i];
            put_values(s, o, block + i * size, &r->table->sets[first + i]);
        }
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
    TRY_TO(done, make_sets(r, o, s.rows));
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

/* ---- ids ---- */

static err_t wrong_count(const reading_t *r, int64_t n)
{
    return err_fail(ERR_FORMAT, "%s: %" PRId64 " ids for %" PRId64 " data sets", r->path, n,
                    r->table->n);
}

static err_t number_ids(const reading_t *r, bool counted)
{
    int64_t n = r->table->n, *id = MEM_NEW(int64_t, n + 1);
    h5_shape_t shape = h5_vector(H5_TYPE_I64, n);
    for (int64_t i = 0; i < n; i++)
        id[i] = i;
    err_t err = counted ? OK : h5_read(r->file, "id", &shape, id);
    for (int64_t i = 0; i < n && err == OK; i++)
        r->table->sets[i].id = mem_format("%" PRId64, id[i]);
    free(id);
    return err;
}

static err_t text_ids(const reading_t *r, int64_t n, char **texts)
{
    if (n != r->table->n)
        return wrong_count(r, n);
    for (int64_t i = 0; i < n; i++)
        r->table->sets[i].id = mem_copy_text(texts[i]);
    return OK;
}

static err_t read_ids(const reading_t *r)
{
    int64_t n;
    char **texts;
    if (!h5_has(r->file, "id"))
        return number_ids(r, true);
    if (h5_read_texts(r->file, "id", &n, &texts) != OK) {
        err_clear(); // no texts: then integers
        return number_ids(r, false);
    }
    err_t err = text_ids(r, n, texts);
    h5_free_texts(n, &texts);
    return err;
}

err_t table_read_hdf5(const char *path, const schema_t *schema, int n, const int *which,
                      table_t *out)
{
    reading_t r = {.path = path, .file = H5_NONE, .schema = schema, .table = out};
    *out = (table_t){.n_observables = schema->n_observables,
                     .n_design = n,
                     .features = MEM_NEW(int64_t, schema->n_observables + 1)};
    err_t err;
    TRY_TO(done, h5_open(path, &r.file));
    for (int o = 0; o < schema->n_observables; o++)
        TRY_TO(done, read_observable(&r, o));
    for (int d = 0; d < n; d++)
        TRY_TO(done, read_design(&r, d, schema->design[which[d]].name));
    TRY_TO(done, read_ids(&r));
done:
    h5_drop(&r.file);
    if (err != OK)
        table_free(out);
    return err;
}
