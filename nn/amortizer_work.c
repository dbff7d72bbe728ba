// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What turns a condition and parameters into a loss or a density, or a condition and noise into draws.
typedef struct {
    graph_t *graph;
    tensor_t *condition; // an input; NULL where the condition is made in the same graph
    tensor_t *in;        // theta, or noise
    tensor_t *out;       // kept: log density (draws, 1), or theta and ln |det| (draws, P + 1)
} flow_graph_t;

static const float FARTHEST = 10.0f; // standard deviations of the prior, on the unbounded scale
enum { MOST_TRIES = 8 };

struct amortizer_work {
    amortizer_t *a;
    work_mode_t mode;
    int64_t max_sets, max_draws;
    graph_t *data; // from data to a condition; in WORK_TRAIN to the loss as well
    condition_t inputs;
    tensor_t *theta, *loss;             // WORK_TRAIN
    flow_graph_t density, draws;        // WORK_EVALUATE
    int64_t *offsets[GRAPH_MAX_GROUPS]; // (max_sets + 1)
    float *scratch;
    double *u;
    double flops;
};

static graph_limits_t limits_of(const amortizer_t *a, int64_t sets)
{
    graph_limits_t limits = {.sets = sets, .draws = sets};
    for (int o = 0; o < a->config.n_observables; o++) {
        limits.length[o] = a->config.observables[o].max_length;
        limits.elements[o] = sets * limits.length[o];
    }
    return limits;
}

// -ln q as a column of draws.
static tensor_t *record_log_density(const amortizer_t *a, graph_t *g, tensor_t *theta,
                                    tensor_t *condition)
{
    int64_t p = a->config.n_parameters;
    tensor_t *z = coupling_flow_forward(a->flow, g, theta, condition);
    return op_add(g, op_gaussian(g, op_slice(g, z, 0, p)), op_slice(g, z, p, 1));
}

static void plan_training(amortizer_work_t *w)
{
    graph_limits_t limits = limits_of(w->a, w->max_sets);
    w->data = graph_create(GRAPH_TRAIN, w->a->params, &limits);
    w->inputs = amortizer_record_condition(w->a, w->data);
    w->theta = graph_input(w->data, ROWS_DRAWS, 1, w->a->config.n_parameters);
    tensor_t *log_q = record_log_density(w->a, w->data, w->theta, w->inputs.condition);
    w->loss = graph_keep(w->data, op_scale(w->data, op_total(w->data, log_q), -1.0, 0.0));
    graph_seal(w->data, w->loss);
}

static flow_graph_t plan_flow(const amortizer_work_t *w, int64_t draws, bool inverse)
{
    flow_graph_t f;
    graph_limits_t limits = {.sets = 1, .draws = draws};
    f.graph = graph_create(GRAPH_FORWARD, w->a->params, &limits);
    f.condition = graph_input(f.graph, ROWS_SETS, 1, amortizer_condition_width(w->a));
    f.in = graph_input(f.graph, ROWS_DRAWS, 1, w->a->config.n_parameters);
    f.out = inverse ? coupling_flow_inverse(w->a->flow, f.graph, f.in, f.condition)
                    : record_log_density(w->a, f.graph, f.in, f.condition);
    graph_keep(f.graph, f.out);
    graph_seal(f.graph, NULL);
    return f;
}

static void plan_evaluation(amortizer_work_t *w)
{
    graph_limits_t limits = limits_of(w->a, 1);
    w->data = graph_create(GRAPH_FORWARD, w->a->params, &limits);
    w->inputs = amortizer_record_condition(w->a, w->data);
    graph_keep(w->data, w->inputs.summary);
    graph_keep(w->data, w->inputs.condition);
    graph_seal(w->data, NULL);
    w->density = plan_flow(w, 1, false);
    w->draws = plan_flow(w, w->max_draws, true);
}

amortizer_work_t *amortizer_work_create(amortizer_t *a, work_mode_t mode, int64_t max_sets,
                                        int64_t max_draws)
{
    amortizer_work_t *w = MEM_NEW(amortizer_work_t, 1);
    *w = (amortizer_work_t){.a = a,
                            .mode = mode,
                            .max_sets = mode == WORK_TRAIN ? max_sets : 1,
                            .max_draws = max_draws > 0 ? max_draws : 1};
    for (int o = 0; o < a->config.n_observables; o++)
        w->offsets[o] = MEM_NEW(int64_t, w->max_sets + 1);
    w->scratch = MEM_NEW(float, amortizer_fill_scratch(a, w->max_sets));
    w->u = MEM_NEW(double, a->config.n_parameters);
    if (mode == WORK_TRAIN)
        plan_training(w);
    else
        plan_evaluation(w);
    return w;
}

