// SPDX-License-Identifier: Apache-2.0
//
// What data become: each observable and each design variable is a list of columns, and a transform changes them.
#include "nn/adapter_impl.h"

#include "cluster/mem.h"

#include <math.h>
#include <string.h>

enum { MOST_COLUMNS = 100000 }; // that one_hot may make

static adapter_field_t plain_field(arena_t *arena, const char *name, int source, int64_t columns)
{
    adapter_field_t f = {.name = arena_copy_text(arena, name),
                         .source = source,
                         .plain = true,
                         .n_columns = columns,
                         .columns = ARENA_NEW(arena, column_t, columns),
                         .standardize = true};
    for (int64_t c = 0; c < columns; c++)
        f.columns[c] = (column_t){.source = source, .column = c};
    return f;
}

void adapter_begin_data(adapter_t *a)
{
    const adapter_shape_t *s = &a->before;
    a->n_fields = s->n_observables;
    a->n_design = s->n_design;
    a->fields = ARENA_NEW(a->arena, adapter_field_t, a->n_fields + 1);
    a->design = ARENA_NEW(a->arena, adapter_field_t, a->n_design + 1);
    for (int o = 0; o < a->n_fields; o++)
        a->fields[o] = plain_field(a->arena, s->observables[o].name, o, s->observables[o].features);
    for (int d = 0; d < a->n_design; d++)
        a->design[d] = plain_field(a->arena, s->design[d].name, d, 1);
}

/* ---- columns ---- */

static bool in_levels(double x, double levels)
{
    return x >= 0.0 && x < levels && x == floor(x);
}

static double one_value(column_op_t op, double a, double b, double x)
{
    switch (op) {
    case COLUMN_LOG:
        return x > 0.0 ? log(x) : INFINITY;
    case COLUMN_SQRT:
        return x >= 0.0 ? sqrt(x) : INFINITY;
    case COLUMN_CONSTRAIN: {
        interval_map_t map = interval_map(a, b);
        double slope = 0.0;
        return interval_holds(&map, x) ? interval_free(&map, x, &slope) : INFINITY;
    }
    case COLUMN_LEVEL:
        return in_levels(x, b) ? (double)(x == a) : INFINITY;
    case COLUMN_FILL:
    case COLUMN_SEEN:
        return op == COLUMN_SEEN ? 1.0 : x;
    }
    return x;
}

double adapter_column_value(const column_t *c, double x)
{
    for (int k = 0; k < c->n; k++) {
        bool masks = c->op[k].op == COLUMN_FILL || c->op[k].op == COLUMN_SEEN;
        if (isnan(x))
            x = masks ? 0.0 : x;
        else if (!isinf(x))
            x = one_value(c->op[k].op, c->op[k].a, c->op[k].b, x);
    }
    return x;
}

static err_t add_op(const adapter_t *a, const adapter_transform_t *t, const char *name, column_t *c,
                    column_op_t op, double first, double second)
{
    if (c->n == COLUMN_MAX_OPS)
        return adapter_wrong(a, t, "%s has more than %d transforms", name, COLUMN_MAX_OPS);
    c->op[c->n].op = op;
    c->op[c->n].a = first;
    c->op[c->n++].b = second;
    return OK;
}

/* ---- transforms of one ---- */

static err_t check_number(const adapter_t *a, const adapter_transform_t *t,
                          const adapter_field_t *f, const column_t *c)
{
    column_op_t last = c->n > 0 ? c->op[c->n - 1].op : COLUMN_LOG;
    if (last != COLUMN_LEVEL && last != COLUMN_FILL && last != COLUMN_SEEN)
        return OK;
    return adapter_wrong(a, t, "%s holds columns of 0 and 1 already: put %s before %s", f->name,
                         adapter_kind_word(t->kind),
                         last == COLUMN_LEVEL ? "one_hot" : "nan_to_mask");
}

static err_t add_number_op(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                           adapter_field_t *f)
{
    column_op_t op = t->kind == ADAPTER_LOG    ? COLUMN_LOG
                     : t->kind == ADAPTER_SQRT ? COLUMN_SQRT
                                               : COLUMN_CONSTRAIN;
    f->plain = false;
    for (int64_t c = 0; c < f->n_columns; c++) {
        TRY(check_number(a, t, f, &f->columns[c]));
        TRY(add_op(a, t, f->name, &f->columns[c], op, item->lower, item->upper));
    }
    return OK;
}

static err_t put_levels(adapter_t *a, const adapter_transform_t *t, const column_t *from,
                        const adapter_item_t *item, adapter_field_t *f)
{
    TRY(check_number(a, t, f, from));
    for (int64_t k = 0; k < item->levels; k++) {
        column_t *to = &f->columns[f->n_columns++];
        *to = *from;
        TRY(add_op(a, t, f->name, to, COLUMN_LEVEL, (double)k, (double)item->levels));
    }
    return OK;
}

