// SPDX-License-Identifier: Apache-2.0
#include "nn/adapter_impl.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct adapter_work {
    const adapter_t *a;
    int64_t max_sets;
    bool same;      // nothing but noise stands between the batches
    float **values; // [O'] -> (max_sets, padded size), NULL where the observable is only borrowed
    const float **fields; // (O')
    const float **one;    // (O)
    int32_t *length;      // (max_sets, O')
    double *design;       // (max_sets, D')
    int64_t *order;       // (longest set) which elements a subset takes, first ones first
    size_t bytes;
};

static int64_t padded(const adapter_observable_t *o)
{
    return o->length * o->features;
}

static bool has_noise(const adapter_field_t *f)
{
    return f->spike > 0.0 || f->slab > 0.0;
}

static bool is_same(const adapter_t *a)
{
    bool same = a->n_fields == a->before.n_observables && a->n_design == a->before.n_design;
    for (int o = 0; o < a->n_fields && same; o++)
        same = a->fields[o].plain && a->fields[o].source == o;
    for (int d = 0; d < a->n_design && same; d++)
        same = a->design[d].plain && a->design[d].source == d;
    return same;
}

static void *take(adapter_work_t *w, int64_t n, size_t size)
{
    w->bytes += (size_t)n * size;
    return mem_zero((size_t)n, size);
}

adapter_work_t *adapter_work_create(const adapter_t *a, int64_t max_sets)
{
    adapter_work_t *w = MEM_NEW(adapter_work_t, 1);
    const adapter_shape_t *after = &a->after;
    int64_t longest = 0;
    *w = (adapter_work_t){.a = a, .max_sets = max_sets, .same = is_same(a)};
    w->values = take(w, after->n_observables, sizeof *w->values);
    w->fields = take(w, after->n_observables, sizeof *w->fields);
    w->one = take(w, a->before.n_observables, sizeof *w->one);
    w->length = take(w, max_sets * after->n_observables, sizeof *w->length);
    w->design = take(w, max_sets * after->n_design, sizeof *w->design);
    for (int o = 0; o < after->n_observables; o++) {
        const adapter_field_t *f = &a->fields[o];
        int64_t length = a->before.observables[f->source].length;
        if (!f->plain || has_noise(f))
            w->values[o] = take(w, max_sets * padded(&after->observables[o]), sizeof(float));
        longest = f->subsample > 0.0 && length > longest ? length : longest;
    }
    w->order = take(w, longest, sizeof *w->order);
    return w;
}

void adapter_work_destroy(adapter_work_t **w)
{
    if (!*w)
        return;
    for (int o = 0; o < (*w)->a->after.n_observables; o++)
        free((*w)->values[o]);
    free((*w)->values);
    free((*w)->fields);
    free((*w)->one);
    free((*w)->length);
    free((*w)->design);
    free((*w)->order);
    free(*w);
    *w = NULL;
}

size_t adapter_work_bytes(const adapter_work_t *w)
{
    return w->bytes;
}

/* ---- elements ---- */

static int32_t length_before(const adapter_t *a, const batch_t *in, int64_t i, int source)
{
    return in->length[i * a->before.n_observables + source];
}

// Elements of a data set; an image has as many pixels as its rows that are there.
static int64_t elements_of(const adapter_observable_t *o, int32_t length)
{
    if (o->kind == OBSERVABLE_VECTOR)
        return 1;
    return o->kind == OBSERVABLE_IMAGE ? length * o->width : length;
}

// Puts `keep` random places of n to the front of `order` (the first steps of Fisher-Yates).
static void choose(int64_t n, int64_t keep, rng_t rng, int64_t *order)
{
    for (int64_t e = 0; e < n; e++)
        order[e] = e;
    for (int64_t e = 0; e < keep; e++) {
        int64_t j = rng_integer(&rng, e, n - 1), chosen = order[j];
        order[j] = order[e];
        order[e] = chosen;
    }
}

static void run_column(const column_t *c, int64_t stride, const float *from, int64_t n,
                       const int64_t *order, int64_t features, float *to)
{
    for (int64_t e = 0; e < n; e++) {
        float x = from[(order ? order[e] : e) * stride + c->column];
        to[e * features] = c->n > 0 ? (float)adapter_column_value(c, (double)x) : x;
    }
}

