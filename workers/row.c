// SPDX-License-Identifier: Apache-2.0
#include "workers/row.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool row_design_fits(const schema_t *schema, const double *design, char why[ROW_REASON_CAP])
{
    for (int i = 0; i < schema->n_design; i++) {
        const schema_design_t *d = &schema->design[i];
        bool inside = design[i] >= d->lower && design[i] <= d->upper;
        if (inside && (!d->integer || design[i] == floor(design[i])))
            continue;
        if (inside)
            snprintf(why, ROW_REASON_CAP, "design variable %s is %g, declared a whole number",
                     d->name, design[i]);
        else
            snprintf(why, ROW_REASON_CAP, "design variable %s is %g, declared from %g to %g",
                     d->name, design[i], d->lower, d->upper);
        return false;
    }
    return true;
}

bool row_parameters_fit(const schema_t *schema, const double *parameters, char why[ROW_REASON_CAP])
{
    for (int i = 0; i < schema->n_parameters; i++) {
        const schema_parameter_t *p = &schema->parameters[i];
        if (!(parameters[i] < p->lower || parameters[i] > p->upper))
            continue;
        snprintf(why, ROW_REASON_CAP, "parameter %s is %g, declared between %g and %g", p->name,
                 parameters[i], p->lower, p->upper);
        return false;
    }
    return true;
}

bool row_parameters_inside(const schema_t *schema, const double *parameters,
                           char why[ROW_REASON_CAP])
{
    for (int i = 0; i < schema->n_parameters; i++) {
        const schema_parameter_t *p = &schema->parameters[i];
        bool edge = parameters[i] == p->lower || parameters[i] == p->upper;
        if (isfinite(parameters[i]) && !edge)
            continue;
        snprintf(why, ROW_REASON_CAP, "parameter %s is %g%s", p->name, parameters[i],
                 isfinite(parameters[i]) ? ", the edge of its open support" : "");
        return false;
    }
    return true;
}

void row_draw_design(const schema_t *schema, rng_t *rng, double *design)
{
    for (int i = 0; i < schema->n_design; i++) {
        const schema_design_t *d = &schema->design[i];
        if (d->integer)
            design[i] = (double)rng_integer(rng, (int64_t)d->lower, (int64_t)d->upper);
        else
            design[i] = d->lower + (d->upper - d->lower) * rng_uniform(rng);
    }
}

static int32_t length_of(const schema_observable_t *o, const double *design)
{
    double length = o->length_design >= 0 ? design[o->length_design] : (double)o->dims[0];
    return length >= 0 && length <= (double)o->dims[0] ? (int32_t)length : 0;
}

void row_begin(rows_t *rows, int64_t at, int64_t index)
{
    const schema_t *schema = rows->schema;
    rows->index[at] = index;
    rows->status[at] = ROW_MISSING;
    rows->seconds[at] = 0.0;
    rows_set_reason(rows, at, NULL);
    for (int i = 0; i < schema->n_observables; i++) {
        const schema_observable_t *o = &schema->observables[i];
        rows->length[at * schema->n_observables + i] =
            length_of(o, &rows->design[at * schema->n_design]);
        memset(rows->observables[i] + at * schema_size(o), 0,
               (size_t)schema_size(o) * sizeof(float));
    }
}

static bool values_finite(const schema_observable_t *o, const float *values, int64_t used,
                          char why[ROW_REASON_CAP])
{
    for (int64_t k = 0; k < used; k++)
        if (!isfinite(values[k]) && !(o->missing && isnan(values[k]))) {
            snprintf(why, ROW_REASON_CAP, "observable %s: value %ld is %g", o->name, (long)k,
                     (double)values[k]);
            return false;
        }
    return true;
}

bool row_end(rows_t *rows, int64_t at, char why[ROW_REASON_CAP])
{
    const schema_t *schema = rows->schema;
    bool finite = true;
    for (int i = 0; i < schema->n_observables; i++) {
        const schema_observable_t *o = &schema->observables[i];
        int64_t size = schema_size(o);
        int64_t used = rows->length[at * schema->n_observables + i] * schema_stride(o);
        float *values = rows->observables[i] + at * size;
        finite = finite && values_finite(o, values, used, why);
        memset(values + used, 0, (size_t)(size - used) * sizeof(float));
    }
    return finite;
}

