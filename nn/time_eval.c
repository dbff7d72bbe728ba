// SPDX-License-Identifier: Apache-2.0
#include "nn/time_eval.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/graph.h"
#include "nn/op.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_DRAWS = 128, BLOCK_PIXELS = 16384 };
enum { STAGE_CONDITION, STAGE_TIME, STAGE_DRAWS };

// One recorded network, and what its earlier stages hold.
typedef struct {
    graph_t *graph; // NULL: not made yet
    tensor_t *x, *time, *vector, *image, *out;
    tensor_t *seed; // of slope graphs: (draws, d)
    int stale;      // the first stage that has to be computed
    double at;      // the time that STAGE_TIME stands for
} pass_t;

struct time_eval {
    const time_net_t *net;
    params_t *params;
    int64_t d, columns, block;
    float *vector, *image;
    pass_t plain, slope;
    double flops;
};

static int64_t image_floats(const time_net_config_t *c)
{
    return c->height * c->image_width * c->image_conditions;
}

static pass_t pass_create(const time_eval_t *e, bool slope)
{
    const time_net_config_t *c = time_net_config(e->net);
    graph_limits_t limits = {.sets = 1, .draws = e->block};
    pass_t p = {.graph = graph_create(slope ? GRAPH_SLOPE : GRAPH_FORWARD, e->params, &limits)};
    p.time = graph_stage(p.graph, graph_input(p.graph, ROWS_SETS, 1, 1), STAGE_TIME);
    if (c->conditions)
        p.vector = graph_stage(p.graph, graph_input(p.graph, ROWS_SETS, 1, c->conditions),
                               STAGE_CONDITION);
    if (c->image_conditions)
        p.image = graph_stage(
            p.graph,
            graph_input(p.graph, ROWS_SETS, c->height * c->image_width, c->image_conditions),
            STAGE_CONDITION);
    p.x = graph_input(p.graph, ROWS_DRAWS, 1, e->d);
    if (slope)
        graph_want_grad(p.graph, p.x);
    p.out = graph_keep(p.graph, time_net_record(e->net, p.graph, p.x, p.time, p.vector, p.image));
    if (slope)
        p.seed = graph_input(p.graph, ROWS_DRAWS, 1, e->columns);
    graph_seal(p.graph, slope ? op_total(p.graph, op_mul(p.graph, p.out, p.seed)) : NULL);
    return p;
}

time_eval_t *time_eval_create(const time_net_t *net, params_t *params)
{
    const time_net_config_t *c = time_net_config(net);
    time_eval_t *e = MEM_NEW(time_eval_t, 1);
    e->net = net;
    e->params = params;
    e->d = c->parameters;
    e->columns = c->out;
    e->block =
        c->subnet == SUBNET_UNET ? BLOCK_PIXELS / (c->height * c->image_width) + 1 : BLOCK_DRAWS;
    e->vector = MEM_NEW(float, c->conditions + 1);
    e->image = MEM_NEW(float, image_floats(c) + 1);
    e->plain = pass_create(e, false);
    return e;
}

void time_eval_destroy(time_eval_t **e)
{
    if (!*e)
        return;
    graph_destroy(&(*e)->plain.graph);
    graph_destroy(&(*e)->slope.graph);
    free((*e)->vector);
    free((*e)->image);
    free(*e);
    *e = NULL;
}

void time_eval_condition(time_eval_t *e, const float *vector, const float *image)
{
    const time_net_config_t *c = time_net_config(e->net);
    if (c->conditions)
        memcpy(e->vector, vector, (size_t)c->conditions * sizeof(float));
    if (c->image_conditions)
        memcpy(e->image, image, (size_t)image_floats(c) * sizeof(float));
    e->plain.stale = e->slope.stale = STAGE_CONDITION;
}

static void fill(tensor_t *t, const float *from)
{
    if (t)
        memcpy(t->value, from, (size_t)tensor_size(t) * sizeof(float));
}

static void forward(time_eval_t *e, pass_t *p, double time, int64_t n, const float *x)
{
    graph_begin(p->graph, &(graph_batch_t){.sets = 1, .draws = n});
    if (p->stale == STAGE_CONDITION) {
        fill(p->vector, e->vector);
        fill(p->image, e->image);
    }
    if (p->stale == STAGE_DRAWS && !(p->at == time))
        p->stale = STAGE_TIME;
    p->time->value[0] = (float)time;
    fill(p->x, x);
    graph_forward_from(p->graph, p->stale);
    e->flops += graph_forward_flops(p->graph, p->stale);
    p->stale = STAGE_DRAWS;
    p->at = time;
}

void time_eval_run(time_eval_t *e, double time, int64_t n, const float *x, float *out)
{
    for (int64_t first = 0; first < n; first += e->block) {
        int64_t some = n - first < e->block ? n - first : e->block;
        forward(e, &e->plain, time, some, x + first * e->d);
        memcpy(out + first * e->columns, e->plain.out->value,
               (size_t)(some * e->columns) * sizeof(float));
    }
}

// sum over draws of seed' J, which stands in the gradient of x
static void backward(time_eval_t *e)
{
    graph_backward(e->slope.graph, NULL);
    e->flops += graph_backward_flops(e->slope.graph);
}

static void exact_divergence(time_eval_t *e, int64_t n, double *divergence)
{
    const pass_t *p = &e->slope;
    for (int64_t j = 0; j < e->d; j++) {
        for (int64_t k = 0; k < n * e->d; k++)
            p->seed->value[k] = k % e->d == j ? 1.0f : 0.0f;
        backward(e);
        for (int64_t i = 0; i < n; i++)
            divergence[i] += (double)p->x->grad[i * e->d + j];
    }
}

static double product(int64_t d, const float *a, const float *b)
{
    double sum = 0.0;
    for (int64_t j = 0; j < d; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

static void probed_divergence(time_eval_t *e, int64_t n, int probes, const float *v,
                              double *divergence)
{
    const pass_t *p = &e->slope;
    int64_t d = e->d;
    for (int k = 0; k < probes; k++) {
        for (int64_t i = 0; i < n; i++)
            memcpy(p->seed->value + i * d, v + (i * probes + k) * d, (size_t)d * sizeof(float));
        backward(e);
        for (int64_t i = 0; i < n; i++)
            divergence[i] += product(d, p->seed->value + i * d, p->x->grad + i * d) / probes;
    }
}

void time_eval_divergence(time_eval_t *e, double time, int64_t n, const float *x, int probes,
                          const float *v, float *out, double *divergence)
{
    int64_t d = e->d;
    CHECK(e->columns == d, "the divergence of %ld columns in %ld dimensions", (long)e->columns,
          (long)d);
    if (!e->slope.graph)
        e->slope = pass_create(e, true);
    for (int64_t first = 0; first < n; first += e->block) {
        int64_t some = n - first < e->block ? n - first : e->block;
        forward(e, &e->slope, time, some, x + first * d);
        memcpy(out + first * d, e->slope.out->value, (size_t)(some * d) * sizeof(float));
        memset(divergence + first, 0, (size_t)some * sizeof *divergence);
        if (probes)
            probed_divergence(e, some, probes, v + first * probes * d, divergence + first);
        else
            exact_divergence(e, some, divergence + first);
    }
}

double time_eval_flops(const time_eval_t *e)
{
    return e->flops;
}

size_t time_eval_bytes(const time_eval_t *e)
{
    return graph_bytes(e->plain.graph) + (e->slope.graph ? graph_bytes(e->slope.graph) : 0);
}
