// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const float amortizer_feature_size = 0.1f;
static const double least_sd = 1e-6;
static const float farthest = 8.0f; // standard deviations; a feature beyond it is cut off

/* ---- shapes ---- */

bool amortizer_is_ragged(const amortizer_observable_t *o)
{
    return o->kind == OBSERVABLE_SET || o->kind == OBSERVABLE_SERIES;
}

set_features_t amortizer_set_features(const amortizer_observable_t *o)
{
    bool set = o->kind == OBSERVABLE_SET, ragged = amortizer_is_ragged(o);
    return (set_features_t){.columns = o->features,
                            .max_length = o->max_length,
                            .plain = !ragged || !o->summary.channels,
                            .moments = ragged && o->summary.moments,
                            .lags = !set && ragged && o->summary.moments,
                            .quantiles = set && o->summary.quantiles};
}

summary_shape_t amortizer_summary_shape(const amortizer_config_t *c, int o)
{
    const amortizer_observable_t *x = &c->observables[o];
    set_features_t f = amortizer_set_features(x);
    return (summary_shape_t){.kind = x->kind,
                             .length = amortizer_is_ragged(x) ? x->max_length : 1,
                             .features = set_features_element_columns(&f),
                             .height = x->height,
                             .width = x->width,
                             .extras = set_features_set_columns(&f)};
}

static int64_t summary_width(const amortizer_config_t *c, int o)
{
    summary_shape_t shape = amortizer_summary_shape(c, o);
    return c->observables[o].direct ? 0 : summary_columns(&shape, &c->observables[o].summary);
}

int64_t amortizer_condition_width(const amortizer_config_t *c)
{
    int64_t width = c->n_design;
    for (int o = 0; o < c->n_observables; o++)
        width += summary_width(c, o);
    return width;
}

inference_shape_t amortizer_inference_shape(const amortizer_config_t *c)
{
    inference_shape_t shape = {.parameters = c->n_parameters,
                               .conditions = amortizer_condition_width(c)};
    for (int o = 0; o < c->n_observables; o++)
        if (c->observables[o].direct)
            shape.image_conditions += c->observables[o].features;
    return shape;
}

int amortizer_summary_width(const amortizer_t *a)
{
    int64_t width = 0;
    for (int o = 0; o < a->config.n_observables; o++)
        width += a->config.observables[o].direct ? 2 * a->config.observables[o].features
                                                 : summary_width(&a->config, o);
    return (int)width;
}

graph_limits_t amortizer_limits(const amortizer_t *a, int64_t sets)
{
    graph_limits_t limits = {.sets = sets, .draws = sets};
    for (int o = 0; o < a->config.n_observables; o++)
        if (amortizer_is_ragged(&a->config.observables[o])) {
            limits.length[o] = a->config.observables[o].max_length;
            limits.elements[o] = sets * limits.length[o];
        }
    return limits;
}

/* ---- recording ---- */

static bool is_read(const amortizer_observable_t *o)
{
    return !(o->kind == OBSERVABLE_SET && o->summary.type == SUMMARY_DEEP_SET &&
             !o->summary.elements);
}

static void record_inputs(const amortizer_t *a, graph_t *g, condition_t *c)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        const amortizer_observable_t *x = &a->config.observables[o];
        summary_shape_t shape = amortizer_summary_shape(&a->config, o);
        int rows = amortizer_is_ragged(x) ? ROWS_ELEMENTS + o : ROWS_SETS;
        if (is_read(x))
            c->data[o] = graph_input(g, rows, x->kind == OBSERVABLE_IMAGE ? x->max_length : 1,
                                     shape.features);
        if (shape.extras > 0)
            c->extras[o] = graph_input(g, ROWS_SETS, 1, shape.extras);
    }
    if (a->config.n_design > 0)
        c->design = graph_input(g, ROWS_SETS, 1, a->config.n_design);
}

static tensor_t *join(graph_t *g, tensor_t *left, tensor_t *right)
{
    return left == NULL ? right : right == NULL ? left : op_concat2(g, left, right);
}