void amortizer_work_destroy(amortizer_work_t **w)
{
    if (!*w)
        return;
    graph_destroy(&(*w)->data);
    graph_destroy(&(*w)->density.graph);
    graph_destroy(&(*w)->draws.graph);
    for (int o = 0; o < GRAPH_MAX_GROUPS; o++)
        free((*w)->offsets[o]);
    free((*w)->scratch);
    free((*w)->u);
    free(*w);
    *w = NULL;
}

size_t amortizer_work_bytes(const amortizer_work_t *w)
{
    size_t bytes = graph_bytes(w->data);
    if (w->mode == WORK_EVALUATE)
        bytes += graph_bytes(w->density.graph) + graph_bytes(w->draws.graph);
    return bytes;
}

double amortizer_work_flops(const amortizer_work_t *w)
{
    return w->flops;
}

// Begins a pass over data sets [first, first + n) and fills what describes the data.
static void begin_data(amortizer_work_t *w, const batch_t *batch, int64_t first, int64_t n,
                       uint64_t noise)
{
    graph_batch_t g = {.sets = n, .draws = n, .noise = noise};
    int observables = w->a->config.n_observables;
    for (int o = 0; o < observables; o++) {
        for (int64_t i = 0; i < n; i++) {
            int64_t length = batch->length[(first + i) * observables + o];
            CHECK(length >= 0 && length <= w->a->config.observables[o].max_length,
                  "data set %ld, observable %d: length %ld, expected 0 to %ld", (long)(first + i),
                  o, (long)length, (long)w->a->config.observables[o].max_length);
            w->offsets[o][i + 1] = w->offsets[o][i] + length;
        }
        g.offsets[o] = w->offsets[o];
    }
    graph_begin(w->data, &g);
    amortizer_fill_condition(w->a, &w->inputs, batch, first, n, w->scratch);
}

static void make_condition(amortizer_work_t *w, const batch_t *batch, int64_t i)
{
    begin_data(w, batch, i, 1, 0);
    graph_forward(w->data);
    w->flops += graph_flops(w->data);
}

static void begin_flow(amortizer_work_t *w, const flow_graph_t *f, int64_t draws)
{
    graph_batch_t g = {.sets = 1, .draws = draws};
    graph_begin(f->graph, &g);
    memcpy(f->condition->value, w->inputs.condition->value,
           (size_t)f->condition->cols * sizeof(float));
}

static double train(amortizer_work_t *w, const batch_t *batch, rng_t *noise, float *gradient)
{
    CHECK(batch->n <= w->max_sets, "%ld data sets, planned for %ld", (long)batch->n,
          (long)w->max_sets);
    begin_data(w, batch, 0, batch->n, rng_u64(noise));
    amortizer_standardise(w->a, batch->n, batch->parameters, w->theta->value);
    graph_forward(w->data);
    graph_backward(w->data, gradient);
    w->flops = graph_flops(w->data);
    return (double)w->loss->value[0];
}

// ln q of data set i in the standardised, unbounded space; *log_jacobian leads from there to the user's scale.
static double log_density_of(amortizer_work_t *w, const batch_t *batch, int64_t i,
                             double *log_jacobian)
{
    int64_t p = w->a->config.n_parameters;
    make_condition(w, batch, i);
    begin_flow(w, &w->density, 1);
    *log_jacobian = amortizer_standardise(w->a, 1, batch->parameters + i * p, w->density.in->value);
    graph_forward(w->density.graph);
    w->flops += graph_flops(w->density.graph);
    return (double)w->density.out->value[0];
}

double amortizer_loss(amortizer_work_t *w, const batch_t *batch, rng_t *noise, float *gradient)
{
    if (w->mode == WORK_TRAIN)
        return train(w, batch, noise, gradient);
    double sum = 0.0, log_jacobian;
    w->flops = 0.0;
    for (int64_t i = 0; i < batch->n; i++)
        sum -= log_density_of(w, batch, i, &log_jacobian);
    return sum;
}

