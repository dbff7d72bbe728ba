// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/yaml.h"
#include "storage/schema_array.h"
#include "workers/import_inside.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool import_name_is_unique(const schema_t *schema, const char *name)
{
    return (schema_variable_named(schema, name).n > 0) + (schema_find_design(schema, name) >= 0) +
               (schema_find_observable(schema, name) >= 0) <
           2;
}

row_status_t import_status(const char *text)
{
    int64_t number;
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++)
        if (strcmp(text, row_status_name((row_status_t)s)) == 0)
            return (row_status_t)s;
    if (yaml_parse_integer(text, &number) && number >= ROW_DONE && number < ROW_STATUS_COUNT)
        return (row_status_t)number;
    return ROW_STATUS_COUNT;
}

typedef struct {
    const import_source_t *source;
    int64_t row; // of the source
    rows_t *rows;
    int64_t at;  // of the block
    bool failed; // the file says so: its numbers need not make sense
    bool finite;
} settling_t;

/* ---- lengths ---- */

static err_t bad_length(const settling_t *s, const schema_observable_t *o, double got, int64_t most)
{
    return err_fail(ERR_FORMAT,
                    "%s: row %" PRId64 ": %s has %g elements, expected a whole number from 0 to "
                    "%" PRId64,
                    s->source->name, s->row, o->name, got, most);
}

static err_t settle_fixed(const settling_t *s, const schema_observable_t *o, int32_t *length)
{
    if (*length >= 0 && *length != o->dims[0])
        return err_fail(ERR_FORMAT,
                        "%s: row %" PRId64 ": %s has %d elements, expected %" PRId64 " always",
                        s->source->name, s->row, o->name, *length, o->dims[0]);
    *length = (int32_t)o->dims[0];
    return OK;
}

// From the design variable, or the design variable from it.
static err_t settle_varying(const settling_t *s, int k, int32_t *length)
{
    const schema_t *m = s->source->schema;
    const schema_observable_t *o = &m->observables[k];
    double *design = &s->rows->design[s->at * m->n_design + o->length_design];
    double wanted = *length >= 0 ? *length : *design;
    int64_t most = s->source->elements[k];
    if (!isfinite(wanted)) {
        *length = 0;
        return OK;
    }
    if (*length >= 0 && isnan(*design))
        *design = *length;
    if (!(wanted >= 0 && wanted <= (double)most && wanted == floor(wanted)))
        return bad_length(s, o, wanted, most);
    if (wanted != *design)
        return err_fail(
            ERR_FORMAT, "%s: row %" PRId64 ": %s has %g elements, but its design variable %s is %g",
            s->source->name, s->row, o->name, wanted, m->design[o->length_design].name, *design);
    *length = (int32_t)wanted;
    return OK;
}

static err_t settle_lengths(const settling_t *s)
{
    const schema_t *m = s->source->schema;
    for (int k = 0; k < m->n_observables; k++) {
        int32_t *length = &s->rows->length[s->at * m->n_observables + k];
        if (m->observables[k].length_design < 0)
            TRY(settle_fixed(s, &m->observables[k], length));
        else
            TRY(settle_varying(s, k, length));
    }
    return OK;
}

/* ---- values ---- */

static err_t outside(const settling_t *s, const char *name, double got, double lower, double upper,
                     const char *brackets)
{
    return err_fail(ERR_FORMAT, "%s: row %" PRId64 ": %s: got %.9g, expected a value in %c%g, %g%c",
                    s->source->name, s->row, name, got, brackets[0], lower, upper, brackets[1]);
}

static err_t settle_parameters(settling_t *s)
{
    const schema_t *m = s->source->schema;
    for (int p = 0; p < m->n_parameters; p++) {
        double x = s->rows->parameters[s->at * m->n_parameters + p];
        const schema_parameter_t *is = &m->parameters[p];
        s->finite = s->finite && isfinite(x);
        if (!s->failed && isfinite(x) && !(x > is->lower && x < is->upper))
            return outside(s, is->name, x, is->lower, is->upper, "()");
    }
    return OK;
}

static err_t settle_design(settling_t *s)
{
    const schema_t *m = s->source->schema;
    for (int d = 0; d < m->n_design; d++) {
        double x = s->rows->design[s->at * m->n_design + d];
        const schema_design_t *is = &m->design[d];
        s->finite = s->finite && isfinite(x);
        if (s->failed || !isfinite(x))
            continue;
        if (!(x >= is->lower && x <= is->upper))
            return outside(s, is->name, x, is->lower, is->upper, "[]");
        if (is->integer && x != floor(x))
            return err_fail(ERR_FORMAT,
                            "%s: row %" PRId64 ": %s: got %.9g, expected a whole number",
                            s->source->name, s->row, is->name, x);
    }
    return OK;
}

// Bounds are compared as floats, since the values are.
static err_t settle_observable(settling_t *s, int k)
{
    const schema_t *m = s->source->schema;
    const schema_observable_t *o = &m->observables[k];
    int64_t size = schema_size(o);
    int64_t used = s->rows->length[s->at * m->n_observables + k] * schema_stride(o);
    float *x = s->rows->observables[k] + s->at * size;
    for (int64_t i = 0; i < used; i++) {
        s->finite = s->finite && (isfinite(x[i]) || (o->missing && isnan(x[i])));
        if (!s->failed && isfinite(x[i]) && !(x[i] >= (float)o->lower && x[i] <= (float)o->upper))
            return outside(s, o->name, (double)x[i], o->lower, o->upper, "[]");
    }
    for (int64_t i = used; i < size; i++) {
        if (!s->failed && s->finite && x[i] != 0 && !isnan(x[i]))
            return err_fail(
                ERR_FORMAT,
                "%s: row %" PRId64 ": %s has %" PRId64 " elements, but a value (%g) beyond them",
                s->source->name, s->row, o->name, used / schema_stride(o), (double)x[i]);
        x[i] = 0;
    }
    return OK;
}

err_t import_settle(const import_source_t *source, int64_t row, rows_t *rows, int64_t at)
{
    row_status_t told = (row_status_t)rows->status[at];
    settling_t s = {.source = source, .row = row, .rows = rows, .at = at, .finite = true};
    if (told >= ROW_STATUS_COUNT)
        return err_fail(ERR_FORMAT, "%s: row %" PRId64 ": status %d, expected %d to %d",
                        source->name, row, (int)told, ROW_DONE, ROW_STATUS_COUNT - 1);
    s.failed = told != ROW_MISSING && told != ROW_DONE;
    TRY(settle_lengths(&s));
    TRY(settle_parameters(&s));
    TRY(settle_design(&s));
    for (int k = 0; k < source->schema->n_observables; k++)
        TRY(settle_observable(&s, k));
    if (!s.failed)
        rows->status[at] = (uint8_t)(s.finite ? ROW_DONE : ROW_NONFINITE);
    return OK;
}