// Numbers of a vector beyond a length that varies are 0 and stay 0.
static bool is_beyond(const adapter_t *a, const batch_t *in, int64_t i, const column_t *c)
{
    const adapter_observable_t *o = &a->before.observables[c->source];
    return o->kind == OBSERVABLE_VECTOR && o->length_design >= 0 &&
           c->column >= length_before(a, in, i, c->source);
}

// Data set i of an observable: its values, `n` elements of `order` (NULL: the first ones).
static void run_field(const adapter_t *a, const adapter_field_t *f, const batch_t *in, int64_t i,
                      int64_t n, const int64_t *order, float *to)
{
    for (int64_t c = 0; c < f->n_columns; c++) {
        const column_t *column = &f->columns[c];
        const adapter_observable_t *o = &a->before.observables[column->source];
        if (is_beyond(a, in, i, column))
            to[c] = 0.0f;
        else
            run_column(column, o->features, in->observables[column->source] + i * padded(o), n,
                       order, f->n_columns, to + c);
    }
}

static bool is_number(const column_t *c)
{
    column_op_t last = c->n > 0 ? c->op[c->n - 1].op : COLUMN_LOG;
    return last != COLUMN_LEVEL && last != COLUMN_SEEN;
}

// A number that is missing is a filled 0 with a 0 in the column beside it.
static bool is_missing(const adapter_field_t *f, int64_t c, const float *element)
{
    const column_t *column = &f->columns[c];
    return column->n > 0 && column->op[column->n - 1].op == COLUMN_FILL && element[c + 1] == 0.0f;
}

static void add_noise(const adapter_field_t *f, int64_t n, rng_t rng, float *x)
{
    for (int64_t e = 0; e < n; e++, x += f->n_columns)
        for (int64_t c = 0; c < f->n_columns; c++) {
            if (!is_number(&f->columns[c]) || is_missing(f, c, x))
                continue;
            bool heavy = rng_u64(&rng) >> 63;
            double size = heavy ? f->slab * rng_cauchy(&rng) : f->spike * rng_normal(&rng);
            x[c] +=
                (float)(fmax(-ADAPTER_MOST_NOISE, fmin(ADAPTER_MOST_NOISE, size)) * f->noise_sd[c]);
        }
}

/* ---- a batch ---- */

static int32_t length_after(const adapter_t *a, const adapter_field_t *f, int32_t length)
{
    if (a->before.observables[f->source].kind == OBSERVABLE_VECTOR && !f->plain)
        return (int32_t)f->n_columns;
    return (int32_t)adapter_subsample(f->subsample, length);
}

// `seed` of this data set: what is random in it.
static void adapt_set(adapter_work_t *w, int o, const batch_t *in, int64_t i, adapter_mode_t mode,
                      uint64_t seed)
{
    const adapter_t *a = w->a;
    const adapter_field_t *f = &a->fields[o];
    const adapter_observable_t *before = &a->before.observables[f->source];
    int32_t length = length_before(a, in, i, f->source);
    int64_t elements = elements_of(before, length), n = adapter_subsample(f->subsample, elements);
    float *to = w->values[o] + i * padded(&a->after.observables[o]);
    if (n < elements)
        choose(elements, n, rng_at(seed, RNG_ADAPTER, (uint64_t)elements), w->order);
    run_field(a, f, in, i, n, n < elements ? w->order : NULL, to);
    if (mode == ADAPTER_TRAINING && has_noise(f))
        add_noise(f, n, rng_at(seed, RNG_ADAPTER, UINT64_MAX - (uint64_t)o), to);
}

static void adapt_design(adapter_work_t *w, const batch_t *in, int64_t i)
{
    const adapter_t *a = w->a;
    double *to = w->design + i * a->after.n_design;
    for (int d = 0; d < a->n_design; d++)
        for (int64_t c = 0; c < a->design[d].n_columns; c++)
            *to++ = adapter_column_value(&a->design[d].columns[c],
                                         in->design[i * a->before.n_design + a->design[d].source]);
}

batch_t adapter_one(adapter_work_t *w, const batch_t *in, int64_t i)
{
    const adapter_shape_t *s = &w->a->before;
    for (int o = 0; o < s->n_observables; o++)
        w->one[o] = in->observables[o] + i * padded(&s->observables[o]);
    return (batch_t){.n = 1,
                     .parameters = in->parameters ? in->parameters + i * s->n_parameters : NULL,
                     .design = in->design ? in->design + i * s->n_design : NULL,
                     .length = in->length + i * s->n_observables,
                     .observables = w->one};
}

