// SPDX-License-Identifier: Apache-2.0
//
// An adapter is compiled from its list once: each transform changes what the names stand for at its place. Parameters end as
// blocks of free numbers (adapter_parameters.c), data as columns with a few operations each (adapter_data.c).
#include "nn/adapter_impl.h"

#include "cluster/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

err_t adapter_wrong(const adapter_t *a, const adapter_transform_t *t, const char *format, ...)
{
    char words[320], line[32] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (t->line > 0)
        snprintf(line, sizeof line, ":%d", t->line);
    return err_fail(ERR_USAGE, "%s%s%sadapter.%s: %s", a->config.where ? a->config.where : "",
                    a->config.where ? line : "", a->config.where ? ": " : "",
                    adapter_kind_word(t->kind), words);
}

/* ---- names ---- */

static name_t find_name(const adapter_t *a, const char *name)
{
    name_t found = {NAME_NONE, -1};
    for (int p = 0; p < a->before.n_parameters; p++)
        if (!a->dropped[p] && strcmp(a->before.parameters[p].name, name) == 0)
            found = (name_t){NAME_PARAMETER, p};
    for (int o = 0; o < a->n_fields; o++)
        if (strcmp(a->fields[o].name, name) == 0)
            found = (name_t){found.kind ? NAME_SEVERAL : NAME_OBSERVABLE, o};
    for (int d = 0; d < a->n_design; d++)
        if (strcmp(a->design[d].name, name) == 0)
            found = (name_t){found.kind ? NAME_SEVERAL : NAME_DESIGN, d};
    return found;
}

// The nearest of the names that this transform takes.
static const char *near_name(const adapter_t *a, const char *name, bool parameters,
                             bool observables, bool design)
{
    int n = 0;
    const char **names =
        MEM_NEW(const char *, a->before.n_parameters + a->n_fields + a->n_design + 1);
    for (int p = 0; parameters && p < a->before.n_parameters; p++)
        if (!a->dropped[p])
            names[n++] = a->before.parameters[p].name;
    for (int o = 0; observables && o < a->n_fields; o++)
        names[n++] = a->fields[o].name;
    for (int d = 0; design && d < a->n_design; d++)
        names[n++] = a->design[d].name;
    const char *near = yaml_nearest(name, n, names);
    free(names);
    return near;
}

typedef struct {
    bool parameters, observables, design;
} takes_t;

static const takes_t takes[ADAPTER_KINDS] = {
    [ADAPTER_LOG] = {true, true, true},           [ADAPTER_SQRT] = {true, true, true},
    [ADAPTER_CONSTRAIN] = {true, true, true},     [ADAPTER_SIMPLEX] = {true, false, false},
    [ADAPTER_ORDERED] = {true, false, false},     [ADAPTER_COVARIANCE] = {true, false, false},
    [ADAPTER_CORRELATION] = {true, false, false}, [ADAPTER_ONE_HOT] = {false, true, true},
    [ADAPTER_NAN_TO_MASK] = {false, true, false}, [ADAPTER_SUBSAMPLE] = {false, true, false},
    [ADAPTER_CONCATENATE] = {false, true, false}, [ADAPTER_DROP] = {true, true, true},
    [ADAPTER_STANDARDIZE] = {true, true, true},   [ADAPTER_NOISE] = {false, true, false}};

static const char *taken_words(takes_t t)
{
    if (t.parameters)
        return t.observables ? "a parameter, an observable or a design variable" : "a parameter";
    return t.design ? "an observable or a design variable" : "an observable";
}

static err_t resolve(const adapter_t *a, const adapter_transform_t *t, const char *name,
                     name_t *out)
{
    static const char *const is[] = {[NAME_PARAMETER] = "a parameter",
                                     [NAME_OBSERVABLE] = "an observable",
                                     [NAME_DESIGN] = "a design variable"};
    takes_t may = takes[t->kind];
    *out = find_name(a, name);
    switch (out->kind) {
    case NAME_NONE: {
        const char *near = near_name(a, name, may.parameters, may.observables, may.design);
        return near ? adapter_wrong(a, t, "there is no \"%s\" here; did you mean \"%s\"?", name,
                                    near)
                    : adapter_wrong(a, t, "there is no \"%s\" here, expected %s", name,
                                    taken_words(may));
    }
    case NAME_SEVERAL:
        return adapter_wrong(a, t, "\"%s\" names more than one thing of the model: rename one",
                             name);
    case NAME_PARAMETER:
    case NAME_OBSERVABLE:
    case NAME_DESIGN:
        break;
    }
    bool taken = out->kind == NAME_PARAMETER    ? may.parameters
                 : out->kind == NAME_OBSERVABLE ? may.observables
                                                : may.design;
    return taken ? OK
                 : adapter_wrong(a, t, "\"%s\" is %s, expected %s", name, is[out->kind],
                                 taken_words(may));
}

/* ---- transforms ---- */

