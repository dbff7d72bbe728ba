// SPDX-License-Identifier: Apache-2.0
#include "storage/schema.h"

#include "cluster/mem.h"
#include "storage/schema_array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- made, copied, freed ---- */

static void free_parameter(schema_parameter_t *p)
{
    free(p->name);
    free(p->unit);
    free(p->prior);
    free(p->array);
}

static void free_observable(schema_observable_t *o)
{
    free(o->name);
    free(o->unit);
}

void schema_free(schema_t *schema)
{
    for (int i = 0; i < schema->n_parameters; i++)
        free_parameter(&schema->parameters[i]);
    for (int i = 0; i < schema->n_observables; i++)
        free_observable(&schema->observables[i]);
    for (int i = 0; i < schema->n_design; i++) {
        free(schema->design[i].name);
        free(schema->design[i].unit);
    }
    free(schema->parameters);
    free(schema->observables);
    free(schema->design);
    free(schema->name);
    free(schema->version);
    free(schema->description);
    *schema = (schema_t){0};
}

schema_t schema_copy(const schema_t *schema)
{
    schema_t copy = *schema;
    copy.name = mem_copy_text(schema->name);
    copy.version = mem_copy_text(schema->version);
    copy.description = mem_copy_text(schema->description);
    copy.parameters = MEM_NEW(schema_parameter_t, schema->n_parameters);
    copy.observables = MEM_NEW(schema_observable_t, schema->n_observables);
    copy.design = MEM_NEW(schema_design_t, schema->n_design);
    for (int i = 0; i < schema->n_parameters; i++) {
        copy.parameters[i] = schema->parameters[i];
        copy.parameters[i].name = mem_copy_text(schema->parameters[i].name);
        copy.parameters[i].unit = mem_copy_text(schema->parameters[i].unit);
        copy.parameters[i].prior = mem_copy_text(schema->parameters[i].prior);
        copy.parameters[i].array = mem_copy_text(schema->parameters[i].array);
    }
    for (int i = 0; i < schema->n_observables; i++) {
        copy.observables[i] = schema->observables[i];
        copy.observables[i].name = mem_copy_text(schema->observables[i].name);
        copy.observables[i].unit = mem_copy_text(schema->observables[i].unit);
    }
    for (int i = 0; i < schema->n_design; i++) {
        copy.design[i] = schema->design[i];
        copy.design[i].name = mem_copy_text(schema->design[i].name);
        copy.design[i].unit = mem_copy_text(schema->design[i].unit);
    }
    return copy;
}

schema_t schema_with_parameters(const schema_t *schema, int n, const int *which)
{
    schema_t copy = schema_copy(schema);
    int kept = 0;
    for (int i = 0; i < schema->n_parameters; i++) {
        if (kept < n && which[kept] == i)
            copy.parameters[kept++] = copy.parameters[i];
        else
            free_parameter(&copy.parameters[i]);
    }
    copy.n_parameters = kept;
    return copy;
}

schema_t schema_with_observables(const schema_t *schema, int n, const int *which)
{
    schema_t copy = schema_copy(schema);
    int kept = 0;
    for (int i = 0; i < schema->n_observables; i++) {
        if (kept < n && which[kept] == i)
            copy.observables[kept++] = copy.observables[i];
        else
            free_observable(&copy.observables[i]);
    }
    copy.n_observables = kept;
    return copy;
}

/* ---- sizes and names ---- */

int64_t schema_stride(const schema_observable_t *o)
{
    int64_t stride = 1;
    for (int d = 1; d < o->n_dims; d++)
        stride *= o->dims[d];
    return stride;
}

int64_t schema_size(const schema_observable_t *o)
{
    return o->dims[0] * schema_stride(o);
}

int schema_find_parameter(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_parameters; i++)
        if (strcmp(s->parameters[i].name, name) == 0)
            return i;
    return -1;
}

int schema_find_observable(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_observables; i++)
        if (strcmp(s->observables[i].name, name) == 0)
            return i;
    return -1;
}

