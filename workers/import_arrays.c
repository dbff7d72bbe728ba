// SPDX-License-Identifier: Apache-2.0
// Files that hold arrays, rows first: HDF5 and NPY. Both look names up in the same way.
#include "cluster/mem.h"
#include "cluster/text.h"
#include "cluster/yaml.h"
#include "storage/h5.h"
#include "storage/schema_array.h"
#include "workers/import_inside.h"
#include "workers/npy.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// One array, open in one of two formats.
typedef struct {
    char *name;      // for messages: "sims.h5: parameters/mu"
    h5_id_t dataset; // or
    npy_t *npy;      // borrowed
    int n_dims;
    int64_t dims[H5_MAX_DIMS];
} array_t;

// Columns of a role: one array (n, all numbers of a row), or an array for each item, (n) or (n, its dims); those that are not
// there have dims none.
typedef struct {
    int width; // items
    int *
        first; // (width + 1) where the numbers of each begin in a row; the last is the count of all
    bool whole;
    array_t *arrays; // (1) or (width)
} columns_t;

typedef struct {
    h5_id_t file; // or
    int n_pairs;
    char **names;  // (n_pairs)
    npy_t **files; // (n_pairs)
    bool *used;    // (n_pairs)

    columns_t parameters, design, length;
    array_t *observables; // (O)
    array_t status, seconds, reason_of;
    int64_t n_reasons;
    char **reasons; // (n_reasons)
} arrays_t;

/* ---- looked up ---- */

static bool is_there(const array_t *a)
{
    return a->dataset != H5_NONE || a->npy != NULL;
}

static const array_t nothing = {.dataset = H5_NONE};

// Names of NPY files may have a dot for the slash.
static int find_pair(const arrays_t *a, const char *path)
{
    for (int i = 0; i < a->n_pairs; i++) {
        const char *x = a->names[i], *y = path;
        while (*x != '\0' && (*x == *y || (*x == '.' && *y == '/'))) {
            x++;
            y++;
        }
        if (*x == '\0' && *y == '\0')
            return i;
    }
    return -1;
}

static err_t open_path(import_source_t *s, const char *path, array_t *out)
{
    arrays_t *a = s->state;
    h5_shape_t shape = {0};
    int pair = find_pair(a, path);
    *out = nothing;
    out->name = mem_format("%s: %s", s->name, path);
    if (pair >= 0) {
        free(out->name);
        out->name = mem_copy_text(s->origin.files[pair].name);
        out->npy = a->files[pair];
        out->n_dims = npy_dims(out->npy, out->dims);
        a->used[pair] = true;
        return OK;
    }
    TRY(h5_dataset_open(a->file, path, &out->dataset));
    TRY(h5_dataset_shape(out->dataset, &shape));
    out->n_dims = shape.n_dims;
    memcpy(out->dims, shape.dims, sizeof out->dims);
    return OK;
}

static bool has_path(const import_source_t *s, const char *path)
{
    const arrays_t *a = s->state;
    return a->file != H5_NONE ? h5_has(a->file, path) : find_pair(a, path) >= 0;
}

// group/name, or the name alone where it is clear (`flat`). Not there: left as `nothing`.
static err_t look_up(import_source_t *s, const char *group, const char *name, bool flat,
                     array_t *out)
{
    char *path = mem_format("%s/%s", group, name);
    err_t err = OK;
    *out = nothing;
    if (has_path(s, path))
        err = open_path(s, path, out);
    else if (flat && import_name_is_unique(s->schema, name) && has_path(s, name))
        err = open_path(s, name, out);
    free(path);
    return err;
}

static err_t missing(const import_source_t *s, const char *group, const char *name)
{
    const arrays_t *a = s->state;
    char **names = NULL;
    text_t list = text_create();
    int64_t n = 0;
    if (a->file != H5_NONE && h5_names(a->file, ".", &n, &names) != OK)
        err_clear();
    for (int64_t i = 0; i < (names ? n : a->n_pairs) && list.length < 300; i++)
        text_add_item(&list, names ? names[i] : a->names[i]);
    err_t err = err_fail(ERR_FORMAT, "%s: there is no %s/%s; it holds: %.300s", s->name, group,
                         name, list.data);
    text_free(&list);
    h5_free_texts(n, &names);
    return err;
}

