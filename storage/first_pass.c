// SPDX-License-Identifier: Apache-2.0
// Letters: P parameters, D design variables, F all features of all observables; columns are P, then D, then F.
#include "storage/first_pass.h"

#include "cluster/mem.h"
#include "storage/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { READ_ROWS = 256 };
static const double CONSTANT =
    1e-12; // a column that varies by less of its mean is constant, but for rounding

typedef struct {
    double n, mean, m2; // count, mean, sum of squared deviations
} column_t;

int64_t first_pass_features(const schema_observable_t *o)
{
    switch (o->kind) {
    case KIND_VECTOR:
        return schema_size(o);
    case KIND_SET:
    case KIND_SERIES:
        return schema_stride(o);
    case KIND_IMAGE:
        return o->dims[o->n_dims - 1];
    }
    CHECK(false, "observable of kind %d", (int)o->kind);
    return 0;
}

// The shape of the pass; `features` (O) has room for those of the schema.
static first_pass_shape_t shape_of(const first_pass_config_t *config, int64_t *features)
{
    const schema_t *s = bank_schema(config->bank);
    if (config->transform)
        return config->shape;
    for (int o = 0; o < s->n_observables; o++)
        features[o] = first_pass_features(&s->observables[o]);
    return (first_pass_shape_t){s->n_parameters, s->n_design, s->n_observables, features, NULL};
}

static int64_t *room_for_features(const first_pass_config_t *config)
{
    return MEM_NEW(int64_t, bank_schema(config->bank)->n_observables + 1);
}

static int64_t column_count(const first_pass_shape_t *s)
{
    int64_t n = s->n_parameters + s->n_design;
    for (int o = 0; o < s->n_observables; o++)
        n += s->features[o];
    return n;
}

static void merge(column_t *a, column_t b)
{
    if (b.n == 0)
        return;
    double n = a->n + b.n, delta = b.mean - a->mean;
    a->mean += delta * (b.n / n);
    a->m2 += b.m2 + delta * delta * (a->n * b.n / n);
    a->n = n;
}

/* Of the values x[0], x[stride], ... below `end`. */
static column_t column_of_f64(const double *x, int64_t stride, int64_t end)
{
    column_t c = {0};
    double sum = 0;
    for (int64_t i = 0; i < end; i += stride, c.n++)
        sum += x[i];
    c.mean = c.n > 0 ? sum / c.n : 0;
    for (int64_t i = 0; i < end; i += stride)
        c.m2 += (x[i] - c.mean) * (x[i] - c.mean);
    return c;
}

static column_t column_of_f32(const float *x, int64_t stride, int64_t end)
{
    column_t c = {0};
    double sum = 0;
    for (int64_t i = 0; i < end; i += stride, c.n++)
        sum += (double)x[i];
    c.mean = c.n > 0 ? sum / c.n : 0;
    for (int64_t i = 0; i < end; i += stride)
        c.m2 += ((double)x[i] - c.mean) * ((double)x[i] - c.mean);
    return c;
}

/* Values of a row that are there: its length in elements times the size of one. */
static int64_t values_present(const schema_observable_t *o, int32_t length)
{
    return o->n_dims == 1 ? length : length * schema_stride(o);
}

static void add_observable(int64_t features, int64_t end, const float *x, column_t *columns)
{
    for (int64_t f = 0; f < features; f++)
        if (f < end)
            merge(&columns[f], column_of_f32(x + f, features, end - f));
}

/* A pass at work. */
typedef struct {
    const first_pass_config_t *config;
    first_pass_shape_t shape;
    int64_t *features;           // room for those of the schema
    rows_t rows;                 // (READ_ROWS)
    int64_t n;                   // usable rows of the block
    double *parameters, *design; // (READ_ROWS, P), (READ_ROWS, D)
    const float **observables;   // (O)
    int64_t *values;             // (O)
    column_t *columns;
} pass_t;

