// SPDX-License-Identifier: Apache-2.0
#include "nn/time_mlp.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/layer.h"

#include <math.h>
#include <stdlib.h>

static const double FREQUENCY_SD = 0.05, NORM_EPSILON = 1e-3;

// W e + bias, split into the parts of the time and of the condition.
typedef struct {
    linear_t time, condition;
    bool conditioned;
} embedded_t;

typedef struct {
    linear_t dense;
    embedded_t gamma, beta;
    int norm_scale, norm_shift;
} block_t;

struct time_mlp {
    time_net_config_t config;
    int frequencies;
    linear_t x, condition, merge_x, merge_condition, out;
    block_t *block; // (depth)
};

// A part of a linear map whose whole input has `fan_in` columns: He's standard deviation of the whole.
static linear_init_t he_part(int64_t in, int64_t fan_in, bool bias)
{
    return (linear_init_t){INIT_HE_NORMAL, sqrt((double)in / (double)fan_in), bias};
}

static embedded_t embedded_make(const time_mlp_t *m, params_t *p, const char *block,
                                const char *part)
{
    const time_net_config_t *c = &m->config;
    embedded_t e = {.conditioned = c->conditions > 0 && c->persistent};
    int64_t time = c->time_embed + 1, whole = time + (e.conditioned ? c->width : 0);
    char *name = mem_format("%s/%s", block, part);
    e.time =
        linear_make_below(p, name, "time", time, c->width, he_part(time, whole, !e.conditioned));
    if (e.conditioned)
        e.condition = linear_make_below(p, name, "condition", c->width, c->width,
                                        he_part(c->width, whole, true));
    free(name);
    return e;
}

static int add_weight(params_t *p, const char *block, const char *what, int64_t cols,
                      init_kind_t init, double scale)
{
    char *name = mem_format("%s/%s", block, what);
    int id = params_add(p, name, 1, cols, init, scale);
    free(name);
    return id;
}

static block_t block_make(const time_mlp_t *m, params_t *p, const char *name, int k)
{
    block_t b = {.norm_scale = -1};
    int width = m->config.width;
    char *block = mem_format("%s/block%d", name, k);
    b.dense = linear_make_below(p, block, "dense", width, width,
                                (linear_init_t){INIT_HE_NORMAL, 1.0, true});
    if (m->config.film_scale)
        b.gamma = embedded_make(m, p, block, "gamma");
    b.beta = embedded_make(m, p, block, "beta");
    b.norm_scale = add_weight(p, block, "norm/scale", width, INIT_ONE, 1.0);
    b.norm_shift = add_weight(p, block, "norm/shift", width, INIT_ZERO, 0.0);
    free(block);
    return b;
}

static void make_condition(time_mlp_t *m, params_t *p, const char *name)
{
    const time_net_config_t *c = &m->config;
    m->condition = linear_make_below(p, name, "condition", c->conditions, c->width,
                                     he_part(c->conditions, c->conditions, true));
    m->merge_x = linear_make_below(p, name, "merge/x", c->width, c->width, he_part(1, 2, false));
    m->merge_condition =
        linear_make_below(p, name, "merge/condition", c->width, c->width, he_part(1, 2, true));
}

time_mlp_t *time_mlp_make(params_t *params, const char *name, const time_net_config_t *config)
{
    time_mlp_t *m = MEM_NEW(time_mlp_t, 1);
    CHECK(config->parameters >= 1 && config->depth >= 1 && config->width >= 1 &&
              config->time_embed >= 2 && config->time_embed % 2 == 0,
          "%s: %ld parameters, %d blocks of %d, %d features of time", name,
          (long)config->parameters, config->depth, config->width, config->time_embed);
    m->config = *config;
    m->frequencies =
        add_weight(params, name, "frequencies", config->time_embed / 2, INIT_NORMAL, FREQUENCY_SD);
    m->x = linear_make_below(params, name, "x", config->parameters, config->width,
                             (linear_init_t){INIT_HE_NORMAL, 1.0, true});
    m->block = MEM_NEW(block_t, config->depth);
    for (int k = 0; k < config->depth; k++)
        m->block[k] = block_make(m, params, name, k);
    if (config->conditions > 0)
        make_condition(m, params, name);
    m->out = linear_make_below(params, name, "out", config->width, config->out,
                               (linear_init_t){INIT_GLOROT_UNIFORM, 1.0, true});
    return m;
}

void time_mlp_destroy(time_mlp_t **m)
{
    if (!*m)
        return;
    free((*m)->block);
    free(*m);
    *m = NULL;
}

static tensor_t *record_time(const time_mlp_t *m, graph_t *g, tensor_t *time)
{
    tensor_t *angle = op_matmul(g, time, graph_param(g, m->frequencies));
    angle = op_scale(g, angle, 2.0 * M_PI * m->config.fourier_scale, 0.0);
    tensor_t *parts[] = {time, op_unary(g, angle, UNARY_SIN), op_unary(g, angle, UNARY_COS)};
    return op_concat(g, 3, parts);
}

static tensor_t *embedded_record(const embedded_t *e, graph_t *g, tensor_t *tau, tensor_t *b)
{
    tensor_t *time = linear_record(&e->time, g, tau, UNARY_IDENTITY);
    return e->conditioned ? op_add(g, time, linear_record(&e->condition, g, b, UNARY_IDENTITY))
                          : time;
}

static tensor_t *block_record(const time_mlp_t *m, const block_t *l, graph_t *g, tensor_t *h,
                              tensor_t *tau, tensor_t *b)
{
    tensor_t *u = op_dropout(g, linear_record(&l->dense, g, h, UNARY_MISH), m->config.dropout);
    tensor_t *gamma = m->config.film_scale ? embedded_record(&l->gamma, g, tau, b) : NULL;
    u = op_film(g, u, gamma, embedded_record(&l->beta, g, tau, b));
    return op_layer_norm(g, op_add(g, h, u), graph_param(g, l->norm_scale),
                         graph_param(g, l->norm_shift), NORM_EPSILON);
}

tensor_t *time_mlp_record(const time_mlp_t *m, graph_t *g, tensor_t *x, tensor_t *time,
                          tensor_t *condition)
{
    CHECK((condition != NULL) == (m->config.conditions > 0), "time_mlp: %ld conditions",
          (long)m->config.conditions);
    tensor_t *tau = record_time(m, g, time), *b = NULL;
    tensor_t *h = linear_record(&m->x, g, x, UNARY_MISH);
    if (condition) {
        b = linear_record(&m->condition, g, condition, UNARY_IDENTITY);
        tensor_t *part =
            linear_record(&m->merge_condition, g, op_unary(g, b, UNARY_MISH), UNARY_IDENTITY);
        h = op_film(g, linear_record(&m->merge_x, g, h, UNARY_IDENTITY), NULL, part);
        h = op_unary(g, h, UNARY_MISH);
    }
    for (int k = 0; k < m->config.depth; k++)
        h = block_record(m, &m->block[k], g, h, tau, b);
    return linear_record(&m->out, g, h, UNARY_IDENTITY);
}