/* ---- shapes ---- */

static err_t check_rows(import_source_t *s, const array_t *a)
{
    if (a->n_dims < 1)
        return err_fail(ERR_FORMAT, "%s: one number, expected an array with a row each simulation",
                        a->name);
    if (s->rows < 0)
        s->rows = a->dims[0];
    if (a->dims[0] != s->rows)
        return err_fail(ERR_FORMAT, "%s: %" PRId64 " rows, expected %" PRId64 " as in the others",
                        a->name, a->dims[0], s->rows);
    return OK;
}

static char *dims_text(int n, const int64_t *dims)
{
    text_t text = text_create();
    for (int d = 0; d < n; d++)
        text_add(&text, "%s%" PRId64, d ? ", " : "", dims[d]);
    return text.data;
}

static err_t bad_shape(const array_t *a, int n, const int64_t *dims)
{
    char *got = dims_text(a->n_dims - 1, a->dims + 1), *expected = dims_text(n, dims);
    err_t err = err_fail(ERR_FORMAT, "%s: shape (rows%s%s), expected (rows%s%s)", a->name,
                         got[0] ? ", " : "", got, expected[0] ? ", " : "", expected);
    free(expected);
    free(got);
    return err;
}

// Dims of a row are compared with sizes of 1 left out; `d` of those that are declared and `at` of the array's are passed.
static err_t check_dims(const array_t *a, int at, int n_dims, const int64_t *dims, int d)
{
    for (; d < n_dims || at < a->n_dims; d += d < n_dims, at += at < a->n_dims) {
        while (d < n_dims && dims[d] == 1)
            d++;
        while (at < a->n_dims && a->dims[at] == 1)
            at++;
        if (d == n_dims && at == a->n_dims)
            break;
        if (d == n_dims || at == a->n_dims || dims[d] != a->dims[at])
            return bad_shape(a, n_dims, dims);
    }
    return OK;
}

// A number a row: (n) or (n, 1).
static err_t check_column(import_source_t *s, const array_t *a)
{
    TRY(check_rows(s, a));
    return a->n_dims == 1 || (a->n_dims == 2 && a->dims[1] == 1) ? OK : bad_shape(a, 0, NULL);
}

// The first dim may be smaller where the length varies.
static err_t check_observable(import_source_t *s, int k)
{
    const schema_observable_t *o = &s->schema->observables[k];
    const array_t *a = &((arrays_t *)s->state)->observables[k];
    int at = 1, d = 0;
    TRY(check_rows(s, a));
    if (o->length_design >= 0 && a->n_dims >= 2 && a->dims[1] <= o->dims[0]) {
        s->elements[k] = a->dims[1];
        at = 2;
        d = 1;
    }
    return check_dims(a, at, o->n_dims, o->dims, d);
}

/* ---- opened ---- */

// Design variables have a name and one value each, as scalar parameters have.
typedef schema_variable_t (*item_of_t)(const schema_t *schema, int i);

static schema_variable_t design_item(const schema_t *schema, int i)
{
    return (schema_variable_t){.name = schema->design[i].name, .first = i, .n = 1};
}

static err_t open_whole(import_source_t *s, const char *group, columns_t *c)
{
    c->whole = true;
    TRY(open_path(s, group, &c->arrays[0]));
    TRY(check_rows(s, &c->arrays[0]));
    const array_t *a = &c->arrays[0];
    int numbers = c->first[c->width];
    if (a->n_dims == 2 ? a->dims[1] == numbers : a->n_dims == 1 && numbers == 1)
        return OK;
    return bad_shape(a, 1, (int64_t[]){numbers});
}

