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

static int64_t column_count(const schema_t *s)
{
    int64_t n = s->n_parameters + s->n_design;
    for (int o = 0; o < s->n_observables; o++)
        n += first_pass_features(&s->observables[o]);
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

static void add_observable(const schema_observable_t *o, const float *x, int32_t length,
                           column_t *columns)
{
    int64_t features = first_pass_features(o), end = values_present(o, length);
    for (int64_t f = 0; f < features; f++)
        if (f < end)
            merge(&columns[f], column_of_f32(x + f, features, end - f));
}

typedef struct {
    int64_t n;          // usable rows of the block
    double *parameters; // (READ_ROWS, P) transformed
    double *design;     // (READ_ROWS, D)
} block_t;

static void add_row(const first_pass_config_t *config, const rows_t *rows, int64_t row,
                    block_t *block, column_t *columns)
{
    const schema_t *s = rows->schema;
    const double *parameters = rows->parameters + row * s->n_parameters;
    double *to = block->parameters + block->n * s->n_parameters;
    if (config->transform)
        config->transform(config->user, parameters, to);
    else
        memcpy(to, parameters, (size_t)s->n_parameters * sizeof *to);
    if (s->n_design > 0)
        memcpy(block->design + block->n * s->n_design, rows->design + row * s->n_design,
               (size_t)s->n_design * sizeof(double));
    block->n++;
    columns += s->n_parameters + s->n_design;
    for (int o = 0; o < s->n_observables; o++) {
        const schema_observable_t *observable = &s->observables[o];
        const float *x = rows->observables[o] + row * schema_size(observable);
        add_observable(observable, x, rows->length[row * s->n_observables + o], columns);
        columns += first_pass_features(observable);
    }
}

static void add_block(const schema_t *s, const block_t *block, column_t *columns)
{
    int P = s->n_parameters, D = s->n_design;
    for (int p = 0; p < P; p++)
        merge(&columns[p], column_of_f64(block->parameters + p, P, block->n * P - p));
    for (int d = 0; d < D; d++)
        merge(&columns[P + d], column_of_f64(block->design + d, D, block->n * D - d));
}

static err_t read_block(const first_pass_config_t *config, int64_t begin, int64_t end, rows_t *rows,
                        block_t *block, column_t *columns)
{
    block->n = 0;
    TRY(bank_read(config->bank, begin, end, rows));
    for (int64_t row = begin; row < end; row++)
        if (shuffle_is_usable(config->shuffle, row))
            add_row(config, rows, row - begin, block, columns);
    add_block(rows->schema, block, columns);
    return OK;
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
    return column_count(bank_schema(config->bank)) * (int64_t)(sizeof(column_t) / sizeof(double));
}

err_t first_pass_part(const first_pass_config_t *config, int64_t part, double *out)
{
    const schema_t *s = bank_schema(config->bank);
    column_t *columns = MEM_NEW(column_t, column_count(s) + 1);
    rows_t rows = rows_create(s, READ_ROWS);
    block_t block = {.parameters = MEM_NEW(double, READ_ROWS * s->n_parameters + 1),
                     .design = MEM_NEW(double, READ_ROWS * s->n_design + 1)};
    int64_t begin = part * FIRST_PASS_ROWS;
    int64_t end = least(begin + FIRST_PASS_ROWS, shuffle_config(config->shuffle)->rows);
    err_t err = OK;
    for (; begin < end && err == OK; begin += READ_ROWS)
        err = read_block(config, begin, least(begin + READ_ROWS, end), &rows, &block, columns);
    memcpy(out, columns, (size_t)first_pass_part_size(config) * sizeof *out);
    free(block.parameters);
    free(block.design);
    free(columns);
    rows_destroy(&rows);
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

static void put_all(const schema_t *s, const column_t *columns, first_pass_t *out)
{
    *out = (first_pass_t){.n_observables = s->n_observables, .rows = (int64_t)columns[0].n};
    columns = put_columns(columns, s->n_parameters, &out->parameter_mean, &out->parameter_sd);
    columns = put_columns(columns, s->n_design, &out->design_mean, &out->design_sd);
    out->features = MEM_NEW(int64_t, s->n_observables + 1);
    out->observable_mean = MEM_NEW(double *, s->n_observables + 1);
    out->observable_sd = MEM_NEW(double *, s->n_observables + 1);
    for (int o = 0; o < s->n_observables; o++) {
        out->features[o] = first_pass_features(&s->observables[o]);
        columns = put_columns(columns, out->features[o], &out->observable_mean[o],
                              &out->observable_sd[o]);
    }
}

void first_pass_merge(const first_pass_config_t *config, const double *parts, first_pass_t *out)
{
    const schema_t *s = bank_schema(config->bank);
    int64_t n_columns = column_count(s), n_parts = first_pass_parts(config);
    column_t *total = MEM_NEW(column_t, n_columns + 1);
    for (int64_t part = 0; part < n_parts; part++)
        for (int64_t c = 0; c < n_columns; c++) {
            const double *at = parts + part * first_pass_part_size(config) + 3 * c;
            merge(&total[c], (column_t){at[0], at[1], at[2]});
        }
    put_all(s, total, out);
    free(total);
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
