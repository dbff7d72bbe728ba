// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "cluster/mem.h"

#include <stdlib.h>

#include <math.h>

const float amortizer_feature_size = 0.1f;
static const double least_sd = 1e-6;
static const float farthest = 8.0f; // standard deviations; a feature beyond it is cut off

static tensor_t *record_summary(const amortizer_t *a, graph_t *g, int o, condition_t *c)
{
    const set_features_t *f = &a->features[o];
    if (a->config.summary.golden || a->config.summary.elements)
        c->elements[o] = graph_input(g, ROWS_ELEMENTS + o, 1, set_features_element_columns(f));
    if (set_features_set_columns(f) > 0)
        c->sets[o] = graph_input(g, ROWS_SETS, 1, set_features_set_columns(f));
    return deep_set_record(a->summary[o], g, c->elements[o], c->sets[o]);
}

condition_t amortizer_record_condition(const amortizer_t *a, graph_t *g)
{
    condition_t c = {0};
    for (int o = 0; o < a->config.n_observables; o++) {
        tensor_t *one = record_summary(a, g, o, &c);
        c.summary = c.summary ? op_concat2(g, c.summary, one) : one;
    }
    c.condition = c.summary;
    if (a->config.n_design > 0) {
        c.design = graph_input(g, ROWS_SETS, 1, a->config.n_design);
        c.condition = op_concat2(g, c.summary, c.design);
    }
    return c;
}

static const float *values_of(const amortizer_t *a, int o, const batch_t *batch, int64_t i)
{
    return batch->observables[o] + i * a->features[o].max_length * a->features[o].columns;
}

static int64_t length_of(const amortizer_t *a, int o, const batch_t *batch, int64_t i)
{
    return batch->length[i * a->config.n_observables + o];
}

static void fill_elements(const amortizer_t *a, int o, const batch_t *batch, int64_t first,
                          int64_t n, float *out)
{
    const set_features_t *f = &a->features[o];
    for (int64_t i = first; i < first + n; i++) {
        int64_t length = length_of(a, o, batch, i);
        set_features_elements(f, a->scaling.observable_mean[o], a->scaling.observable_sd[o], length,
                              values_of(a, o, batch, i), out);
        out += length * set_features_element_columns(f);
    }
}

// The features of sets as they are: out (n, columns).
static void raw_sets(const amortizer_t *a, int o, const batch_t *batch, int64_t first, int64_t n,
                     float *scratch, float *out)
{
    const set_features_t *f = &a->features[o];
    for (int64_t i = first; i < first + n; i++, out += set_features_set_columns(f))
        set_features_set(f, a->scaling.observable_mean[o], a->scaling.observable_sd[o],
                         length_of(a, o, batch, i), values_of(a, o, batch, i), scratch, out);
}

static void fill_sets(const amortizer_t *a, int o, const batch_t *batch, int64_t first, int64_t n,
                      float *scratch, float *out)
{
    int64_t cols = set_features_set_columns(&a->features[o]);
    float *raw = scratch + set_features_scratch(&a->features[o]);
    raw_sets(a, o, batch, first, n, scratch, raw);
    const float *mean = params_tensor(a->params, a->standardise[o].mean);
    const float *factor = params_tensor(a->params, a->standardise[o].factor);
    float limit = farthest * amortizer_feature_size;
    for (int64_t k = 0; k < n * cols; k++) {
        float x = (raw[k] - mean[k % cols]) * factor[k % cols];
        out[k] = x > limit ? limit : x < -limit ? -limit : x; // NaN stays
    }
}

int64_t amortizer_fill_scratch(const amortizer_t *a, int64_t n)
{
    int64_t most = 1;
    for (int o = 0; o < a->config.n_observables; o++) {
        const set_features_t *f = &a->features[o];
        int64_t need = set_features_scratch(f) + n * set_features_set_columns(f);
        most = need > most ? need : most;
    }
    return most;
}

void amortizer_fill_condition(const amortizer_t *a, const condition_t *c, const batch_t *batch,
                              int64_t first, int64_t n, float *scratch)
{
    int64_t d = a->config.n_design;
    for (int o = 0; o < a->config.n_observables; o++) {
        if (c->elements[o])
            fill_elements(a, o, batch, first, n, c->elements[o]->value);
        if (c->sets[o])
            fill_sets(a, o, batch, first, n, scratch, c->sets[o]->value);
    }
    for (int64_t k = 0; k < n * d; k++)
        c->design->value[k] =
            (float)((batch->design[first * d + k] - a->scaling.design_mean[k % d]) /
                    a->scaling.design_sd[k % d]);
}

static void fit_columns(int64_t n, int64_t cols, const float *x, float *mean, float *factor)
{
    for (int64_t j = 0; j < cols; j++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i * cols + j];
        for (int64_t i = 0; i < n; i++) {
            double at = (double)x[i * cols + j] - sum / (double)n;
            squares += at * at;
        }
        double sd = sqrt(squares / (double)n);
        mean[j] = (float)(sum / (double)n);
        factor[j] = sd > least_sd ? (float)((double)amortizer_feature_size / sd) : 0.0f;
    }
}

void amortizer_calibrate(amortizer_t *a, const batch_t *batch)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        int64_t cols = set_features_set_columns(&a->features[o]);
        if (cols == 0 || batch->n < 2)
            continue;
        float *scratch = mem_alloc((size_t)set_features_scratch(&a->features[o]), sizeof(float));
        float *raw = mem_alloc((size_t)(batch->n * cols), sizeof(float));
        raw_sets(a, o, batch, 0, batch->n, scratch, raw);
        fit_columns(batch->n, cols, raw, params_tensor(a->params, a->standardise[o].mean),
                    params_tensor(a->params, a->standardise[o].factor));
        free(raw);
        free(scratch);
    }
}