static bool is_array(const import_source_t *s, const char *path)
{
    const arrays_t *a = s->state;
    h5_id_t id = H5_NONE;
    if (a->file == H5_NONE)
        return has_path(s, path);
    bool is = h5_has(a->file, path) && h5_dataset_open(a->file, path, &id) == OK;
    h5_drop(&id);
    err_clear();
    return is;
}

static err_t check_item(import_source_t *s, const array_t *a, const schema_variable_t *item)
{
    if (item->n_dims == 0)
        return check_column(s, a);
    TRY(check_rows(s, a));
    return check_dims(a, 1, item->n_dims, item->dims, 0);
}

static err_t open_columns(import_source_t *s, const char *group, int width, item_of_t item_of,
                          columns_t *c)
{
    c->width = width;
    c->first = MEM_NEW(int, width + 1);
    c->arrays = MEM_NEW(array_t, width + 1);
    for (int i = 0; i < width; i++) {
        schema_variable_t item = item_of(s->schema, i);
        c->arrays[i] = nothing;
        c->first[i + 1] = item.first + item.n;
    }
    if (width > 0 && is_array(s, group))
        return open_whole(s, group, c);
    for (int i = 0; i < width; i++) {
        schema_variable_t item = item_of(s->schema, i);
        TRY(look_up(s, group, item.name, true, &c->arrays[i]));
        if (is_there(&c->arrays[i]))
            TRY(check_item(s, &c->arrays[i], &item));
    }
    return OK;
}

// What gives a length that varies: a design variable or /length.
static bool length_is_told(const arrays_t *a, const schema_t *m, int design)
{
    for (int k = 0; k < m->n_observables; k++)
        if (m->observables[k].length_design == design && is_there(&a->length.arrays[k]))
            return true;
    return false;
}

static err_t check_present(import_source_t *s)
{
    const arrays_t *a = s->state;
    const schema_t *m = s->schema;
    for (int k = 0; k < a->parameters.width && !a->parameters.whole; k++)
        if (!is_there(&a->parameters.arrays[k]))
            return missing(s, "parameters", schema_variable(m, k).name);
    for (int d = 0; d < m->n_design && !a->design.whole; d++)
        if (!is_there(&a->design.arrays[d]) && !length_is_told(a, m, d))
            return missing(s, "design", m->design[d].name);
    for (int i = 0; i < a->n_pairs; i++)
        if (!a->used[i])
            return err_fail(ERR_FORMAT, "%s: the model has no \"%s\" (or not in this group)",
                            s->origin.files[i].name, a->names[i]);
    return OK;
}

static err_t open_optional(import_source_t *s, const char *name, array_t *out)
{
    TRY(look_up(s, "row", name, false, out));
    return is_there(out) ? check_column(s, out) : OK;
}

static err_t open_arrays(import_source_t *s)
{
    arrays_t *a = s->state;
    const schema_t *m = s->schema;
    s->rows = -1;
    int variables = schema_variable_count(m);
    TRY(open_columns(s, "parameters", variables, schema_variable, &a->parameters));
    TRY(open_columns(s, "design", m->n_design, design_item, &a->design));
    for (int k = 0; k < m->n_observables; k++) {
        const char *name = m->observables[k].name;
        TRY(look_up(s, "observables", name, true, &a->observables[k]));
        if (!is_there(&a->observables[k]))
            return missing(s, "observables", name);
        TRY(check_observable(s, k));
        TRY(look_up(s, "length", name, false, &a->length.arrays[k]));
        if (is_there(&a->length.arrays[k]))
            TRY(check_column(s, &a->length.arrays[k]));
    }
    TRY(open_optional(s, "status", &a->status));
    TRY(open_optional(s, "seconds", &a->seconds));
    if (a->file != H5_NONE && h5_has(a->file, "row/reason")) {
        TRY(open_optional(s, "reason_of", &a->reason_of));
        TRY(h5_read_texts(a->file, "row/reason", &a->n_reasons, &a->reasons));
    }
    return check_present(s);
}

/* ---- read ---- */

