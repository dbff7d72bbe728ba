// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

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

static void fill_observable(const amortizer_t *a, const condition_t *c, int o, const batch_t *batch,
                            int64_t first, int64_t n, double *scratch)
{
    const set_features_t *f = &a->features[o];
    const double *mean = a->scaling.observable_mean[o], *sd = a->scaling.observable_sd[o];
    float *elements = c->elements[o] ? c->elements[o]->value : NULL;
    float *sets = c->sets[o] ? c->sets[o]->value : NULL;
    for (int64_t i = first; i < first + n; i++) {
        const float *values = batch->observables[o] + i * f->max_length * f->columns;
        int64_t length = batch->length[i * a->config.n_observables + o];
        if (elements) {
            set_features_elements(f, mean, sd, length, values, elements);
            elements += length * set_features_element_columns(f);
        }
        if (sets) {
            set_features_set(f, mean, sd, length, values, scratch, sets);
            sets += set_features_set_columns(f);
        }
    }
}

void amortizer_fill_condition(const amortizer_t *a, const condition_t *c, const batch_t *batch,
                              int64_t first, int64_t n, double *scratch)
{
    int64_t d = a->config.n_design;
    for (int o = 0; o < a->config.n_observables; o++)
        fill_observable(a, c, o, batch, first, n, scratch);
    for (int64_t k = 0; k < n * d; k++)
        c->design->value[k] =
            (float)((batch->design[first * d + k] - a->scaling.design_mean[k % d]) /
                    a->scaling.design_sd[k % d]);
}
