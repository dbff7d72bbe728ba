// SPDX-License-Identifier: Apache-2.0
#include "workers/check.h"

#include "storage/schema.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 63, COUNT_MAX = 10000 };
static const int64_t VALUES_MAX = INT64_C(1) << 40; // of one observable of one row

static err_t check_interface(const infermill_simulator_t *table, const char *where)
{
    if (table->abi != INFERMILL_ABI)
        return err_fail(ERR_MISMATCH,
                        "%s: built for simulator interface %u, this program has interface %u: "
                        "rebuild it against the installed simulator.h",
                        where, table->abi, INFERMILL_ABI);
    if (table->size != sizeof *table)
        return err_fail(ERR_MISMATCH,
                        "%s: its table says a size of %u bytes, expected %zu: rebuild it against "
                        "the installed simulator.h",
                        where, table->size, sizeof *table);
    return OK;
}

static bool name_is_good(const char *name)
{
    if (name == NULL || strlen(name) > NAME_MAX_LENGTH ||
        !(isalpha((unsigned char)name[0]) || name[0] == '_'))
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return true;
}

// Names of one group are the first members of structs `stride` bytes apart.
static err_t check_names(const char *where, const char *what, int n, const void *first,
                         size_t stride)
{
    if (n < 0 || n > COUNT_MAX || (n > 0 && first == NULL))
        return err_fail(ERR_FORMAT, "%s: declares %d %ss%s", where, n, what,
                        n > 0 && first == NULL ? " but lists none" : "");
    for (int i = 0; i < n; i++) {
        const char *name = *(const char *const *)((const char *)first + (size_t)i * stride);
        if (!name_is_good(name))
            return err_fail(ERR_FORMAT,
                            "%s: %s %d is named \"%s\": a name is a letter or _, then letters, "
                            "digits and _, at most %d",
                            where, what, i, name == NULL ? "(null)" : name, NAME_MAX_LENGTH);
        for (int j = 0; j < i; j++)
            if (strcmp(name, *(const char *const *)((const char *)first + (size_t)j * stride)) == 0)
                return err_fail(ERR_FORMAT, "%s: two %ss are named \"%s\"", where, what, name);
    }
    return OK;
}

static err_t check_array(const infermill_parameter_t *p, int64_t *values, const char *where)
{
    int64_t n = 1;
    if (p->n_dims < 0 || p->n_dims > INFERMILL_MAX_DIMS)
        return err_fail(ERR_FORMAT, "%s: parameter %s: got %d dims, expected 0 (one number) to %d",
                        where, p->name, p->n_dims, INFERMILL_MAX_DIMS);
    for (int d = 0; d < p->n_dims; d++) {
        if (p->dims[d] < 1 || p->dims[d] > SCHEMA_MAX_VALUES / n)
            return err_fail(ERR_FORMAT,
                            "%s: parameter %s: dim %d is %lld, expected 1 or more and at most %d "
                            "values in all",
                            where, p->name, d, (long long)p->dims[d], SCHEMA_MAX_VALUES);
        n *= p->dims[d];
    }
    *values += n;
    if (*values > SCHEMA_MAX_VALUES)
        return err_fail(ERR_FORMAT, "%s: declares more than %d values of parameters", where,
                        SCHEMA_MAX_VALUES);
    return OK;
}

static err_t check_parameters(const infermill_simulator_t *table, const char *where)
{
    if (table->n_parameters < 1)
        return err_fail(ERR_FORMAT, "%s: declares %d parameters, at least 1 is needed", where,
                        table->n_parameters);
    TRY(check_names(where, "parameter", table->n_parameters, table->parameters,
                    sizeof *table->parameters));
    int64_t values = 0;
    for (int i = 0; i < table->n_parameters; i++) {
        const infermill_parameter_t *p = &table->parameters[i];
        TRY(check_array(p, &values, where));
        if (!(p->lower < p->upper))
            return err_fail(ERR_FORMAT,
                            "%s: parameter %s: lower bound %g is not below upper bound %g", where,
                            p->name, p->lower, p->upper);
    }
    return OK;
}

