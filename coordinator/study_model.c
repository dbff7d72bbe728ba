// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_model.h"

#include "storage/schema_array.h"

#include <math.h>
#include <string.h>

static const char *unit_words(arena_t *arena, const char *unit)
{
    return unit ? arena_format(arena, ", in %s", unit) : "";
}

static const char *range_words(arena_t *arena, double lower, double upper)
{
    if (isinf(lower) && isinf(upper))
        return "any number";
    if (isinf(upper))
        return arena_format(arena, "greater than %g", lower);
    if (isinf(lower))
        return arena_format(arena, "less than %g", upper);
    return arena_format(arena, "%g to %g", lower, upper);
}

static const char *shape_words(arena_t *arena, const schema_t *schema, const schema_observable_t *o)
{
    const char *words = "";
    for (int k = 0; k < o->n_dims; k++) {
        const schema_design_t *by =
            k == 0 && o->length_design >= 0 ? &schema->design[o->length_design] : NULL;
        const char *size = by ? arena_format(arena, "%s (%g to %g)", by->name, by->lower, by->upper)
                              : arena_format(arena, "%ld", (long)o->dims[k]);
        words = arena_format(arena, "%s%s%s", words, k > 0 ? " × " : "", size);
    }
    return words;
}

static const char *array_words(arena_t *arena, const schema_variable_t *v)
{
    const char *words = v->n_dims > 0 ? "array of " : "";
    for (int d = 0; d < v->n_dims; d++)
        words = arena_format(arena, "%s%s%ld", words, d > 0 ? " × " : "", (long)v->dims[d]);
    return v->n_dims > 0 ? arena_format(arena, "%s, each ", words) : words;
}

/* As they are declared: an array is one. */
static report_variable_t *parameters_of(arena_t *arena, const schema_t *inferred)
{
    report_variable_t *out = ARENA_NEW(arena, report_variable_t, inferred->n_parameters + 1);
    schema_variable_t v;
    for (int i = 0, k = 0; i < inferred->n_parameters; i += v.n, k++) {
        const schema_parameter_t *p = &inferred->parameters[i];
        v = schema_variable_at(inferred, i);
        out[k] = (report_variable_t){v.name,
                                     arena_format(arena, "%s%s%s", array_words(arena, &v),
                                                  range_words(arena, p->lower, p->upper),
                                                  unit_words(arena, p->unit)),
                                     p->prior ? p->prior : "the simulator's own"};
    }
    return out;
}

static report_variable_t *observables_of(arena_t *arena, const schema_t *schema)
{
    report_variable_t *out = ARENA_NEW(arena, report_variable_t, schema->n_observables + 1);
    for (int i = 0; i < schema->n_observables; i++) {
        const schema_observable_t *o = &schema->observables[i];
        out[i] = (report_variable_t){
            o->name,
            arena_format(arena, "%s of %s%s%s", kind_name(o->kind), shape_words(arena, schema, o),
                         o->missing ? ", values may be missing" : "", unit_words(arena, o->unit)),
            NULL};
    }
    return out;
}

static report_variable_t *design_of(arena_t *arena, const schema_t *schema)
{
    report_variable_t *out = ARENA_NEW(arena, report_variable_t, schema->n_design + 1);
    for (int i = 0; i < schema->n_design; i++) {
        const schema_design_t *d = &schema->design[i];
        out[i] =
            (report_variable_t){d->name,
                                arena_format(arena, "%s%g to %g%s", d->integer ? "whole, " : "",
                                             d->lower, d->upper, unit_words(arena, d->unit)),
                                NULL};
    }
    return out;
}

study_model_t study_model(const schema_t *schema, const schema_t *inferred)
{
    study_model_t m = {.arena = arena_create()};
    m.model = (report_model_t){.name = schema->name,
                               .version = schema->version,
                               .description = schema->description,
                               .n_parameters = schema_variable_count(inferred),
                               .n_observables = schema->n_observables,
                               .n_design = schema->n_design,
                               .parameters = parameters_of(m.arena, inferred),
                               .observables = observables_of(m.arena, schema),
                               .design = design_of(m.arena, schema)};
    return m;
}

void study_model_free(study_model_t *m)
{
    arena_destroy(&m->arena);
    memset(m, 0, sizeof *m);
}