static err_t one_hot(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                     adapter_field_t *f)
{
    if (item->column >= f->n_columns)
        return adapter_wrong(a, t, "%s has %ld columns, got column %ld (the first is 0)", f->name,
                             (long)f->n_columns, (long)item->column);
    if (f->n_columns * item->levels > MOST_COLUMNS)
        return adapter_wrong(a, t, "%s would have %ld columns, at most %d are possible", f->name,
                             (long)(f->n_columns * item->levels), MOST_COLUMNS);
    adapter_field_t wide = *f;
    wide.plain = false;
    wide.n_columns = 0;
    wide.columns = ARENA_NEW(a->arena, column_t, f->n_columns * item->levels);
    for (int64_t c = 0; c < f->n_columns; c++) {
        if (item->column < 0 || c == item->column)
            TRY(put_levels(a, t, &f->columns[c], item, &wide));
        else
            wide.columns[wide.n_columns++] = f->columns[c];
    }
    *f = wide;
    return OK;
}

static err_t nan_to_mask(adapter_t *a, const adapter_transform_t *t, adapter_field_t *f)
{
    column_t *wide = ARENA_NEW(a->arena, column_t, 2 * f->n_columns);
    for (int64_t c = 0; c < f->n_columns; c++) {
        if (!isnan(adapter_column_value(&f->columns[c], NAN)))
            return adapter_wrong(a, t, "%s is masked already", f->name);
        wide[2 * c] = wide[2 * c + 1] = f->columns[c];
        TRY(add_op(a, t, f->name, &wide[2 * c], COLUMN_FILL, 0.0, 0.0));
        TRY(add_op(a, t, f->name, &wide[2 * c + 1], COLUMN_SEEN, 0.0, 0.0));
    }
    f->columns = wide;
    f->n_columns *= 2;
    f->plain = false;
    return OK;
}

static err_t subsample(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                       adapter_field_t *f)
{
    if (a->before.observables[f->source].kind != OBSERVABLE_SET)
        return adapter_wrong(a, t, "%s is no set, and only the elements of a set may be left out",
                             f->name);
    f->subsample = item->size;
    f->plain = false;
    return OK;
}

static void remove_field(adapter_field_t *fields, int *n, int at)
{
    for (int k = at; k + 1 < *n; k++)
        fields[k] = fields[k + 1];
    --*n;
}

// The declared range of a design variable must go through.
static err_t check_design(const adapter_t *a, const adapter_transform_t *t,
                          const adapter_field_t *f)
{
    const adapter_design_t *d = &a->before.design[f->source];
    for (int64_t c = 0; c < f->n_columns; c++)
        if (!isfinite(adapter_column_value(&f->columns[c], d->lower)) ||
            !isfinite(adapter_column_value(&f->columns[c], d->upper)))
            return adapter_wrong(a, t, "%s lies in [%g, %g], and not all of that goes through",
                                 f->name, d->lower, d->upper);
    return OK;
}

static err_t add_to_field(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                          adapter_field_t *f)
{
    switch (t->kind) {
    case ADAPTER_LOG:
    case ADAPTER_SQRT:
    case ADAPTER_CONSTRAIN:
        return add_number_op(a, t, item, f);
    case ADAPTER_ONE_HOT:
        return one_hot(a, t, item, f);
    case ADAPTER_NAN_TO_MASK:
        return nan_to_mask(a, t, f);
    case ADAPTER_SUBSAMPLE:
        return subsample(a, t, item, f);
    case ADAPTER_STANDARDIZE:
        f->standardize = item->standardize;
        return OK;
    case ADAPTER_NOISE:
        f->spike = item->spike;
        f->slab = item->slab;
        return OK;
    case ADAPTER_SIMPLEX:
    case ADAPTER_ORDERED:
    case ADAPTER_COVARIANCE:
    case ADAPTER_CORRELATION:
    case ADAPTER_CONCATENATE:
    case ADAPTER_DROP:
    case ADAPTER_KINDS:
        break;
    }
    CHECK(false, "%s of data", adapter_kind_word(t->kind));
    return OK;
}

err_t adapter_add_data(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                       name_t name)
{
    bool design = name.kind == NAME_DESIGN;
    if (t->kind == ADAPTER_DROP) {
        remove_field(design ? a->design : a->fields, design ? &a->n_design : &a->n_fields, name.at);
        return OK;
    }
    adapter_field_t *f = design ? &a->design[name.at] : &a->fields[name.at];
    TRY(add_to_field(a, t, item, f));
    return design ? check_design(a, t, f) : OK;
}

/* ---- several observables into one ---- */

static const char *mismatch(const adapter_t *a, const adapter_field_t *x, const adapter_field_t *y)
{
    const adapter_observable_t *p = &a->before.observables[x->source],
                               *q = &a->before.observables[y->source];
    if (p->kind != q->kind)
        return "kind";
    if (p->kind != OBSERVABLE_VECTOR &&
        (p->length != q->length || p->length_design != q->length_design || p->height != q->height))
        return "length";
    if (x->subsample != y->subsample)
        return "subsample";
    if (x->spike != y->spike || x->slab != y->slab)
        return "noise";
    return x->standardize != y->standardize ? "standardize" : NULL;
}