// Whether an observable is made anew in this mode; else it is borrowed.
static bool is_made(const adapter_field_t *f, adapter_mode_t mode)
{
    return !f->plain || (mode == ADAPTER_TRAINING && has_noise(f));
}

batch_t adapter_batch(adapter_work_t *w, const batch_t *in, adapter_mode_t mode, rng_t *noise)
{
    const adapter_t *a = w->a;
    batch_t out = *in;
    bool any = !w->same;
    for (int o = 0; o < a->n_fields; o++) {
        any |= is_made(&a->fields[o], mode);
        w->fields[o] =
            is_made(&a->fields[o], mode) ? w->values[o] : in->observables[a->fields[o].source];
    }
    if (!any)
        return out;
    CHECK(in->n <= w->max_sets, "%" PRId64 " data sets, planned for %" PRId64, in->n, w->max_sets);
    for (int64_t i = 0; i < in->n; i++) {
        uint64_t seed = mode == ADAPTER_TRAINING ? rng_u64(noise) : 0;
        for (int o = 0; o < a->n_fields; o++) {
            w->length[i * a->n_fields + o] =
                length_after(a, &a->fields[o], length_before(a, in, i, a->fields[o].source));
            if (is_made(&a->fields[o], mode))
                adapt_set(w, o, in, i, mode, seed);
        }
        adapt_design(w, in, i);
    }
    out.observables = w->fields;
    out.length = w->length;
    out.design = a->after.n_design > 0 ? w->design : NULL;
    return out;
}

/* ---- what can not go through ---- */

static const char *expected_words(const column_t *c, double x)
{
    for (int k = 0; k < c->n; k++) {
        column_t one = {.n = 1};
        one.op[0] = c->op[k];
        double next = adapter_column_value(&one, x);
        if (isinf(next))
            return c->op[k].op == COLUMN_LOG         ? "a number above 0 (log)"
                   : c->op[k].op == COLUMN_SQRT      ? "a number from 0 (sqrt)"
                   : c->op[k].op == COLUMN_CONSTRAIN ? "a number inside the bounds (constrain)"
                                                     : "a whole number of the levels (one_hot)";
        x = next;
    }
    return "a finite number";
}

static bool column_reads(const adapter_t *a, const column_t *c, const batch_t *in, int64_t i,
                         char why[ADAPTER_WHY])
{
    const adapter_observable_t *o = &a->before.observables[c->source];
    const float *x = in->observables[c->source] + i * padded(o) + c->column;
    int64_t n = is_beyond(a, in, i, c) ? 0 : elements_of(o, length_before(a, in, i, c->source));
    for (int64_t e = 0; e < n; e++, x += o->features) {
        if (isfinite((float)adapter_column_value(c, (double)*x)))
            continue;
        snprintf(why, ADAPTER_WHY, "%.60s[%" PRId64 "] = %g, expected %s", o->name,
                 e * o->features + c->column, (double)*x, expected_words(c, (double)*x));
        return false;
    }
    return true;
}

static bool design_reads(const adapter_t *a, const adapter_field_t *f, const batch_t *in, int64_t i,
                         char why[ADAPTER_WHY])
{
    double x = in->design[i * a->before.n_design + f->source];
    for (int64_t c = 0; c < f->n_columns; c++)
        if (!isfinite(adapter_column_value(&f->columns[c], x))) {
            snprintf(why, ADAPTER_WHY, "%.60s = %g, expected %s", f->name, x,
                     expected_words(&f->columns[c], x));
            return false;
        }
    return true;
}

bool adapter_reads(const adapter_t *a, const batch_t *in, int64_t i, char why[ADAPTER_WHY])
{
    why[0] = '\0';
    for (int d = 0; d < a->n_design; d++)
        if (!design_reads(a, &a->design[d], in, i, why))
            return false;
    for (int o = 0; o < a->n_fields; o++) {
        const adapter_field_t *f = &a->fields[o];
        for (int64_t c = 0; c < f->n_columns; c++)
            if (!column_reads(a, &f->columns[c], in, i, why))
                return false;
    }
    return true;
}
