// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "cluster/mem.h"
#include "nn/bounds.h"

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

static deep_set_config_t summary_config(const amortizer_t *a, int o)
{
    const amortizer_config_t *c = &a->config;
    const set_features_t *f = &a->features[o];
    return (deep_set_config_t){.features = set_features_element_columns(f),
                               .extras = set_features_set_columns(f),
                               .elements = c->summary.golden || c->summary.elements,
                               .summary_dim = c->summary.summary_dim,
                               .embed_dim = c->summary.embed_dim,
                               .depth = c->summary.depth,
                               .width = c->summary.width,
                               .n_hidden = c->summary.n_hidden,
                               .golden = c->summary.golden,
                               .dropout = (double)c->summary.dropout};
}

static void make_summaries(amortizer_t *a)
{
    const amortizer_config_t *c = &a->config;
    a->features = MEM_NEW(set_features_t, c->n_observables);
    a->summary = MEM_NEW(deep_set_t *, c->n_observables);
    for (int o = 0; o < c->n_observables; o++) {
        char *name = mem_format("summary%d", o);
        a->features[o] = (set_features_t){.columns = c->observables[o].features,
                                          .max_length = c->observables[o].max_length,
                                          .plain = c->summary.golden,
                                          .moments = c->summary.moments,
                                          .quantiles = c->summary.quantiles};
        deep_set_config_t deep = summary_config(a, o);
        a->summary[o] = deep_set_make(a->params, name, &deep);
        free(name);
    }
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

static void make_flow(amortizer_t *a)
{
    const amortizer_config_t *c = &a->config;
    coupling_flow_config_t flow = {.parameters = c->n_parameters,
                                   .conditions = amortizer_condition_width(a),
                                   .transform = c->inference.transform,
                                   .depth = c->inference.depth,
                                   .width = c->inference.width,
                                   .n_hidden = c->inference.n_hidden,
                                   .bins = c->inference.bins,
                                   .half_width = c->inference.half_width,
                                   .whiten = c->inference.whiten && !c->inference.golden,
                                   .golden = c->inference.golden,
                                   .dropout = (double)c->inference.dropout};
    a->flow = coupling_flow_make(a->params, "inference", &flow);
}

err_t amortizer_create(const amortizer_config_t *config, uint64_t seed, amortizer_t **out)
{
    TRY(amortizer_config_check(config));
    amortizer_t *a = MEM_NEW(amortizer_t, 1);
    copy_config(a, config);
    unit_scaling(a);
    a->params = params_create();
    make_summaries(a);
    make_standardisation(a);
    make_flow(a);
    params_seal(a->params, seed);
    coupling_flow_permute(a->flow, a->params, seed);
    begin_standardisation(a);
    *out = a;
    return OK;
}

static void free_arrays(amortizer_t *a)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        deep_set_destroy(&a->summary[o]);
        free(a->scaling.observable_mean[o]);
        free(a->scaling.observable_sd[o]);
    }
    free(a->scaling.observable_mean);
    free(a->scaling.observable_sd);
    free(a->scaling.parameter_mean);
    free(a->scaling.parameter_sd);
    free(a->scaling.design_mean);
    free(a->scaling.design_sd);
    free(a->summary);
    free(a->features);
    free(a->standardise);
    free(a->config.observables);
    free((void *)a->config.lower);
    free((void *)a->config.upper);
}

void amortizer_destroy(amortizer_t **a)
{
    if (!*a)
        return;
    free_arrays(*a);
    coupling_flow_destroy(&(*a)->flow);
    params_destroy(&(*a)->params);
    free(*a);
    *a = NULL;
}

static void take_scaling(int64_t n, const double *mean, const double *sd, double *to_mean,
                         double *to_sd)
{
    for (int64_t i = 0; i < n; i++) {
        to_mean[i] = mean[i];
        to_sd[i] = sd[i] > 0.0 ? sd[i] : 1.0;
    }
}

void amortizer_set_scaling(amortizer_t *a, const scaling_t *s)
{
    const amortizer_config_t *c = &a->config;
    scaling_t *to = &a->scaling;
    take_scaling(c->n_parameters, s->parameter_mean, s->parameter_sd, to->parameter_mean,
                 to->parameter_sd);
    take_scaling(c->n_design, s->design_mean, s->design_sd, to->design_mean, to->design_sd);
    for (int o = 0; o < c->n_observables; o++)
        take_scaling(c->observables[o].features, s->observable_mean[o], s->observable_sd[o],
                     to->observable_mean[o], to->observable_sd[o]);
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

int amortizer_summary_width(const amortizer_t *a)
{
    return a->config.n_observables * a->config.summary.summary_dim;
}

int64_t amortizer_condition_width(const amortizer_t *a)
{
    return amortizer_summary_width(a) + a->config.n_design;
}

bool amortizer_supports(const amortizer_t *a, const double *parameters)
{
    for (int j = 0; j < a->config.n_parameters; j++)
        if (!bounds_hold(a->config.lower[j], a->config.upper[j], parameters[j]))
            return false;
    return true;
}

void amortizer_unbound(const amortizer_t *a, const double *parameters, double *u,
                       double *log_jacobian)
{
    double sum = 0.0;
    for (int j = 0; j < a->config.n_parameters; j++)
        u[j] = bounds_free(a->config.lower[j], a->config.upper[j], parameters[j], &sum);
    if (log_jacobian)
        *log_jacobian = sum;
}

void amortizer_bound(const amortizer_t *a, const double *u, double *parameters)
{
    for (int j = 0; j < a->config.n_parameters; j++)
        parameters[j] = bounds_restore(a->config.lower[j], a->config.upper[j], u[j]);
}

double amortizer_standardise(const amortizer_t *a, int64_t n, const double *parameters,
                             float *theta)
{
    const amortizer_config_t *c = &a->config;
    const scaling_t *s = &a->scaling;
    double sum = 0.0;
    for (int64_t k = 0; k < n * c->n_parameters; k++) {
        int64_t j = k % c->n_parameters;
        if (j == 0)
            sum = 0.0;
        double u = bounds_free(c->lower[j], c->upper[j], parameters[k], &sum);
        theta[k] = (float)((u - s->parameter_mean[j]) / s->parameter_sd[j]);
        sum -= log(s->parameter_sd[j]);
    }
    return sum;
}
