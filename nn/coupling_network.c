// SPDX-License-Identifier: Apache-2.0
#include "nn/coupling_network.h"

#include "cluster/mem.h"
#include "nn/spline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 }; // draws of one pass: their activations stay in the second-level cache

typedef struct {
    coupling_flow_t *flow;
    int64_t parameters, conditions;
} network_t;

static void fill(network_size_t size, inference_config_t *c)
{
    static const int width[] = {[SIZE_SMALL] = 32, [SIZE_BASE] = 64, [SIZE_LARGE] = 128};
    static const int depth[] = {[SIZE_SMALL] = 2, [SIZE_BASE] = 2, [SIZE_LARGE] = 4};
    c->flow.transform = TRANSFORM_SPLINE;
    c->flow.depth = depth[size];
    c->flow.width = width[size];
    c->flow.n_hidden = 2;
    c->flow.bins = 8;
    c->flow.half_width = 4.0;
    c->flow.whiten = true;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    double least = fmax(1.0, 0.1 * c->flow.bins) / 2.0;
    if (shape->image_conditions > 0)
        return err_fail(ERR_USAGE, "inference.type: a coupling flow reads no image");
    if (c->flow.bins < 2 || c->flow.bins > SPLINE_MAX_BINS)
        return err_fail(ERR_USAGE, "inference.bins: %d is out of range, expected 2 to %d",
                        c->flow.bins, SPLINE_MAX_BINS);
    if (!(c->flow.half_width > least && c->flow.half_width <= 1e3))
        return err_fail(ERR_USAGE,
                        "inference.half_width: %g is out of range, expected above %g (for %d bins) "
                        "and up to 1000",
                        c->flow.half_width, least, c->flow.bins);
    return OK;
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *c)
{
    coupling_flow_config_t flow = {.parameters = shape->parameters,
                                   .conditions = shape->conditions,
                                   .transform = c->flow.transform,
                                   .depth = c->flow.depth,
                                   .width = c->flow.width,
                                   .n_hidden = c->flow.n_hidden,
                                   .bins = c->flow.bins,
                                   .half_width = c->flow.half_width,
                                   .whiten = c->flow.whiten && !c->golden,
                                   .golden = c->golden,
                                   .dropout = c->flow.dropout};
    network_t *n = MEM_NEW(network_t, 1);
    n->parameters = shape->parameters;
    n->conditions = shape->conditions;
    n->flow = coupling_flow_make(params, name, &flow);
    return n;
}

static void destroy(void *net)
{
    network_t *n = net;
    coupling_flow_destroy(&n->flow);
    free(n);
}

static void begin(const void *net, params_t *params, uint64_t seed)
{
    coupling_flow_permute(((const network_t *)net)->flow, params, seed);
}

// ln q as a column of draws.
static tensor_t *record_log_density(const network_t *n, graph_t *g, tensor_t *theta,
                                    tensor_t *condition)
{
    tensor_t *z = coupling_flow_forward(n->flow, g, theta, condition);
    return op_add(g, op_gaussian(g, op_slice(g, z, 0, n->parameters)),
                  op_slice(g, z, n->parameters, 1));
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    noise->n = 0;
    return op_scale(g, record_log_density(net, g, theta, given.vector), -1.0, 0.0);
}

/* ---- one data set at a time ---- */

typedef struct {
    graph_t *graph;
    tensor_t *condition, *in; // theta, or noise
    tensor_t *out;            // kept: log density (draws, 1), or theta and ln |det| (draws, d + 1)
} pass_t;

typedef struct {
    const network_t *net;
    pass_t density, draws;
    float *condition;
    double flops;
} eval_t;

static pass_t plan(const network_t *n, params_t *params, bool inverse)
{
    pass_t f;
    graph_limits_t limits = {.sets = 1, .draws = BLOCK};
    f.graph = graph_create(GRAPH_FORWARD, params, &limits);
    f.condition = graph_input(f.graph, ROWS_SETS, 1, n->conditions);
    f.in = graph_input(f.graph, ROWS_DRAWS, 1, n->parameters);
    f.out = inverse ? coupling_flow_inverse(n->flow, f.graph, f.in, f.condition)
                    : record_log_density(n, f.graph, f.in, f.condition);
    graph_keep(f.graph, f.out);
    graph_seal(f.graph, NULL);
    return f;
}