static err_t check_design(const infermill_simulator_t *table, const char *where)
{
    TRY(check_names(where, "design variable", table->n_design, table->design,
                    sizeof *table->design));
    for (int i = 0; i < table->n_design; i++) {
        const infermill_design_t *d = &table->design[i];
        bool finite = isfinite(d->lower) && isfinite(d->upper);
        if (!finite || d->lower > d->upper)
            return err_fail(ERR_FORMAT,
                            "%s: design variable %s: bounds %g to %g are not an interval", where,
                            d->name, d->lower, d->upper);
        if (d->integer && (d->lower != floor(d->lower) || d->upper != floor(d->upper) ||
                           fabs(d->lower) > 0x1p53 || fabs(d->upper) > 0x1p53))
            return err_fail(ERR_FORMAT,
                            "%s: design variable %s is a whole number with bounds %g to %g", where,
                            d->name, d->lower, d->upper);
    }
    return OK;
}

static int dims_of_kind(infermill_kind_t kind)
{
    switch (kind) {
    case INFERMILL_VECTOR:
        return 1;
    case INFERMILL_SET:
    case INFERMILL_SERIES:
        return 2;
    case INFERMILL_IMAGE:
        return 3;
    }
    return 0;
}

static err_t check_length(const infermill_simulator_t *table, const infermill_observable_t *o,
                          const char *where)
{
    int k = o->dim_design[0];
    if (k == -1)
        return OK;
    if (o->kind != INFERMILL_SET && o->kind != INFERMILL_SERIES)
        return err_fail(ERR_FORMAT,
                        "%s: observable %s: dim_design[0] is %d: only sets and series vary in "
                        "length (-1: fixed)",
                        where, o->name, k);
    if (k < 0 || k >= table->n_design)
        return err_fail(ERR_FORMAT,
                        "%s: observable %s: dim_design[0] is %d of %d design variables (-1: fixed)",
                        where, o->name, k, table->n_design);
    const infermill_design_t *d = &table->design[k];
    if (!d->integer || d->lower < 1.0 || d->upper != (double)o->dims[0])
        return err_fail(ERR_FORMAT,
                        "%s: observable %s has room for %lld elements, as many as %s says: that is "
                        "%sfrom %g to %g, expected a whole number from 1 or more to %lld",
                        where, o->name, (long long)o->dims[0], d->name,
                        d->integer ? "a whole number " : "any number ", d->lower, d->upper,
                        (long long)o->dims[0]);
    return OK;
}

static err_t check_dims(const infermill_observable_t *o, const char *where)
{
    int expected = dims_of_kind(o->kind);
    if (expected == 0)
        return err_fail(ERR_FORMAT, "%s: observable %s: kind %d is unknown", where, o->name,
                        (int)o->kind);
    if (o->n_dims != expected)
        return err_fail(ERR_FORMAT, "%s: observable %s: got %d dims, its kind has %d", where,
                        o->name, o->n_dims, expected);
    int64_t size = 1;
    for (int i = 0; i < o->n_dims; i++) {
        if (o->dims[i] < 1 || o->dims[i] > VALUES_MAX / size)
            return err_fail(ERR_FORMAT, "%s: observable %s: dim %d is %lld", where, o->name, i,
                            (long long)o->dims[i]);
        if (i > 0 && o->dim_design[i] != -1)
            return err_fail(ERR_FORMAT,
                            "%s: observable %s: dim_design[%d] is %d, expected -1: only the first "
                            "dim may vary",
                            where, o->name, i, o->dim_design[i]);
        size *= o->dims[i];
    }
    return OK;
}

static err_t check_observables(const infermill_simulator_t *table, const char *where)
{
    if (table->n_observables < 1)
        return err_fail(ERR_FORMAT, "%s: declares %d observables, at least 1 is needed", where,
                        table->n_observables);
    TRY(check_names(where, "observable", table->n_observables, table->observables,
                    sizeof *table->observables));
    for (int i = 0; i < table->n_observables; i++) {
        const infermill_observable_t *o = &table->observables[i];
        TRY(check_dims(o, where));
        TRY(check_length(table, o, where));
        if (!(o->lower < o->upper))
            return err_fail(ERR_FORMAT,
                            "%s: observable %s: lower bound %g is not below upper bound %g", where,
                            o->name, o->lower, o->upper);
    }
    return OK;
}

err_t simulator_check(const infermill_simulator_t *table, const char *where)
{
    TRY(check_interface(table, where));
    TRY(check_names(where, "simulator", 1, &table->name, sizeof table->name));
    if (table->version == NULL || table->version[0] == '\0')
        return err_fail(ERR_FORMAT, "%s: simulator %s has no version", where, table->name);
    if (table->simulate == NULL && table->simulate_batch == NULL)
        return err_fail(ERR_FORMAT, "%s: simulator %s has no function `simulate`", where,
                        table->name);
    TRY(check_parameters(table, where));
    TRY(check_design(table, where));
    return check_observables(table, where);
}
