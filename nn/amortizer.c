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

err_t amortizer_create(const amortizer_config_t *config, uint64_t seed, amortizer_t **out)
{
    TRY(amortizer_config_check(config));
    amortizer_t *a = MEM_NEW(amortizer_t, 1);
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

bool amortizer_has_density(const amortizer_t *a)
{
    return amortizer_inference(a)->has_density;
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
