// SPDX-License-Identifier: Apache-2.0
#include "storage/shard_fields.h"

#include "cluster/err.h"
#include "storage/schema_array.h"

#include <string.h>

enum { FIELD_INDEX, FIELD_STATUS, FIELDS_OF_A_ROW };

// Which list of the model a field belongs to, and its place there.
typedef struct {
    enum { PART_ROW, PART_PARAMETER, PART_DESIGN, PART_LENGTH, PART_VALUES } part;
    int i;
} place_t;

static place_t place_of(const schema_t *m, int k)
{
    if (k < FIELDS_OF_A_ROW)
        return (place_t){PART_ROW, k};
    k -= FIELDS_OF_A_ROW;
    int n_variables = schema_variable_count(m);
    if (k < n_variables)
        return (place_t){PART_PARAMETER, schema_variable(m, k).first};
    k -= n_variables;
    if (k < m->n_design)
        return (place_t){PART_DESIGN, k};
    k -= m->n_design;
    return (place_t){k % 2 == 0 ? PART_LENGTH : PART_VALUES, k / 2};
}

int shard_field_count(const schema_t *m)
{
    return FIELDS_OF_A_ROW + schema_variable_count(m) + m->n_design + 2 * m->n_observables;
}

int shard_head_count(const schema_t *m)
{
    return FIELDS_OF_A_ROW + schema_variable_count(m);
}

static shard_field_t parameter_field(const schema_t *m, int first)
{
    schema_variable_t v = schema_variable_at(m, first);
    return (shard_field_t){"parameters", v.name, m->parameters[first].unit,   H5_TYPE_F64,
                           v.n_dims,     v.dims, (size_t)v.n * sizeof(double)};
}

static shard_field_t numbers(const char *group, const char *name, const char *unit, h5_type_t type)
{
    return (shard_field_t){group, name, unit, type, 0, NULL, h5_type_bytes(type)};
}

shard_field_t shard_field(const schema_t *m, int k)
{
    place_t p = place_of(m, k);
    CHECK(k >= 0 && k < shard_field_count(m), "field %d of %d", k, shard_field_count(m));
    switch (p.part) {
    case PART_ROW:
        return p.i == FIELD_INDEX ? numbers("row", "index", NULL, H5_TYPE_I64)
                                  : numbers("row", "status", NULL, H5_TYPE_U8);
    case PART_PARAMETER:
        return parameter_field(m, p.i);
    case PART_DESIGN:
        return numbers("design", m->design[p.i].name, m->design[p.i].unit, H5_TYPE_F64);
    case PART_LENGTH:
        return numbers("length", m->observables[p.i].name, NULL, H5_TYPE_I32);
    case PART_VALUES:
        break;
    }
    const schema_observable_t *o = &m->observables[p.i];
    return (shard_field_t){"observables",
                           o->name,
                           o->unit,
                           H5_TYPE_F32,
                           o->n_dims,
                           o->dims,
                           (size_t)schema_size(o) * sizeof(float)};
}

size_t shard_widest_bytes(const schema_t *m)
{
    size_t widest = 0;
    for (int k = 0; k < shard_field_count(m); k++) {
        size_t bytes = shard_field(m, k).row_bytes;
        widest = bytes > widest ? bytes : widest;
    }
    return widest;
}

size_t shard_row_bytes(const schema_t *m)
{
    size_t bytes = 0;
    for (int k = 0; k < shard_field_count(m); k++)
        bytes += shard_field(m, k).row_bytes;
    return bytes;
}

static shard_column_t column(const void *first, size_t width, size_t bytes, int64_t at, int i)
{
    char *base = (char *)first; // rows lend their memory, whoever asks decides what to do with it
    return (shard_column_t){base + ((size_t)at * width + (size_t)i) * bytes, width * bytes};
}

shard_column_t shard_column(const rows_t *rows, int64_t at, int k)
{
    const schema_t *m = rows->schema;
    place_t p = place_of(m, k);
    switch (p.part) {
    case PART_ROW:
        return p.i == FIELD_INDEX ? column(rows->index, 1, sizeof(int64_t), at, 0)
                                  : column(rows->status, 1, sizeof(uint8_t), at, 0);
    case PART_PARAMETER:
        return column(rows->parameters, (size_t)m->n_parameters, sizeof(double), at, p.i);
    case PART_DESIGN:
        return column(rows->design, (size_t)m->n_design, sizeof(double), at, p.i);
    case PART_LENGTH:
        return column(rows->length, (size_t)m->n_observables, sizeof(int32_t), at, p.i);
    case PART_VALUES:
        break;
    }
    size_t size = (size_t)schema_size(&m->observables[p.i]);
    return (shard_column_t){(char *)(rows->observables[p.i] + (size_t)at * size),
                            size * sizeof(float)};
}

void shard_column_get(const shard_column_t *c, int64_t n, size_t bytes, void *out)
{
    char *to = out;
    if (c->stride == bytes)
        memcpy(to, c->first, (size_t)n * bytes);
    for (int64_t i = 0; c->stride != bytes && i < n; i++)
        memcpy(to + (size_t)i * bytes, c->first + (size_t)i * c->stride, bytes);
}

void shard_column_put(const shard_column_t *c, int64_t n, size_t bytes, const void *in)
{
    const char *from = in;
    if (c->stride == bytes)
        memcpy(c->first, from, (size_t)n * bytes);
    for (int64_t i = 0; c->stride != bytes && i < n; i++)
        memcpy(c->first + (size_t)i * c->stride, from + (size_t)i * bytes, bytes);
}