static void plain_row(const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    const schema_t *s = rows->schema;
    memcpy(out->parameters, rows->parameters + at * s->n_parameters,
           (size_t)s->n_parameters * sizeof(double));
    if (s->n_design > 0)
        memcpy(out->design, rows->design + at * s->n_design, (size_t)s->n_design * sizeof(double));
    for (int o = 0; o < s->n_observables; o++) {
        const schema_observable_t *observable = &s->observables[o];
        out->observables[o] = rows->observables[o] + at * schema_size(observable);
        out->values[o] = values_present(observable, rows->length[at * s->n_observables + o]);
    }
}

static err_t add_row(pass_t *p, int64_t at)
{
    const first_pass_shape_t *s = &p->shape;
    first_pass_row_t row = {.parameters = p->parameters + p->n * s->n_parameters,
                            .design = p->design + p->n * s->n_design,
                            .observables = p->observables,
                            .values = p->values};
    if (p->config->transform)
        TRY(p->config->transform(p->config->user, &p->rows, at, &row));
    else
        plain_row(&p->rows, at, &row);
    p->n++;
    column_t *columns = p->columns + s->n_parameters + s->n_design;
    for (int o = 0; o < s->n_observables; o++) {
        add_observable(s->features[o], row.values[o], row.observables[o], columns);
        columns += s->features[o];
    }
    return OK;
}

static void add_block(pass_t *p)
{
    int P = p->shape.n_parameters, D = p->shape.n_design;
    for (int k = 0; k < P; k++)
        merge(&p->columns[k], column_of_f64(p->parameters + k, P, p->n * P - k));
    for (int k = 0; k < D; k++)
        merge(&p->columns[P + k], column_of_f64(p->design + k, D, p->n * D - k));
}

static err_t read_block(pass_t *p, int64_t begin, int64_t end)
{
    p->n = 0;
    TRY(bank_read(p->config->bank, begin, end, &p->rows));
    for (int64_t row = begin; row < end; row++)
        if (shuffle_is_usable(p->config->shuffle, row))
            TRY(add_row(p, row - begin));
    add_block(p);
    return OK;
}

static pass_t pass_create(const first_pass_config_t *config)
{
    pass_t p = {.config = config, .features = room_for_features(config)};
    p.shape = shape_of(config, p.features);
    p.rows = rows_create(bank_schema(config->bank), READ_ROWS);
    p.parameters = MEM_NEW(double, READ_ROWS *p.shape.n_parameters + 1);
    p.design = MEM_NEW(double, READ_ROWS *p.shape.n_design + 1);
    p.observables = MEM_NEW(const float *, p.shape.n_observables + 1);
    p.values = MEM_NEW(int64_t, p.shape.n_observables + 1);
    p.columns = MEM_NEW(column_t, column_count(&p.shape) + 1);
    return p;
}

