// SPDX-License-Identifier: Apache-2.0
#include "storage/schema_array.h"

#include "cluster/mem.h"
#include "cluster/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- found ---- */

static int values_of(int n_dims, const int64_t *dims)
{
    int64_t n = 1;
    for (int d = 0; d < n_dims; d++)
        n *= dims[d];
    return (int)n;
}

schema_variable_t schema_variable_at(const schema_t *schema, int first)
{
    CHECK(first >= 0 && first < schema->n_parameters, "parameter %d of %d", first,
          schema->n_parameters);
    const schema_parameter_t *p = &schema->parameters[first];
    CHECK(p->place == 0, "%s is not the first value of its array", p->name);
    return (schema_variable_t){.name = p->array ? p->array : p->name,
                               .first = first,
                               .n = values_of(p->n_dims, p->dims),
                               .n_dims = p->n_dims,
                               .dims = p->dims};
}

int schema_variable_count(const schema_t *schema)
{
    int count = 0;
    for (int p = 0; p < schema->n_parameters; p += schema_variable_at(schema, p).n)
        count++;
    return count;
}

schema_variable_t schema_variable(const schema_t *schema, int k)
{
    schema_variable_t v = schema_variable_at(schema, 0);
    while (k-- > 0)
        v = schema_variable_at(schema, v.first + v.n);
    return v;
}

schema_variable_t schema_variable_named(const schema_t *schema, const char *name)
{
    schema_variable_t v;
    for (int p = 0; p < schema->n_parameters; p += v.n) {
        v = schema_variable_at(schema, p);
        if (strcmp(v.name, name) == 0)
            return v;
    }
    return (schema_variable_t){0};
}

bool schema_has_arrays(const schema_t *schema)
{
    for (int p = 0; p < schema->n_parameters; p++)
        if (schema->parameters[p].n_dims > 0)
            return true;
    return false;
}

char *schema_variable_dims(const schema_variable_t *v)
{
    text_t text = text_create();
    for (int d = 0; d < v->n_dims; d++)
        text_add(&text, "%s%" PRId64, d ? " x " : "", v->dims[d]);
    return text.data;
}

/* ---- declared ---- */

static void free_declared(schema_parameter_t *declared)
{
    free(declared->name);
    free(declared->unit);
    free(declared->prior);
    *declared = (schema_parameter_t){0};
}

static err_t check_dims(const schema_t *s, const schema_parameter_t *p)
{
    int64_t most = SCHEMA_MAX_VALUES - s->n_parameters, n = 1;
    const char *name = p->name ? p->name : "";
    if (p->n_dims < 0 || p->n_dims > SCHEMA_MAX_DIMS)
        return err_fail(ERR_FORMAT, "parameter %s: %d dims, expected at most %d", name, p->n_dims,
                        SCHEMA_MAX_DIMS);
    for (int d = 0; d < p->n_dims; d++) {
        if (p->dims[d] < 1)
            return err_fail(ERR_FORMAT, "parameter %s: dims[%d] is %" PRId64 ", expected 1 or more",
                            name, d, p->dims[d]);
        if (p->dims[d] > most / n)
            return err_fail(ERR_FORMAT,
                            "parameter %s: a model has at most %d values of parameters in all",
                            name, SCHEMA_MAX_VALUES);
        n *= p->dims[d];
    }
    return OK;
}

// "image[3,17]": the place in row-major order, as indices.
static char *value_name(const schema_parameter_t *p, int64_t place)
{
    int64_t index[SCHEMA_MAX_DIMS], left = place;
    for (int d = p->n_dims; d-- > 0; left /= p->dims[d])
        index[d] = left % p->dims[d];
    text_t text = text_create();
    text_add(&text, "%s[", p->name);
    for (int d = 0; d < p->n_dims; d++)
        text_add(&text, "%s%" PRId64, d ? "," : "", index[d]);
    text_add(&text, "]");
    return text.data;
}

static void add_values(schema_t *s, const schema_parameter_t *declared, int n)
{
    for (int k = 0; k < n; k++) {
        schema_parameter_t *p = &s->parameters[s->n_parameters++];
        *p = *declared;
        p->name = value_name(declared, k);
        p->array = mem_copy_text(declared->name);
        p->unit = mem_copy_text(declared->unit);
        p->prior = mem_copy_text(declared->prior);
        p->place = k;
    }
}

err_t schema_add_parameter(schema_t *s, schema_parameter_t *declared)
{
    err_t err = check_dims(s, declared);
    if (err == OK) {
        int n = values_of(declared->n_dims, declared->dims);
        s->parameters = MEM_GROW(s->parameters, schema_parameter_t, s->n_parameters + n);
        if (declared->n_dims == 0) {
            s->parameters[s->n_parameters++] = *declared;
            *declared = (schema_parameter_t){0};
            return OK;
        }
        add_values(s, declared, n);
    }
    free_declared(declared);
    return err;
}