static bool observable_check(const rows_t *rows, int64_t at, int i, bool done,
                             char why[ROW_REASON_CAP])
{
    static const float zero = 0;
    const schema_t *schema = rows->schema;
    const schema_observable_t *o = &schema->observables[i];
    int32_t length = rows->length[at * schema->n_observables + i],
            expected = length_of(o, &rows->design[at * schema->n_design]);
    if (length != expected) {
        snprintf(why, ROW_REASON_CAP, "observable %s: length %d, expected %d by its design",
                 o->name, length, expected);
        return false;
    }
    int64_t size = schema_size(o), used = length * schema_stride(o);
    const float *values = rows->observables[i] + at * size;
    if (done && !values_finite(o, values, used, why))
        return false;
    for (int64_t k = used; k < size; k++)
        if (memcmp(&values[k], &zero, sizeof zero) != 0) {
            snprintf(why, ROW_REASON_CAP, "observable %s: value %ld is %g, beyond its length",
                     o->name, (long)k, (double)values[k]);
            return false;
        }
    return true;
}

static bool status_check(const rows_t *rows, int64_t at, int64_t index, char why[ROW_REASON_CAP])
{
    uint8_t status = rows->status[at];
    double seconds = rows->seconds[at];
    if (rows->index[at] != index)
        snprintf(why, ROW_REASON_CAP, "its index is %ld", (long)rows->index[at]);
    else if (status == ROW_MISSING || status >= ROW_STATUS_COUNT)
        snprintf(why, ROW_REASON_CAP, "status %d, expected 1 to %d", status, ROW_STATUS_COUNT - 1);
    else if (!(seconds >= 0 && isfinite(seconds)))
        snprintf(why, ROW_REASON_CAP, "it took %g s", seconds);
    else if (status == ROW_DONE && rows->reason[at] != NULL)
        snprintf(why, ROW_REASON_CAP, "it is done, and yet has a reason");
    else
        return true;
    return false;
}

bool row_check(const rows_t *rows, int64_t at, int64_t index, char why[ROW_REASON_CAP])
{
    const schema_t *schema = rows->schema;
    const double *parameters = &rows->parameters[at * schema->n_parameters];
    if (!status_check(rows, at, index, why))
        return false;
    bool done = rows->status[at] == ROW_DONE;
    if (done && (!row_design_fits(schema, &rows->design[at * schema->n_design], why) ||
                 !row_parameters_fit(schema, parameters, why) ||
                 !row_parameters_inside(schema, parameters, why)))
        return false;
    for (int i = 0; i < schema->n_observables; i++)
        if (!observable_check(rows, at, i, done, why))
            return false;
    return true;
}

// Bytes of the UTF-8 character at text (RFC 3629), 0 where there is none.
static size_t character(const unsigned char *text, size_t left)
{
    static const struct {
        unsigned char mask, lead;
        unsigned least; // of the code point: shorter forms exist below
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t n = 1; n <= 4 && n <= left; n++) {
        if ((text[0] & forms[n - 1].mask) != forms[n - 1].lead)
            continue;
        unsigned code = text[0] & (unsigned char)~forms[n - 1].mask;
        for (size_t k = 1; k < n; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text[k] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        return code >= forms[n - 1].least && code <= 0x10ffff && !surrogate ? n : 0;
    }
    return 0;
}

const char *row_words(const char *text, size_t length, size_t cap, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t n = character((const unsigned char *)text + i, length - i);
        size_t bytes = n > 0 ? n : 1;
        if (used + bytes >= cap)
            break;
        if (n == 0)
            out[used] = '?';
        else if (n == 1 && iscntrl((unsigned char)text[i]))
            out[used] = ' ';
        else
            memcpy(out + used, text + i, bytes);
        used += bytes;
        i += bytes;
    }
    out[used] = '\0';
    return out;
}

void row_unknown(rows_t *rows, int64_t at)
{
    const schema_t *schema = rows->schema;
    for (int i = 0; i < schema->n_parameters; i++)
        rows->parameters[at * schema->n_parameters + i] = NAN;
    for (int i = 0; i < schema->n_design; i++)
        rows->design[at * schema->n_design + i] = NAN;
}

void row_fail(rows_t *rows, int64_t at, int64_t index, row_status_t status, const char *reason)
{
    double seconds = rows->seconds[at];
    row_begin(rows, at, index);
    rows->seconds[at] = seconds;
    rows->status[at] = (uint8_t)status;
    rows_set_reason(rows, at, reason);
}
