// SPDX-License-Identifier: Apache-2.0
#include "coordinator/command.h"
#include "coordinator/json_out.h"
#include "workers/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char *const kind_words[] = {"vector", "set", "series", "image"};

static void print_parameters(const infermill_simulator_t *m)
{
    printf("  parameters\n");
    for (int i = 0; i < m->n_parameters; i++) {
        const infermill_parameter_t *p = &m->parameters[i];
        bool low = isfinite(p->lower), high = isfinite(p->upper);
        printf("    %-12s ", p->name);
        for (int d = 0; d < p->n_dims; d++)
            printf("%s%" PRId64 "%s", d ? " x " : "", p->dims[d],
                   d + 1 < p->n_dims ? "" : ", each ");
        if (!low && !high)
            printf("any\n");
        else if (low && high)
            printf("%g to %g\n", p->lower, p->upper);
        else
            printf(low ? "above %g\n" : "below %g\n", low ? p->lower : p->upper);
    }
}

static void print_dims(const infermill_simulator_t *m, const infermill_observable_t *o)
{
    for (int d = 0; d < o->n_dims; d++) {
        if (o->dim_design[d] >= 0)
            printf("%s%s", d ? " x " : "", m->design[o->dim_design[d]].name);
        else
            printf("%s%" PRId64, d ? " x " : "", o->dims[d]);
    }
}

static void print_fields(const infermill_simulator_t *m)
{
    printf("  observables\n");
    for (int i = 0; i < m->n_observables; i++) {
        printf("    %-12s %s, ", m->observables[i].name, kind_words[m->observables[i].kind]);
        print_dims(m, &m->observables[i]);
        printf("\n");
    }
    if (m->n_design > 0)
        printf("  design\n");
    for (int i = 0; i < m->n_design; i++)
        printf("    %-12s %s%g to %g\n", m->design[i].name,
               m->design[i].integer ? "whole number, " : "", m->design[i].lower,
               m->design[i].upper);
}

static json_t *json_of_parameter(const infermill_parameter_t *p)
{
    json_t *object =
        json_pack("{s:s,s:o,s:o}", "name", p->name, "lower", json_number_or_null(p->lower), "upper",
                  json_number_or_null(p->upper));
    json_t *dims = p->n_dims > 0 ? json_array() : NULL;
    for (int d = 0; d < p->n_dims; d++)
        json_array_append_new(dims, json_integer(p->dims[d]));
    if (dims != NULL)
        json_object_set_new(object, "dims", dims);
    return object;
}

static json_t *json_of_model(const infermill_simulator_t *m)
{
    json_t *parameters = json_array(), *observables = json_array(), *design = json_array();
    for (int i = 0; i < m->n_parameters; i++)
        json_array_append_new(parameters, json_of_parameter(&m->parameters[i]));
    for (int i = 0; i < m->n_observables; i++) {
        const infermill_observable_t *o = &m->observables[i];
        json_t *dims = json_array();
        for (int d = 0; d < o->n_dims; d++)
            json_array_append_new(dims, o->dim_design[d] >= 0
                                            ? json_string(m->design[o->dim_design[d]].name)
                                            : json_integer(o->dims[d]));
        json_array_append_new(observables, json_pack("{s:s,s:s,s:o}", "name", o->name, "kind",
                                                     kind_words[o->kind], "dims", dims));
    }
    for (int i = 0; i < m->n_design; i++)
        json_array_append_new(design, json_pack("{s:s,s:f,s:f}", "name", m->design[i].name, "lower",
                                                m->design[i].lower, "upper", m->design[i].upper));
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o}", "name", m->name, "version", m->version,
                     "description", m->description, "parameters", parameters, "observables",
                     observables, "design", design);
}

err_t command_models(const par_t *par, const options_t *options)
{
    (void)par;
    json_t *all = json_array();
    for (int i = 0; i < simulator_builtin_count(); i++) {
        const infermill_simulator_t *m = simulator_builtin(i);
        json_array_append_new(all, json_of_model(m));
        if (options->json)
            continue;
        printf("%s (version %s): %s\n", m->name, m->version, m->description);
        print_parameters(m);
        print_fields(m);
        printf("\n");
    }
    if (options->json)
        json_print(all);
    json_decref(all);
    return OK;
}