static err_t read_f64(const array_t *a, int64_t first, int64_t n, double *out)
{
    return a->npy != NULL ? npy_read_f64(a->npy, first, n, out)
                          : h5_read_rows(a->dataset, first, n, H5_TYPE_F64, out);
}

static err_t read_columns(const columns_t *c, int64_t first, int64_t n, double *out)
{
    if (c->whole)
        return read_f64(&c->arrays[0], first, n, out);
    int numbers = c->first[c->width];
    double *column = MEM_NEW(double, n *numbers);
    err_t err = OK;
    for (int k = 0; k < c->width && err == OK; k++) {
        int64_t own = c->first[k + 1] - c->first[k];
        if (!is_there(&c->arrays[k]))
            continue;
        err = read_f64(&c->arrays[k], first, n, column);
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * numbers + c->first[k], column + i * own, (size_t)own * sizeof *out);
    }
    free(column);
    return err;
}

// Rows of fewer elements than declared are moved apart, last first; what follows them is 0.
static void spread(int64_t n, int64_t got, int64_t size, float *x)
{
    for (int64_t i = n; i-- > 0;) {
        memmove(x + i * size, x + i * got, (size_t)got * sizeof *x);
        memset(x + i * size + got, 0, (size_t)(size - got) * sizeof *x);
    }
}

static err_t read_observable(const import_source_t *s, int k, int64_t first, int64_t n, float *out)
{
    const array_t *a = &((const arrays_t *)s->state)->observables[k];
    const schema_observable_t *o = &s->schema->observables[k];
    int64_t got = s->elements[k] * schema_stride(o), size = schema_size(o);
    if (a->npy != NULL)
        TRY(npy_read_f32(a->npy, first, n, out));
    else
        TRY(h5_read_rows(a->dataset, first, n, H5_TYPE_F32, out));
    if (got < size)
        spread(n, got, size, out);
    return OK;
}