static void record_member(const amortizer_t *a, graph_t *g, int k, condition_t *c)
{
    for (int o = 0; o < a->config.n_observables; o++) {
        if (a->config.observables[o].direct)
            c->given[k].image = join(g, c->given[k].image, c->data[o]);
        else
            c->summary[k] =
                join(g, c->summary[k],
                     summary_record(a->member[k].summary[o], g, c->data[o], c->extras[o]));
    }
    c->given[k].vector = join(g, c->summary[k], c->design);
}

condition_t amortizer_record_condition(const amortizer_t *a, graph_t *g)
{
    condition_t c = {0};
    record_inputs(a, g, &c);
    for (int k = 0; k < a->config.members; k++)
        record_member(a, g, k, &c);
    return c;
}

/* ---- filling ---- */

static const float *values_of(const amortizer_t *a, int o, const batch_t *batch, int64_t i)
{
    return batch->observables[o] + i * a->features[o].max_length * a->features[o].columns;
}

static int64_t length_of(const amortizer_t *a, int o, const batch_t *batch, int64_t i)
{
    if (!amortizer_is_ragged(&a->config.observables[o]))
        return a->config.observables[o].max_length;
    return batch->length[i * a->config.n_observables + o];
}

static void fill_data(const amortizer_t *a, int o, const batch_t *batch, int64_t first, int64_t n,
                      float *out)
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

static void fill_extras(const amortizer_t *a, int o, const batch_t *batch, int64_t first, int64_t n,
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
        int64_t cols = set_features_set_columns(f);
        int64_t need = cols > 0 ? set_features_scratch(f) + n * cols : 0;
        most = need > most ? need : most;
    }
    return most;
}

static void fill_design(const amortizer_t *a, const batch_t *batch, int64_t first, int64_t n,
                        float *out)
{
    int64_t d = a->config.n_design;
    for (int64_t k = 0; k < n * d; k++)
        out[k] = (float)((batch->design[first * d + k] - a->scaling.design_mean[k % d]) /
                         a->scaling.design_sd[k % d]);
}

// Where the elements of each data set begin.
static void fill_offsets(const amortizer_t *a, int o, const batch_t *batch, int64_t first,
                         int64_t n, int64_t *offsets)
{
    int64_t most = a->config.observables[o].max_length;
    for (int64_t i = 0; i < n; i++) {
        int64_t length = length_of(a, o, batch, first + i);
        CHECK(length >= 0 && length <= most,
              "data set %ld, observable %d: length %ld, expected 0 to %ld", (long)(first + i), o,
              (long)length, (long)most);
        offsets[i + 1] = offsets[i] + length;
    }
}

void amortizer_begin(const amortizer_t *a, graph_t *g, const condition_t *c, const batch_t *batch,
                     int64_t first, int64_t n, uint64_t noise, int64_t *const *offsets,
                     float *scratch)
{
    graph_batch_t pass = {.sets = n, .draws = n, .noise = noise};
    for (int o = 0; o < a->config.n_observables; o++)
        if (amortizer_is_ragged(&a->config.observables[o])) {
            fill_offsets(a, o, batch, first, n, offsets[o]);
            pass.offsets[o] = offsets[o];
        }
    graph_begin(g, &pass);
    for (int o = 0; o < a->config.n_observables; o++) {
        if (c->data[o] != NULL)
            fill_data(a, o, batch, first, n, c->data[o]->value);
        if (c->extras[o] != NULL)
            fill_extras(a, o, batch, first, n, scratch, c->extras[o]->value);
    }
    if (c->design != NULL)
        fill_design(a, batch, first, n, c->design->value);
}

/* ---- fitting ---- */

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

static void calibrate(amortizer_t *a, const batch_t *batch)
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

void amortizer_calibrate(amortizer_t *a, const batch_t *batch)
{
    adapter_work_t *work = adapter_work_create(a->adapter, batch->n);
    batch_t adapted = adapter_batch(work, batch, ADAPTER_EVALUATION, NULL);
    calibrate(a, &adapted);
    adapter_work_destroy(&work);
}