static err_t check_members(const adapter_t *a, const adapter_transform_t *t, const int *fields)
{
    for (int i = 1; i < t->n; i++) {
        const char *what = mismatch(a, &a->fields[fields[0]], &a->fields[fields[i]]);
        if (what)
            return adapter_wrong(a, t, "%s and %s differ in %s", t->items[0].name, t->items[i].name,
                                 what);
    }
    for (int o = 0; o < a->n_fields; o++) {
        bool member = false;
        for (int i = 0; i < t->n; i++)
            member |= fields[i] == o;
        if (!member && strcmp(a->fields[o].name, t->into) == 0)
            return adapter_wrong(a, t, "into: there is an observable \"%s\" already", t->into);
    }
    return OK;
}

err_t adapter_concatenate(adapter_t *a, const adapter_transform_t *t, const int *fields)
{
    int64_t columns = 0;
    int first = fields[0];
    TRY(check_members(a, t, fields));
    for (int i = 0; i < t->n; i++) {
        columns += a->fields[fields[i]].n_columns;
        first = fields[i] < first ? fields[i] : first;
    }
    adapter_field_t all = a->fields[fields[0]];
    all.name = arena_copy_text(a->arena, t->into);
    all.plain = all.plain && t->n == 1;
    all.columns = ARENA_NEW(a->arena, column_t, columns);
    all.n_columns = 0;
    for (int i = 0; i < t->n; i++) {
        const adapter_field_t *f = &a->fields[fields[i]];
        memcpy(all.columns + all.n_columns, f->columns, (size_t)f->n_columns * sizeof(column_t));
        all.n_columns += f->n_columns;
    }
    bool *gone = ARENA_NEW(a->arena, bool, a->n_fields);
    for (int i = 0; i < t->n; i++)
        gone[fields[i]] = fields[i] != first;
    a->fields[first] = all;
    for (int o = a->n_fields - 1; o >= 0; o--)
        if (gone[o])
            remove_field(a->fields, &a->n_fields, o);
    return OK;
}

/* ---- the end ---- */

int64_t adapter_subsample(double size, int64_t n)
{
    int64_t keep = size == 0.0 ? n : size < 1.0 ? (int64_t)ceil(size * (double)n) : (int64_t)size;
    return keep < n ? keep : n;
}

static void describe_observables(adapter_t *a)
{
    a->after.n_observables = a->n_fields;
    a->after.observables = ARENA_NEW(a->arena, adapter_observable_t, a->n_fields + 1);
    for (int o = 0; o < a->n_fields; o++) {
        adapter_field_t *f = &a->fields[o];
        adapter_observable_t *to = &a->after.observables[o];
        *to = a->before.observables[f->source];
        to->name = f->name;
        to->length = adapter_subsample(f->subsample, to->length);
        to->features = f->n_columns;
        to->standardize = f->standardize;
        f->noise_sd = ARENA_NEW(a->arena, double, f->n_columns);
        for (int64_t c = 0; c < f->n_columns; c++)
            f->noise_sd[c] = 1.0;
    }
}

static void describe_design(adapter_t *a)
{
    int n = 0;
    for (int d = 0; d < a->n_design; d++)
        n += (int)a->design[d].n_columns;
    a->after.design = ARENA_NEW(a->arena, adapter_design_t, n + 1);
    for (int d = 0; d < a->n_design; d++) {
        const adapter_field_t *f = &a->design[d];
        for (int64_t c = 0; c < f->n_columns; c++)
            a->after.design[a->after.n_design++] = (adapter_design_t){
                .name = f->n_columns == 1 ? f->name
                                          : arena_format(a->arena, "%s[%ld]", f->name, (long)c),
                .lower = -INFINITY,
                .upper = INFINITY,
                .standardize = f->standardize};
    }
}

err_t adapter_end_data(adapter_t *a)
{
    describe_observables(a);
    describe_design(a);
    if (a->n_fields > 0)
        return OK;
    return err_fail(ERR_USAGE, "%s: adapter: every observable is dropped, expected one to read",
                    a->config.where ? a->config.where : "the study");
}

bool adapter_uses_observable(const adapter_t *a, int observable)
{
    for (int o = 0; o < a->n_fields; o++)
        for (int64_t c = 0; c < a->fields[o].n_columns; c++)
            if (a->fields[o].columns[c].source == observable)
                return true;
    return false;
}

bool adapter_uses_design(const adapter_t *a, int design)
{
    for (int d = 0; d < a->n_design; d++)
        if (a->design[d].source == design)
            return true;
    return false;
}

bool adapter_masks_nan(const adapter_t *a, int observable)
{
    for (int o = 0; o < a->n_fields; o++)
        for (int64_t c = 0; c < a->fields[o].n_columns; c++) {
            const column_t *column = &a->fields[o].columns[c];
            if (column->source == observable && isnan(adapter_column_value(column, NAN)))
                return false;
        }
    return adapter_uses_observable(a, observable);
}

void adapter_set_noise_scale(adapter_t *a, const double *const *observable_sd)
{
    for (int o = 0; o < a->n_fields; o++)
        memcpy(a->fields[o].noise_sd, observable_sd[o],
               (size_t)a->fields[o].n_columns * sizeof(double));
}