int schema_find_design(const schema_t *s, const char *name)
{
    for (int i = 0; i < s->n_design; i++)
        if (strcmp(s->design[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- checked ---- */

// A name becomes the name of a data set, so it has no slash and is not ".".
static err_t check_name(const char *where, const char *what, int i, const char *name, int first)
{
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0)
        return err_fail(ERR_FORMAT, "%s: %s %d: \"%s\" is not a name", where, what, i + 1,
                        name ? name : "");
    if (first != i)
        return err_fail(ERR_FORMAT, "%s: %s %d: the name \"%s\" comes twice", where, what, i + 1,
                        name);
    return OK;
}

static err_t check_bounds(const char *where, const char *name, double lower, double upper,
                          bool may_equal)
{
    if (lower < upper || (may_equal && lower == upper))
        return OK;
    return err_fail(ERR_FORMAT, "%s: %s: lower %g and upper %g, expected lower < upper", where,
                    name, lower, upper);
}

static err_t check_observable(const schema_t *s, const schema_observable_t *o, const char *where)
{
    if (o->n_dims < 1 || o->n_dims > SCHEMA_MAX_DIMS)
        return err_fail(ERR_FORMAT, "%s: %s: %d dims, expected 1 to %d", where, o->name, o->n_dims,
                        SCHEMA_MAX_DIMS);
    for (int d = 0; d < o->n_dims; d++)
        if (o->dims[d] < 1 || o->dims[d] > INT32_MAX)
            return err_fail(ERR_FORMAT, "%s: %s: dims[%d] is %" PRId64 ", expected 1 to %d", where,
                            o->name, d, o->dims[d], INT32_MAX);
    if (o->length_design < -1 || o->length_design >= s->n_design)
        return err_fail(ERR_FORMAT, "%s: %s: its length is design variable %d of %d", where,
                        o->name, o->length_design, s->n_design);
    return check_bounds(where, o->name, o->lower, o->upper, false);
}

// The first value of the first parameter of this name.
static int first_named(const schema_t *s, const char *name)
{
    schema_variable_t v = schema_variable_at(s, 0);
    while (v.name == NULL || strcmp(v.name, name) != 0)
        v = schema_variable_at(s, v.first + v.n);
    return v.first;
}

static err_t check_parameters(const schema_t *s, const char *where)
{
    schema_variable_t v;
    for (int p = 0; p < s->n_parameters; p += v.n) {
        v = schema_variable_at(s, p);
        TRY(check_name(where, "parameter", p, v.name, v.name ? first_named(s, v.name) : p));
        TRY(check_bounds(where, v.name, s->parameters[p].lower, s->parameters[p].upper, false));
    }
    return OK;
}

err_t schema_check(const schema_t *s, const char *where)
{
    if (s->name == NULL || s->version == NULL || s->n_parameters < 1 || s->n_observables < 1)
        return err_fail(ERR_FORMAT, "%s: a model has a name, a version, parameters and observables",
                        where);
    TRY(check_parameters(s, where));
    for (int i = 0; i < s->n_design; i++) {
        const schema_design_t *d = &s->design[i];
        TRY(check_name(where, "design variable", i, d->name,
                       d->name ? schema_find_design(s, d->name) : i));
        TRY(check_bounds(where, d->name, d->lower, d->upper, true));
    }
    for (int i = 0; i < s->n_observables; i++) {
        const schema_observable_t *o = &s->observables[i];
        TRY(check_name(where, "observable", i, o->name,
                       o->name ? schema_find_observable(s, o->name) : i));
        TRY(check_observable(s, o, where));
    }
    return OK;
}

/* ---- compared ---- */

static char *differ_parameter(const schema_parameter_t *a, const schema_parameter_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("parameter %d: %s against %s", i + 1, a->name, b->name);
    if (a->lower != b->lower || a->upper != b->upper)
        return mem_format("parameter %s: bounds (%g, %g) against (%g, %g)", a->name, a->lower,
                          a->upper, b->lower, b->upper);
    if (a->prior == NULL && b->prior == NULL)
        return NULL;
    if (a->prior == NULL || b->prior == NULL || strcmp(a->prior, b->prior) != 0)
        return mem_format("parameter %s: prior %s against %s", a->name,
                          a->prior ? a->prior : "the simulator's own",
                          b->prior ? b->prior : "the simulator's own");
    return NULL;
}

static char *differ_design(const schema_design_t *a, const schema_design_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("design variable %d: %s against %s", i + 1, a->name, b->name);
    if (a->lower != b->lower || a->upper != b->upper || a->integer != b->integer)
        return mem_format("design variable %s: [%g, %g]%s against [%g, %g]%s", a->name, a->lower,
                          a->upper, a->integer ? " whole" : "", b->lower, b->upper,
                          b->integer ? " whole" : "");
    return NULL;
}

static char *differ_observable(const schema_observable_t *a, const schema_observable_t *b, int i)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("observable %d: %s against %s", i + 1, a->name, b->name);
    if (a->kind != b->kind)
        return mem_format("observable %s: a %s against a %s", a->name, kind_name(a->kind),
                          kind_name(b->kind));
    if (a->n_dims != b->n_dims)
        return mem_format("observable %s: %d dims against %d", a->name, a->n_dims, b->n_dims);
    for (int d = 0; d < a->n_dims; d++)
        if (a->dims[d] != b->dims[d])
            return mem_format("observable %s: dims[%d] is %" PRId64 " against %" PRId64, a->name, d,
                              a->dims[d], b->dims[d]);
    if (a->length_design != b->length_design)
        return mem_format("observable %s: its length varies with another design variable", a->name);
    if (a->lower != b->lower || a->upper != b->upper)
        return mem_format("observable %s: bounds (%g, %g) against (%g, %g)", a->name, a->lower,
                          a->upper, b->lower, b->upper);
    if (a->missing != b->missing)
        return mem_format("observable %s: values %s be missing against %s", a->name,
                          a->missing ? "may" : "must not", b->missing ? "may" : "must not");
    return NULL;
}

static char *differ_count(const char *what, int a, int b)
{
    return a == b ? NULL : mem_format("%d %s against %d", a, what, b);
}

static char *differ_top(const schema_t *a, const schema_t *b)
{
    if (strcmp(a->name, b->name) != 0)
        return mem_format("model %s against %s", a->name, b->name);
    if (strcmp(a->version, b->version) != 0)
        return mem_format("model %s: version %s against %s", a->name, a->version, b->version);
    return NULL;
}

char *schema_difference(const schema_t *a, const schema_t *b)
{
    char *found = differ_top(a, b);
    for (int i = 0; !found && i < a->n_parameters && i < b->n_parameters; i++)
        found = differ_parameter(&a->parameters[i], &b->parameters[i], i);
    if (!found)
        found = differ_count("parameters", a->n_parameters, b->n_parameters);
    for (int i = 0; !found && i < a->n_design && i < b->n_design; i++)
        found = differ_design(&a->design[i], &b->design[i], i);
    if (!found)
        found = differ_count("design variables", a->n_design, b->n_design);
    for (int i = 0; !found && i < a->n_observables && i < b->n_observables; i++)
        found = differ_observable(&a->observables[i], &b->observables[i], i);
    if (!found)
        found = differ_count("observables", a->n_observables, b->n_observables);
    return found;
}