// Numbers of a column where it is there; NaN elsewhere.
static err_t read_optional(const array_t *a, int64_t first, int64_t n, double *out)
{
    if (is_there(a))
        return read_f64(a, first, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = NAN;
    return OK;
}

// Lengths and statuses are kept as they are only where they are whole numbers of a type's range.
static err_t whole(const array_t *a, int64_t row, double x, double most, int64_t *out)
{
    if (!(x >= 0 && x <= most && x == floor(x)))
        return err_fail(ERR_FORMAT, "%s: row %" PRId64 ": got %g, expected a whole number to %g",
                        a->name, row, x, most);
    *out = (int64_t)x;
    return OK;
}

static err_t read_lengths(const import_source_t *s, int64_t first, int64_t n, double *column,
                          rows_t *rows, int64_t at)
{
    const arrays_t *a = s->state;
    int n_observables = s->schema->n_observables;
    for (int k = 0; k < n_observables; k++) {
        const array_t *array = &a->length.arrays[k];
        if (!is_there(array))
            continue;
        TRY(read_f64(array, first, n, column));
        for (int64_t i = 0; i < n; i++) {
            int64_t length = 0;
            TRY(whole(array, first + i, column[i], INT32_MAX, &length));
            rows->length[(at + i) * n_observables + k] = (int32_t)length;
        }
    }
    return OK;
}

static err_t read_outcomes(const import_source_t *s, int64_t first, int64_t n, double *column,
                           rows_t *rows, int64_t at)
{
    const arrays_t *a = s->state;
    TRY(read_optional(&a->status, first, n, column));
    for (int64_t i = 0; i < n && is_there(&a->status); i++) {
        int64_t status = 0;
        TRY(whole(&a->status, first + i, column[i], ROW_STATUS_COUNT - 1, &status));
        rows->status[at + i] = (uint8_t)status;
    }
    TRY(read_optional(&a->seconds, first, n, column));
    for (int64_t i = 0; i < n; i++)
        rows->seconds[at + i] = isfinite(column[i]) ? column[i] : 0;
    TRY(read_optional(&a->reason_of, first, n, column));
    for (int64_t i = 0; i < n; i++)
        if (column[i] >= 0 && column[i] < (double)a->n_reasons)
            rows_set_reason(rows, at + i, a->reasons[(int64_t)column[i]]);
    return OK;
}

static err_t read_rows(import_source_t *s, int64_t first, int64_t n, rows_t *rows, int64_t at)
{
    const arrays_t *a = s->state;
    const schema_t *m = s->schema;
    double *column = MEM_NEW(double, n);
    err_t err;
    TRY_TO(done, read_columns(&a->parameters, first, n, rows->parameters + at * m->n_parameters));
    TRY_TO(done, read_columns(&a->design, first, n, rows->design + at * m->n_design));
    for (int k = 0; k < m->n_observables; k++)
        TRY_TO(done, read_observable(s, k, first, n,
                                     rows->observables[k] + at * schema_size(&m->observables[k])));
    TRY_TO(done, read_lengths(s, first, n, column, rows, at));
    TRY_TO(done, read_outcomes(s, first, n, column, rows, at));
done:
    free(column);
    return err;
}

/* ---- the two kinds ---- */

static void free_columns(columns_t *c)
{
    for (int i = 0; c->arrays != NULL && i < c->width; i++)
        free(c->arrays[i].name);
    free(c->arrays);
    free(c->first);
}

static void close_arrays(import_source_t *s)
{
    arrays_t *a = s->state;
    free_columns(&a->parameters);
    free_columns(&a->design);
    free_columns(&a->length);
    for (int k = 0; k < s->schema->n_observables; k++)
        free(a->observables[k].name);
    free(a->observables);
    free(a->status.name);
    free(a->seconds.name);
    free(a->reason_of.name);
    h5_free_texts(a->n_reasons, &a->reasons);
    for (int i = 0; i < a->n_pairs; i++) {
        free(a->names[i]);
        npy_close(&a->files[i]);
    }
    free(a->names);
    free(a->files);
    free(a->used);
    h5_drop(&a->file); // with the data sets
    free(a);
    s->state = NULL;
}

static arrays_t *begin(import_source_t *s, int n_pairs)
{
    arrays_t *a = MEM_NEW(arrays_t, 1);
    int n = s->schema->n_observables;
    a->file = H5_NONE;
    a->observables = MEM_NEW(array_t, n);
    a->length = (columns_t){.width = n, .arrays = MEM_NEW(array_t, n)};
    for (int k = 0; k < n; k++)
        a->observables[k] = a->length.arrays[k] = nothing;
    a->status = a->seconds = a->reason_of = nothing;
    a->names = MEM_NEW(char *, n_pairs);
    a->files = MEM_NEW(npy_t *, n_pairs);
    a->used = MEM_NEW(bool, n_pairs);
    s->state = a;
    s->read = read_rows;
    s->close = close_arrays;
    return a;
}

// A file that names its model must name this one.
static err_t check_model(import_source_t *s, h5_id_t file)
{
    schema_t there = {0};
    char *text = NULL, *difference = NULL;
    err_t err = OK;
    if (!h5_has_attribute(file, "model"))
        return OK;
    TRY_TO(done, h5_get_text(file, "model", &text));
    TRY_TO(done, schema_parse(text, s->name, &there));
    difference = schema_difference(&there, s->schema);
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s: it was made by another model than declared: %s", s->name,
                       difference);
done:
    schema_free(&there);
    free(difference);
    free(text);
    return err;
}

err_t import_open_hdf5(import_source_t *s, const char *path)
{
    arrays_t *a = begin(s, 0);
    TRY(h5_open(path, &a->file));
    TRY(check_model(s, a->file));
    return open_arrays(s);
}

err_t import_open_npy(import_source_t *s, int n, const char *const *pairs)
{
    arrays_t *a = begin(s, n);
    for (int i = 0; i < n; i++) {
        const char *equal = strchr(pairs[i], '=');
        a->names[i] = mem_format("%.*s", (int)(equal - pairs[i]), pairs[i]);
        a->n_pairs++;
        TRY(npy_open(equal + 1, &a->files[i]));
    }
    return open_arrays(s);
}