static void pass_destroy(pass_t *p)
{
    rows_destroy(&p->rows);
    free(p->features);
    free(p->parameters);
    free(p->design);
    free(p->observables);
    free(p->values);
    free(p->columns);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t first_pass_parts(const first_pass_config_t *config)
{
    return (shuffle_config(config->shuffle)->rows + FIRST_PASS_ROWS - 1) / FIRST_PASS_ROWS;
}

int64_t first_pass_part_size(const first_pass_config_t *config)
{
    int64_t *features = room_for_features(config);
    first_pass_shape_t shape = shape_of(config, features);
    int64_t size = column_count(&shape) * (int64_t)(sizeof(column_t) / sizeof(double));
    free(features);
    return size;
}

err_t first_pass_part(const first_pass_config_t *config, int64_t part, double *out)
{
    pass_t p = pass_create(config);
    int64_t begin = part * FIRST_PASS_ROWS;
    int64_t end = least(begin + FIRST_PASS_ROWS, shuffle_config(config->shuffle)->rows);
    err_t err = OK;
    for (; begin < end && err == OK; begin += READ_ROWS)
        err = read_block(&p, begin, least(begin + READ_ROWS, end));
    memcpy(out, p.columns, (size_t)first_pass_part_size(config) * sizeof *out);
    pass_destroy(&p);
    return err;
}

/* ---- from parts to means ---- */

static const column_t *put_columns(const column_t *columns, int64_t n, double **mean, double **sd)
{
    *mean = MEM_NEW(double, n + 1);
    *sd = MEM_NEW(double, n + 1);
    for (int64_t i = 0; i < n; i++) {
        double spread = columns[i].n > 0 ? sqrt(columns[i].m2 / columns[i].n) : 0;
        (*mean)[i] = columns[i].mean;
        (*sd)[i] = spread > CONSTANT * fabs(columns[i].mean) ? spread : 1;
    }
    return columns + n;
}

/* The columns of an array become one, that of all its values: an image is standardised as a whole, since a pixel that is
 * hardly ever bright would count as much as those that tell something. */
static void join_arrays(const first_pass_shape_t *s, column_t *columns)
{
    for (int first = 0, end; first < s->n_parameters; first = end) {
        column_t all = columns[first];
        for (end = first + 1;
             end < s->n_parameters && s->arrays[first] > 0 && s->arrays[end] == s->arrays[first];
             end++)
            merge(&all, columns[end]);
        for (int k = first; k < end; k++)
            columns[k] = all;
    }
}

static void put_all(const first_pass_shape_t *s, const column_t *columns, first_pass_t *out)
{
    *out = (first_pass_t){.n_observables = s->n_observables};
    columns = put_columns(columns, s->n_parameters, &out->parameter_mean, &out->parameter_sd);
    columns = put_columns(columns, s->n_design, &out->design_mean, &out->design_sd);
    out->features = MEM_NEW(int64_t, s->n_observables + 1);
    out->observable_mean = MEM_NEW(double *, s->n_observables + 1);
    out->observable_sd = MEM_NEW(double *, s->n_observables + 1);
    for (int o = 0; o < s->n_observables; o++) {
        out->features[o] = s->features[o];
        columns = put_columns(columns, out->features[o], &out->observable_mean[o],
                              &out->observable_sd[o]);
    }
}

void first_pass_merge(const first_pass_config_t *config, const double *parts, first_pass_t *out)
{
    int64_t *features = room_for_features(config);
    first_pass_shape_t shape = shape_of(config, features);
    int64_t n_columns = column_count(&shape), n_parts = first_pass_parts(config);
    column_t *total = MEM_NEW(column_t, n_columns + 1);
    for (int64_t part = 0; part < n_parts; part++)
        for (int64_t c = 0; c < n_columns; c++) {
            const double *at = parts + 3 * (part * n_columns + c);
            merge(&total[c], (column_t){at[0], at[1], at[2]});
        }
    int64_t rows = (int64_t)total[0].n;
    if (shape.arrays != NULL)
        join_arrays(&shape, total);
    put_all(&shape, total, out);
    out->rows = rows;
    free(total);
    free(features);
}

err_t first_pass_run(const first_pass_config_t *config, first_pass_t *out)
{
    int64_t n = first_pass_parts(config), size = first_pass_part_size(config);
    double *parts = MEM_NEW(double, n *size + 1);
    err_t err = OK;
    for (int64_t part = 0; part < n && err == OK; part++)
        err = first_pass_part(config, part, parts + part * size);
    if (err == OK)
        first_pass_merge(config, parts, out);
    free(parts);
    return err;
}

void first_pass_free(first_pass_t *pass)
{
    for (int o = 0; o < pass->n_observables; o++) {
        free(pass->observable_mean[o]);
        free(pass->observable_sd[o]);
    }
    free(pass->observable_mean);
    free(pass->observable_sd);
    free(pass->features);
    free(pass->parameter_mean);
    free(pass->parameter_sd);
    free(pass->design_mean);
    free(pass->design_sd);
    *pass = (first_pass_t){0};
}