static err_t add_together(adapter_t *a, const adapter_transform_t *t)
{
    int *members = ARENA_NEW(a->arena, int, t->n);
    for (int i = 0; i < t->n; i++) {
        name_t name;
        TRY(resolve(a, t, t->items[i].name, &name));
        members[i] = name.at;
        for (int j = 0; j < i; j++)
            if (members[j] == members[i])
                return adapter_wrong(a, t, "\"%s\" comes twice", t->items[i].name);
    }
    return t->kind == ADAPTER_CONCATENATE ? adapter_concatenate(a, t, members)
                                          : adapter_add_group(a, t, members);
}

static err_t add_each(adapter_t *a, const adapter_transform_t *t)
{
    for (int i = 0; i < t->n; i++) {
        name_t name;
        TRY(resolve(a, t, t->items[i].name, &name));
        if (name.kind == NAME_PARAMETER)
            TRY(adapter_add_parameter(a, t, &t->items[i], name.at));
        else
            TRY(adapter_add_data(a, t, &t->items[i], name));
    }
    return OK;
}

static err_t add_transform(adapter_t *a, const adapter_transform_t *t)
{
    switch (t->kind) {
    case ADAPTER_SIMPLEX:
    case ADAPTER_ORDERED:
    case ADAPTER_COVARIANCE:
    case ADAPTER_CORRELATION:
    case ADAPTER_CONCATENATE:
        return add_together(a, t);
    case ADAPTER_LOG:
    case ADAPTER_SQRT:
    case ADAPTER_CONSTRAIN:
    case ADAPTER_ONE_HOT:
    case ADAPTER_NAN_TO_MASK:
    case ADAPTER_SUBSAMPLE:
    case ADAPTER_DROP:
    case ADAPTER_STANDARDIZE:
    case ADAPTER_NOISE:
        return add_each(a, t);
    case ADAPTER_KINDS:
        break;
    }
    CHECK(false, "transform %d", (int)t->kind);
    return OK;
}

/* ---- made and ended ---- */

static adapter_config_t copy_config(arena_t *arena, const adapter_config_t *c)
{
    adapter_config_t to = *c;
    to.where = arena_copy_text(arena, c->where);
    to.transforms = ARENA_NEW(arena, adapter_transform_t, c->n + 1);
    for (int k = 0; k < c->n; k++) {
        adapter_transform_t *t = &to.transforms[k];
        *t = c->transforms[k];
        t->into = arena_copy_text(arena, t->into);
        t->items = ARENA_NEW(arena, adapter_item_t, t->n + 1);
        for (int i = 0; i < t->n; i++) {
            t->items[i] = c->transforms[k].items[i];
            t->items[i].name = arena_copy_text(arena, t->items[i].name);
        }
    }
    return to;
}

static adapter_shape_t copy_shape(arena_t *arena, const adapter_shape_t *s)
{
    adapter_shape_t to = *s;
    to.parameters = ARENA_NEW(arena, adapter_parameter_t, s->n_parameters + 1);
    to.design = ARENA_NEW(arena, adapter_design_t, s->n_design + 1);
    to.observables = ARENA_NEW(arena, adapter_observable_t, s->n_observables + 1);
    for (int p = 0; p < s->n_parameters; p++) {
        to.parameters[p] = s->parameters[p];
        to.parameters[p].name = arena_copy_text(arena, s->parameters[p].name);
    }
    for (int d = 0; d < s->n_design; d++) {
        to.design[d] = s->design[d];
        to.design[d].name = arena_copy_text(arena, s->design[d].name);
    }
    for (int o = 0; o < s->n_observables; o++) {
        to.observables[o] = s->observables[o];
        to.observables[o].name = arena_copy_text(arena, s->observables[o].name);
    }
    return to;
}

static err_t compile(adapter_t *a)
{
    adapter_begin_parameters(a);
    adapter_begin_data(a);
    for (int k = 0; k < a->config.n; k++)
        TRY(add_transform(a, &a->config.transforms[k]));
    TRY(adapter_end_parameters(a));
    return adapter_end_data(a);
}

err_t adapter_create(const adapter_config_t *config, const adapter_shape_t *shape, adapter_t **out)
{
    adapter_t *a = MEM_NEW(adapter_t, 1);
    a->arena = arena_create();
    a->before = copy_shape(a->arena, shape);
    if (config)
        a->config = copy_config(a->arena, config);
    err_t err = compile(a);
    if (err != OK)
        adapter_destroy(&a);
    *out = a;
    return err;
}

void adapter_destroy(adapter_t **a)
{
    if (!*a)
        return;
    arena_destroy(&(*a)->arena);
    free(*a);
    *a = NULL;
}

const adapter_config_t *adapter_config(const adapter_t *a)
{
    return &a->config;
}

const adapter_shape_t *adapter_before(const adapter_t *a)
{
    return &a->before;
}

const adapter_shape_t *adapter_after(const adapter_t *a)
{
    return &a->after;
}

int adapter_kept(const adapter_t *a, const int **which)
{
    if (which)
        *which = a->kept;
    return a->n_kept;
}
