// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *copy_array(const void *from, int64_t n, size_t size)
{
    void *to = mem_zero((size_t)n, size);
    if (n > 0)
        memcpy(to, from, (size_t)n * size);
    return to;
}

static void copy_config(amortizer_t *a, const amortizer_config_t *config)
{
    a->config = *config;
    a->config.lower = copy_array(config->lower, config->n_parameters, sizeof(double));
    a->config.upper = copy_array(config->upper, config->n_parameters, sizeof(double));
    a->config.observables =
        copy_array(config->observables, config->n_observables, sizeof *config->observables);
}

static double *ones(int64_t n)
{
    double *x = MEM_NEW(double, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = 1.0;
    return x;
}

static void unit_scaling(amortizer_t *a)
{
    const amortizer_config_t *c = &a->config;
    scaling_t *s = &a->scaling;
    s->parameter_mean = MEM_NEW(double, c->n_parameters);
    s->parameter_sd = ones(c->n_parameters);
    s->design_mean = MEM_NEW(double, c->n_design);
    s->design_sd = ones(c->n_design);
    s->observable_mean = MEM_NEW(double *, c->n_observables);
    s->observable_sd = MEM_NEW(double *, c->n_observables);
    for (int o = 0; o < c->n_observables; o++) {
        s->observable_mean[o] = MEM_NEW(double, c->observables[o].features);
        s->observable_sd[o] = ones(c->observables[o].features);
    }
}

const inference_kind_t *amortizer_inference(const amortizer_t *a)
{
    return inference_table[a->config.inference.type];
}

static void make_summaries(amortizer_t *a, const char *prefix, member_t *m)
{
    const amortizer_config_t *c = &a->config;
    m->summary = MEM_NEW(summary_t *, c->n_observables);
    for (int o = 0; o < c->n_observables; o++) {
        if (c->observables[o].direct)
            continue;
        char *name = mem_format("%ssummary%d", prefix, o);
        summary_shape_t shape = amortizer_summary_shape(c, o);
        m->summary[o] = summary_make(a->params, name, &shape, &c->observables[o].summary);
        free(name);
    }
}

static void make_member(amortizer_t *a, int k)
{
    char *prefix = a->config.members > 1 ? mem_format("member%d/", k) : mem_format("%s", "");
    char *name = mem_format("%sinference", prefix);
    inference_shape_t shape = amortizer_inference_shape(&a->config);
    make_summaries(a, prefix, &a->member[k]);
    a->member[k].inference =
        amortizer_inference(a)->make(a->params, name, &shape, &a->config.inference);
    free(name);
    free(prefix);
}

static void make_members(amortizer_t *a)
{
    a->features = MEM_NEW(set_features_t, a->config.n_observables);
    for (int o = 0; o < a->config.n_observables; o++)
        a->features[o] = amortizer_set_features(&a->config.observables[o]);
    a->member = MEM_NEW(member_t, a->config.members);
    for (int k = 0; k < a->config.members; k++)
        make_member(a, k);
}

static void make_standardisation(amortizer_t *a)
{
    a->standardise = mem_zero((size_t)a->config.n_observables, sizeof *a->standardise);
    for (int o = 0; o < a->config.n_observables; o++) {
        int64_t cols = set_features_set_columns(&a->features[o]);
        char *mean = mem_format("features%d/mean", o), *factor = mem_format("features%d/factor", o);
        a->standardise[o].mean = cols ? params_add_fixed(a->params, mean, 1, cols) : -1;
        a->standardise[o].factor = cols ? params_add_fixed(a->params, factor, 1, cols) : -1;
        free(factor);
        free(mean);
    }
}

// As they are, until amortizer_calibrate.
static void begin_standardisation(amortizer_t *a)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        int64_t cols = set_features_set_columns(&a->features[o]);
        for (int64_t j = 0; j < cols; j++)
            params_tensor(a->params, a->standardise[o].factor)[j] = amortizer_feature_size;
    }
}

// The adapter without transforms.
static err_t plain_adapter(const amortizer_config_t *c, adapter_t **out)
{
    arena_t *arena = arena_create();
    adapter_shape_t s = {.n_parameters = c->n_parameters,
                         .n_design = c->n_design,
                         .n_observables = c->n_observables,
                         .parameters = ARENA_NEW(arena, adapter_parameter_t, c->n_parameters + 1),
                         .design = ARENA_NEW(arena, adapter_design_t, c->n_design + 1),
                         .observables =
                             ARENA_NEW(arena, adapter_observable_t, c->n_observables + 1)};
    for (int p = 0; p < c->n_parameters; p++)
        s.parameters[p] = (adapter_parameter_t){"parameter", c->lower[p], c->upper[p], true, 0};
    for (int d = 0; d < c->n_design; d++)
        s.design[d] = (adapter_design_t){"design", -INFINITY, INFINITY, true};
    for (int o = 0; o < c->n_observables; o++) {
        const amortizer_observable_t *x = &c->observables[o];
        s.observables[o] = (adapter_observable_t){.name = "observable",
                                                  .kind = x->kind,
                                                  .length = x->max_length,
                                                  .features = x->features,
                                                  .height = x->height,
                                                  .width = x->width,
                                                  .length_design = -1,
                                                  .standardize = true};
    }
    err_t err = adapter_create(NULL, &s, out);
    arena_destroy(&arena);
    return err;
}

