// SPDX-License-Identifier: Apache-2.0
#include "nn/flow_matching.h"

#include "cluster/mem.h"
#include "nn/flow_ode.h"
#include "nn/time_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOISE, TIME, UNIFORM }; // the inputs of a training graph

typedef struct {
    inference_config_t config;
    int64_t d;
    time_net_t *net;
} matching_t;

typedef struct {
    const matching_t *matching;
    time_eval_t *net;
    flow_ode_t *ode;
} eval_t;

static void fill(network_size_t size, inference_config_t *c)
{
    time_net_default(size, &c->net);
    c->matching.alpha = -0.5;
    c->solver = SOLVER_TSIT5;
    c->steps = 1000;
    c->atol = c->rtol = 1e-2;
    c->trace = TRACE_EXACT;
    c->trace_probes = 10;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    time_net_config_t net = inference_net(shape, c);
    TRY(time_net_check(&net));
    TRY(flow_ode_check(c));
    if (c->solver == SOLVER_TWO_STEP)
        return err_fail(ERR_USAGE, "inference.solver: two_step is for diffusion, expected euler, "
                                   "midpoint, rk4 or tsit5");
    if (!(c->matching.alpha > -1.0))
        return err_fail(ERR_USAGE, "inference.alpha: %g is out of range, expected above -1",
                        c->matching.alpha);
    return OK;
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *config)
{
    matching_t *m = MEM_NEW(matching_t, 1);
    time_net_config_t net = inference_net(shape, config);
    m->config = *config;
    m->d = shape->parameters;
    m->net = time_net_make(params, name, &net);
    return m;
}

static void destroy(void *net)
{
    matching_t *m = net;
    time_net_destroy(&m->net);
    free(m);
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    const matching_t *m = net;
    noise->n = m->config.matching.transport ? 3 : 2;
    tensor_t *z = noise->in[NOISE] = graph_input(g, ROWS_DRAWS, 1, m->d);
    tensor_t *time = noise->in[TIME] = graph_input(g, ROWS_SETS, 1, 1);
    if (m->config.matching.transport) {
        noise->in[UNIFORM] = graph_input(g, ROWS_DRAWS, 1, 1);
        z = op_transport(g, theta, z, noise->in[UNIFORM], given.vector);
    }
    tensor_t *along = op_sub(g, z, theta);
    tensor_t *x = op_add(g, theta, op_mul(g, along, op_expand(g, time, ROWS_DRAWS)));
    tensor_t *v = time_net_record(m->net, g, x, time, given.vector, given.image);
    tensor_t *squares = op_unary(g, op_sub(g, v, along), UNARY_SQUARE);
    return op_scale(g, op_row_sum(g, squares), 1.0 / (double)m->d, 0.0);
}

static void fill_noise(const void *net, const inference_noise_t *noise, int64_t n, double progress,
                       rng_t *rng)
{
    const matching_t *m = net;
    double first = rng_uniform(rng);
    (void)progress;
    rng_fill_normal_f32(rng, (size_t)(n * m->d), noise->in[NOISE]->value);
    for (int64_t i = 0; i < n; i++) {
        double u = fmod(first + (double)i / (double)n, 1.0);
        noise->in[TIME]->value[i] = (float)(1.0 - pow(u, 1.0 + m->config.matching.alpha));
    }
    for (int64_t i = 0; i < n && noise->n > UNIFORM; i++)
        noise->in[UNIFORM]->value[i] = (float)rng_uniform(rng);
}

static void velocity(void *user, double t, int64_t n, const float *x, float *dx, double *divergence,
                     int probes, const float *direction)
{
    eval_t *e = user;
    if (divergence)
        time_eval_divergence(e->net, t, n, x, probes, direction, dx, divergence);
    else
        time_eval_run(e->net, t, n, x, dx);
}

static void *eval_create(const void *net, params_t *params)
{
    eval_t *e = MEM_NEW(eval_t, 1);
    e->matching = net;
    e->net = time_eval_create(e->matching->net, params);
    e->ode = flow_ode_create(&e->matching->config, e->matching->d, 1.0, velocity, e);
    return e;
}

static void eval_destroy(void *eval)
{
    eval_t *e = eval;
    flow_ode_destroy(&e->ode);
    time_eval_destroy(&e->net);
    free(e);
}

static void eval_condition(void *eval, const float *vector, const float *image)
{
    time_eval_condition(((eval_t *)eval)->net, vector, image);
}

void flow_matching_carry(void *eval, int64_t n, float *x, double *log_density)
{
    flow_ode_carry(((eval_t *)eval)->ode, n, x, log_density);
}

static void eval_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    eval_t *e = eval;
    rng_fill_normal_f32(rng, (size_t)(n * e->matching->d), theta);
    flow_ode_carry(e->ode, n, theta, log_density);
}

static void eval_density(void *eval, int64_t n, const float *theta, double *out)
{
    flow_ode_density(((eval_t *)eval)->ode, n, theta, out);
}

ode_count_t flow_matching_count(const void *eval)
{
    return flow_ode_count(((const eval_t *)eval)->ode);
}

static double eval_flops(const void *eval)
{
    return time_eval_flops(((const eval_t *)eval)->net);
}

static size_t eval_bytes(const void *eval)
{
    const eval_t *e = eval;
    return time_eval_bytes(e->net) + flow_ode_bytes(e->ode);
}

const inference_kind_t inference_kind_flow_matching = {.word = "flow_matching",
                                                       .has_density = true,
                                                       .fill = fill,
                                                       .check = check,
                                                       .make = make,
                                                       .destroy = destroy,
                                                       .record_loss = record_loss,
                                                       .fill_noise = fill_noise,
                                                       .eval_create = eval_create,
                                                       .eval_destroy = eval_destroy,
                                                       .eval_condition = eval_condition,
                                                       .eval_draw = eval_draw,
                                                       .eval_density = eval_density,
                                                       .eval_flops = eval_flops,
                                                       .eval_bytes = eval_bytes};
