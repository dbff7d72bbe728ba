// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_adapter.h"

#include "cluster/mem.h"
#include "storage/schema_array.h"
#include "coordinator/trainer.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- made ---- */

static adapter_observable_t observable_of(const schema_observable_t *s)
{
    adapter_observable_t x = {.name = s->name,
                              .kind = (observable_kind_t)s->kind,
                              .features = first_pass_features(s),
                              .length_design = s->length_design,
                              .lower = s->lower,
                              .upper = s->upper,
                              .standardize = true};
    x.length = schema_size(s) / x.features;
    if (s->kind == KIND_IMAGE) {
        x.height = s->dims[0];
        x.width = x.length / x.height;
    }
    return x;
}

/* Arrays are told apart by where they begin. */
static int array_number(const schema_t *s, int p)
{
    return s->parameters[p].array != NULL ? p - (int)s->parameters[p].place + 1 : 0;
}

adapter_shape_t study_adapter_shape(const schema_t *s, arena_t *arena)
{
    adapter_shape_t shape = {
        .n_parameters = s->n_parameters,
        .n_design = s->n_design,
        .n_observables = s->n_observables,
        .parameters = ARENA_NEW(arena, adapter_parameter_t, s->n_parameters + 1),
        .design = ARENA_NEW(arena, adapter_design_t, s->n_design + 1),
        .observables = ARENA_NEW(arena, adapter_observable_t, s->n_observables + 1)};
    for (int p = 0; p < s->n_parameters; p++)
        shape.parameters[p] =
            (adapter_parameter_t){s->parameters[p].name, s->parameters[p].lower,
                                  s->parameters[p].upper, true, array_number(s, p)};
    for (int d = 0; d < s->n_design; d++)
        shape.design[d] =
            (adapter_design_t){s->design[d].name, s->design[d].lower, s->design[d].upper, true};
    for (int o = 0; o < s->n_observables; o++)
        shape.observables[o] = observable_of(&s->observables[o]);
    return shape;
}

/* ---- names of arrays ---- */

static bool takes_arrays(adapter_kind_t kind)
{
    return kind == ADAPTER_LOG || kind == ADAPTER_SQRT || kind == ADAPTER_CONSTRAIN ||
           kind == ADAPTER_DROP || kind == ADAPTER_STANDARDIZE;
}

static int values_named(const schema_t *schema, const char *name)
{
    schema_variable_t v = schema_variable_named(schema, name);
    return v.n_dims > 0 ? v.n : 1;
}

static err_t wrong(const adapter_config_t *config, const adapter_transform_t *t, const char *name,
                   const char *why)
{
    return err_fail(ERR_USAGE, "%s: adapter: line %d: %s: \"%s\" %s",
                    config->where ? config->where : "the study", t->line,
                    adapter_kind_word(t->kind), name, why);
}

/* An array is taken or left as a whole, by transforms that take numbers one by one. */
static err_t check_names(const adapter_config_t *config, const adapter_transform_t *t,
                         const schema_t *schema)
{
    for (int i = 0; i < t->n; i++) {
        const char *name = t->items[i].name;
        int value = schema_find_parameter(schema, name);
        if (value >= 0 && schema->parameters[value].array != NULL)
            return wrong(config, t, name, "is one value of an array: name the array");
        if (schema_variable_named(schema, name).n_dims > 0 && !takes_arrays(t->kind))
            return wrong(config, t, name, "is an array, expected single numbers");
    }
    return OK;
}

static adapter_transform_t spell_out(const adapter_transform_t *t, const schema_t *schema,
                                     arena_t *arena)
{
    adapter_transform_t out = *t;
    int64_t n = 0;
    for (int i = 0; i < t->n; i++)
        n += values_named(schema, t->items[i].name);
    out.items = ARENA_NEW(arena, adapter_item_t, n);
    out.n = 0;
    for (int i = 0; i < t->n; i++) {
        schema_variable_t v = schema_variable_named(schema, t->items[i].name);
        for (int k = 0; k < values_named(schema, t->items[i].name); k++) {
            out.items[out.n] = t->items[i];
            if (v.n_dims > 0)
                out.items[out.n].name = schema->parameters[v.first + k].name;
            out.n++;
        }
    }
    return out;
}

/* The names of arrays replaced by those of their values. */
static err_t spell_arrays_out(const adapter_config_t *config, const schema_t *schema,
                              arena_t *arena, adapter_config_t *out)
{
    *out = *config;
    out->transforms = ARENA_NEW(arena, adapter_transform_t, config->n + 1);
    for (int t = 0; t < config->n; t++) {
        TRY(check_names(config, &config->transforms[t], schema));
        out->transforms[t] = spell_out(&config->transforms[t], schema, arena);
    }
    return OK;
}

static err_t make(const adapter_config_t *config, const schema_t *schema, adapter_t **out)
{
    arena_t *arena = arena_create();
    adapter_config_t spelled = *config;
    adapter_shape_t shape = study_adapter_shape(schema, arena);
    err_t err = schema_has_arrays(schema) ? spell_arrays_out(config, schema, arena, &spelled) : OK;
    if (err == OK)
        err = adapter_create(&spelled, &shape, out);
    arena_destroy(&arena);
    return err;
}