err_t amortizer_create(const amortizer_config_t *config, uint64_t seed, amortizer_t **out)
{
    adapter_t *adapter = NULL;
    TRY(amortizer_config_check(config));
    TRY(plain_adapter(config, &adapter));
    amortizer_t *a = MEM_NEW(amortizer_t, 1);
    a->adapter = adapter;
    copy_config(a, config);
    unit_scaling(a);
    a->params = params_create();
    make_members(a);
    make_standardisation(a);
    params_seal(a->params, seed);
    begin_standardisation(a);
    for (int k = 0; k < config->members && amortizer_inference(a)->begin != NULL; k++)
        amortizer_inference(a)->begin(a->member[k].inference, a->params, seed);
    *out = a;
    return OK;
}

static void free_arrays(amortizer_t *a)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        free(a->scaling.observable_mean[o]);
        free(a->scaling.observable_sd[o]);
    }
    free(a->scaling.observable_sd);
    free(a->scaling.observable_mean);
    free(a->scaling.parameter_mean);
    free(a->scaling.parameter_sd);
    free(a->scaling.design_mean);
    free(a->scaling.design_sd);
    free(a->member);
    free(a->features);
    free(a->standardise);
    free(a->config.observables);
    free((void *)a->config.lower);
    free((void *)a->config.upper);
}

static void free_member(amortizer_t *a, member_t *m)
{
    for (int o = 0; o < a->config.n_observables; o++)
        summary_destroy(&m->summary[o]);
    free(m->summary);
    amortizer_inference(a)->destroy(m->inference);
}

void amortizer_destroy(amortizer_t **a)
{
    if (!*a)
        return;
    for (int k = 0; k < (*a)->config.members; k++)
        free_member(*a, &(*a)->member[k]);
    free_arrays(*a);
    adapter_destroy(&(*a)->adapter);
    params_destroy(&(*a)->params);
    free(*a);
    *a = NULL;
}

/* ---- adapter and scaling ---- */

static bool is_behind(const amortizer_config_t *c, const adapter_shape_t *s)
{
    bool same = c->n_parameters == s->n_parameters && c->n_design == s->n_design &&
                c->n_observables == s->n_observables;
    for (int o = 0; o < c->n_observables && same; o++)
        same = c->observables[o].kind == s->observables[o].kind &&
               c->observables[o].max_length == s->observables[o].length &&
               c->observables[o].features == s->observables[o].features;
    return same;
}

void amortizer_set_adapter(amortizer_t *a, adapter_t **adapter)
{
    CHECK(is_behind(&a->config, adapter_after(*adapter)),
          "the adapter's shapes are not those of the networks");
    adapter_destroy(&a->adapter);
    a->adapter = *adapter;
    *adapter = NULL;
}

const adapter_t *amortizer_adapter(const amortizer_t *a)
{
    return a->adapter;
}

static void take_column(bool standardize, double mean, double sd, double *to_mean, double *to_sd)
{
    *to_mean = standardize ? mean : 0.0;
    *to_sd = standardize && sd > 0.0 ? sd : 1.0;
}

void amortizer_set_scaling(amortizer_t *a, const scaling_t *s)
{
    const adapter_shape_t *x = adapter_after(a->adapter);
    scaling_t *to = &a->scaling;
    for (int j = 0; j < x->n_parameters; j++)
        take_column(x->parameters[j].standardize, s->parameter_mean[j], s->parameter_sd[j],
                    &to->parameter_mean[j], &to->parameter_sd[j]);
    for (int d = 0; d < x->n_design; d++)
        take_column(x->design[d].standardize, s->design_mean[d], s->design_sd[d],
                    &to->design_mean[d], &to->design_sd[d]);
    for (int o = 0; o < x->n_observables; o++)
        for (int64_t c = 0; c < x->observables[o].features; c++)
            take_column(x->observables[o].standardize, s->observable_mean[o][c],
                        s->observable_sd[o][c], &to->observable_mean[o][c],
                        &to->observable_sd[o][c]);
    adapter_set_noise_scale(a->adapter, (const double *const *)s->observable_sd);
}

const scaling_t *amortizer_scaling(const amortizer_t *a)
{
    return &a->scaling;
}

const amortizer_config_t *amortizer_config(const amortizer_t *a)
{
    return &a->config;
}

params_t *amortizer_params(amortizer_t *a)
{
    return a->params;
}

bool amortizer_has_density(const amortizer_t *a)
{
    return amortizer_inference(a)->has_density;
}

bool amortizer_is_marginal(const amortizer_t *a)
{
    return amortizer_inference(a)->is_marginal;
}

double amortizer_standardise(const amortizer_t *a, int64_t n, const double *parameters, double *u,
                             float *theta)
{
    const scaling_t *s = &a->scaling;
    int64_t q = a->config.n_parameters, p = adapter_before(a->adapter)->n_parameters;
    double log_jacobian = 0.0;
    for (int64_t i = 0; i < n; i++) {
        adapter_free(a->adapter, parameters + i * p, u, &log_jacobian);
        for (int64_t j = 0; j < q; j++) {
            theta[i * q + j] = (float)((u[j] - s->parameter_mean[j]) / s->parameter_sd[j]);
            log_jacobian -= log(s->parameter_sd[j]);
        }
    }
    return log_jacobian;
}