void amortizer_log_density(amortizer_work_t *w, const batch_t *batch, double *out)
{
    CHECK(w->mode == WORK_EVALUATE, "log densities need WORK_EVALUATE");
    w->flops = 0.0;
    for (int64_t i = 0; i < batch->n; i++) {
        double log_jacobian;
        out[i] = -INFINITY;
        if (!amortizer_supports(w->a, batch->parameters + i * w->a->config.n_parameters))
            continue;
        out[i] = log_density_of(w, batch, i, &log_jacobian);
        out[i] += log_jacobian;
    }
}

void amortizer_summaries(amortizer_work_t *w, const batch_t *batch, float *out)
{
    int64_t width = amortizer_summary_width(w->a);
    CHECK(w->mode == WORK_EVALUATE, "summaries need WORK_EVALUATE");
    w->flops = 0.0;
    for (int64_t i = 0; i < batch->n; i++) {
        make_condition(w, batch, i);
        memcpy(out + i * width, w->inputs.summary->value, (size_t)width * sizeof *out);
    }
}

// Back to the user's scale; returns ln |d theta / d parameters|.
static double restore(amortizer_work_t *w, const float *theta, double *parameters)
{
    const amortizer_config_t *c = &w->a->config;
    const scaling_t *s = &w->a->scaling;
    double log_jacobian;
    for (int j = 0; j < c->n_parameters; j++)
        w->u[j] = s->parameter_mean[j] + s->parameter_sd[j] * (double)theta[j];
    amortizer_bound(w->a, w->u, parameters);
    amortizer_unbound(w->a, parameters, w->u, &log_jacobian);
    for (int j = 0; j < c->n_parameters; j++)
        log_jacobian -= log(s->parameter_sd[j]);
    return log_jacobian;
}

static double log_normal(int64_t d, const float *z)
{
    double squares = 0.0;
    for (int64_t j = 0; j < d; j++)
        squares += (double)z[j] * (double)z[j];
    return -0.5 * squares - 0.5 * (double)d * log(2.0 * M_PI);
}

// New noise for draws that fell further than FARTHEST standard deviations of the prior from its mean: about one in a
// million, where a spline is nearly flat. Returns whether there were any; what is not a number stays.
static bool draw_again(const flow_graph_t *f, int64_t draws, int64_t p, rng_t *rng)
{
    bool any = false;
    for (int64_t k = 0; k < draws; k++) {
        float size = 0.0f;
        for (int64_t j = 0; j < p; j++)
            size = fmaxf(size, fabsf(f->out->value[k * (p + 1) + j]));
        if (size > FARTHEST) {
            rng_fill_normal_f32(rng, (size_t)p, f->in->value + k * p);
            any = true;
        }
    }
    return any;
}

static void sample_some(amortizer_work_t *w, int64_t draws, rng_t *rng, double *out,
                        double *log_density)
{
    int64_t p = w->a->config.n_parameters;
    const flow_graph_t *f = &w->draws;
    begin_flow(w, f, draws);
    rng_fill_normal_f32(rng, (size_t)(draws * p), f->in->value);
    graph_forward(f->graph);
    w->flops += graph_flops(f->graph);
    for (int t = 0; t < MOST_TRIES && draw_again(f, draws, p, rng); t++)
        graph_forward(f->graph);
    for (int64_t k = 0; k < draws; k++) {
        const float *theta = f->out->value + k * (p + 1);
        double log_jacobian = restore(w, theta, out + k * p);
        if (log_density)
            log_density[k] = log_normal(p, f->in->value + k * p) - (double)theta[p] + log_jacobian;
    }
}

void amortizer_sample(amortizer_work_t *w, const batch_t *batch, int64_t draws, rng_t *rng,
                      double *out, double *log_density)
{
    int64_t p = w->a->config.n_parameters;
    CHECK(w->mode == WORK_EVALUATE, "draws need WORK_EVALUATE");
    w->flops = 0.0;
    for (int64_t i = 0; i < batch->n; i++) {
        make_condition(w, batch, i);
        for (int64_t done = 0; done < draws; done += w->max_draws) {
            int64_t some = draws - done < w->max_draws ? draws - done : w->max_draws;
            int64_t at = i * draws + done;
            sample_some(w, some, &rng[i], out + at * p, log_density ? log_density + at : NULL);
        }
    }
}