static void *eval_create(const void *net, params_t *params)
{
    eval_t *e = MEM_NEW(eval_t, 1);
    e->net = net;
    e->density = plan(net, params, false);
    e->draws = plan(net, params, true);
    e->condition = MEM_NEW(float, e->net->conditions);
    return e;
}

static void eval_destroy(void *eval)
{
    eval_t *e = eval;
    graph_destroy(&e->density.graph);
    graph_destroy(&e->draws.graph);
    free(e->condition);
    free(e);
}

static void eval_condition(void *eval, const float *vector, const float *image)
{
    eval_t *e = eval;
    (void)image;
    memcpy(e->condition, vector, (size_t)e->net->conditions * sizeof *vector);
}

static void begin_pass(eval_t *e, const pass_t *f, int64_t n)
{
    graph_batch_t batch = {.sets = 1, .draws = n};
    graph_begin(f->graph, &batch);
    memcpy(f->condition->value, e->condition, (size_t)e->net->conditions * sizeof(float));
}

static void run_pass(eval_t *e, const pass_t *f)
{
    graph_forward(f->graph);
    e->flops += graph_flops(f->graph);
}

static double log_normal(int64_t d, const float *z)
{
    double squares = 0.0;
    for (int64_t j = 0; j < d; j++)
        squares += (double)z[j] * (double)z[j];
    return -0.5 * squares - 0.5 * (double)d * log(2.0 * M_PI);
}

static void draw_block(eval_t *e, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    int64_t d = e->net->parameters;
    const pass_t *f = &e->draws;
    begin_pass(e, f, n);
    rng_fill_normal_f32(rng, (size_t)(n * d), f->in->value);
    run_pass(e, f);
    for (int64_t k = 0; k < n; k++) {
        const float *row = f->out->value + k * (d + 1);
        memcpy(theta + k * d, row, (size_t)d * sizeof *theta);
        if (log_density)
            log_density[k] = log_normal(d, f->in->value + k * d) - (double)row[d];
    }
}

static void eval_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    eval_t *e = eval;
    for (int64_t at = 0; at < n; at += BLOCK)
        draw_block(e, n - at < BLOCK ? n - at : BLOCK, rng, theta + at * e->net->parameters,
                   log_density ? log_density + at : NULL);
}

static void eval_density(void *eval, int64_t n, const float *theta, double *out)
{
    eval_t *e = eval;
    int64_t d = e->net->parameters;
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t some = n - at < BLOCK ? n - at : BLOCK;
        begin_pass(e, &e->density, some);
        memcpy(e->density.in->value, theta + at * d, (size_t)(some * d) * sizeof *theta);
        run_pass(e, &e->density);
        for (int64_t k = 0; k < some; k++)
            out[at + k] = (double)e->density.out->value[k];
    }
}

static double eval_flops(const void *eval)
{
    return ((const eval_t *)eval)->flops;
}

static size_t eval_bytes(const void *eval)
{
    const eval_t *e = eval;
    return graph_bytes(e->density.graph) + graph_bytes(e->draws.graph);
}

const inference_kind_t inference_kind_coupling_flow = {.word = "coupling_flow",
                                                       .has_density = true,
                                                       .fill = fill,
                                                       .check = check,
                                                       .make = make,
                                                       .destroy = destroy,
                                                       .begin = begin,
                                                       .record_loss = record_loss,
                                                       .eval_create = eval_create,
                                                       .eval_destroy = eval_destroy,
                                                       .eval_condition = eval_condition,
                                                       .eval_draw = eval_draw,
                                                       .eval_density = eval_density,
                                                       .eval_flops = eval_flops,
                                                       .eval_bytes = eval_bytes};