/* A Dirichlet over all its shares has a density only where a simplex takes exactly these parameters. */
static err_t check_density(const study_t *study, const adapter_t *a)
{
    for (int i = 0; i < study->parameters.n; i++) {
        const prior_line_t *line = &study->parameters.at[i];
        if (prior_on_a_plane(&(prior_lines_t){.n = 1, .at = study->parameters.at + i}) == NULL ||
            adapter_is_simplex(a, line->n_names, line->names))
            continue;
        return err_fail(ERR_USAGE,
                        "%s: %s: these parameters sum to 1, so they have no joint density to "
                        "learn: put `- simplex: [all of them]` into `adapter:`, or let the "
                        "simulator take all of them but one, which is what remains",
                        line->where, line->text);
    }
    return OK;
}

err_t study_adapter(const study_t *study, const schema_t *schema, adapter_t **out)
{
    TRY(make(&study->adapter, schema, out));
    err_t err = check_density(study, *out);
    if (err != OK)
        adapter_destroy(out);
    return err;
}

err_t study_adapter_missing(const study_t *study, simulator_t *simulator)
{
    adapter_t *adapter = NULL;
    const schema_t *schema = simulator_schema(simulator);
    TRY(make(&study->adapter, schema, &adapter));
    for (int o = 0; o < schema->n_observables; o++)
        if (adapter_masks_nan(adapter, o))
            simulator_allow_missing(simulator, o);
    adapter_destroy(&adapter);
    return OK;
}

err_t study_adapter_parse(const char *text, const char *where, const schema_t *schema,
                          adapter_t **out)
{
    arena_t *arena = arena_create();
    adapter_config_t config;
    err_t err = adapter_config_parse(text, where, arena, &config);
    if (err == OK)
        err = make(&config, schema, out);
    arena_destroy(&arena);
    return err;
}

/* ---- rows ---- */

struct adapted_rows {
    const adapter_t *adapter;
    adapter_work_t *work;
    const float **fields; // (O)
    int64_t *features;    // (O') behind the adapter
    int *arrays;          // (Q)
};

adapted_rows_t *adapted_rows_create(const adapter_t *adapter)
{
    adapted_rows_t *r = MEM_NEW(adapted_rows_t, 1);
    const adapter_shape_t *after = adapter_after(adapter);
    *r = (adapted_rows_t){.adapter = adapter,
                          .work = adapter_work_create(adapter, 1),
                          .fields =
                              MEM_NEW(const float *, adapter_before(adapter)->n_observables + 1),
                          .features = MEM_NEW(int64_t, after->n_observables + 1)};
    for (int o = 0; o < after->n_observables; o++)
        r->features[o] = after->observables[o].features;
    r->arrays = MEM_NEW(int, after->n_parameters + 1);
    for (int p = 0; p < after->n_parameters; p++)
        r->arrays[p] = after->parameters[p].array;
    return r;
}

void adapted_rows_destroy(adapted_rows_t **r)
{
    if (!*r)
        return;
    adapter_work_destroy(&(*r)->work);
    free((*r)->fields);
    free((*r)->features);
    free((*r)->arrays);
    free(*r);
    *r = NULL;
}

first_pass_shape_t adapted_rows_shape(const adapted_rows_t *r)
{
    const adapter_shape_t *after = adapter_after(r->adapter);
    return (first_pass_shape_t){after->n_parameters, after->n_design, after->n_observables,
                                r->features, r->arrays};
}

err_t adapted_rows_check(adapted_rows_t *r, const rows_t *rows, int64_t at)
{
    char why[ADAPTER_WHY];
    batch_t batch = batch_of_rows(rows, at, at + 1, r->fields);
    if (adapter_supports_why(r->adapter, batch.parameters, why) &&
        adapter_reads(r->adapter, &batch, 0, why))
        return OK;
    return err_fail(ERR_USAGE, "adapter: row %" PRId64 " of the bank: %s", rows->index[at], why);
}

/* Values of an observable that are there. */
static int64_t values_of(const adapter_observable_t *o, int32_t length)
{
    switch (o->kind) {
    case OBSERVABLE_SET:
    case OBSERVABLE_SERIES:
        return length * o->features;
    case OBSERVABLE_IMAGE:
        return length * o->width * o->features;
    case OBSERVABLE_VECTOR:
        break;
    }
    return o->length_design < 0 ? o->features : length;
}

err_t adapted_rows_transform(void *user, const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    adapted_rows_t *r = user;
    const adapter_shape_t *after = adapter_after(r->adapter);
    TRY(adapted_rows_check(r, rows, at));
    batch_t raw = batch_of_rows(rows, at, at + 1, r->fields);
    batch_t batch = adapter_batch(r->work, &raw, ADAPTER_EVALUATION, NULL);
    adapter_free(r->adapter, raw.parameters, out->parameters, NULL);
    for (int d = 0; d < after->n_design; d++)
        out->design[d] = batch.design[d];
    for (int o = 0; o < after->n_observables; o++) {
        out->observables[o] = batch.observables[o];
        out->values[o] = values_of(&after->observables[o], batch.length[o]);
    }
    return OK;
}
