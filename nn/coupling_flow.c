// SPDX-License-Identifier: Apache-2.0
#include "nn/coupling_flow.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/layer.h"

#include <stdlib.h>

// The MLP that makes the raw parameters of one half's map.
typedef struct {
    int64_t given; // numbers of the other half; 0: none
    linear_t other, condition;
    mlp_t rest;
    linear_t out;
} conditioner_t;

typedef struct {
    int scale, shift, order;
    conditioner_t first, second;
} flow_layer_t;

struct coupling_flow {
    coupling_flow_config_t config;
    int64_t half; // floor(d / 2)
    spline_t spline;
    mlp_t whiten_mlp;
    linear_t whiten_out, whiten_skip;
    flow_layer_t *layer; // (depth)
};

static const linear_init_t from_zero = {INIT_ZERO, 0.0, true};

static mlp_config_t hidden_of(const coupling_flow_config_t *c, int blocks)
{
    if (c->golden)
        return (mlp_config_t){c->width, blocks,          UNARY_HARD_SILU,
                              false,    INIT_ORTHOGONAL, c->dropout};
    return (mlp_config_t){c->width, blocks, UNARY_SILU, true, INIT_HE_NORMAL, c->dropout};
}

static int64_t raw_count(const coupling_flow_t *f, int64_t d)
{
    return d * (f->config.transform == TRANSFORM_AFFINE ? 2 : spline_raw_count(&f->spline));
}

static conditioner_t conditioner_make(const coupling_flow_t *f, params_t *p, const char *layer,
                                      const char *part, int64_t given)
{
    const coupling_flow_config_t *c = &f->config;
    conditioner_t k = {.given = given};
    mlp_config_t hidden = hidden_of(c, c->n_hidden - 1);
    char *name = mem_format("%s/%s", layer, part);
    if (given)
        k.other = linear_make_below(p, name, "other", given, c->width,
                                    (linear_init_t){hidden.init, 1.0, false});
    k.condition = linear_make_below(p, name, "condition", c->conditions, c->width,
                                    (linear_init_t){hidden.init, 1.0, true});
    k.rest = mlp_make_below(p, name, "hidden", c->width, &hidden);
    k.out =
        linear_make_below(p, name, "out", c->width, raw_count(f, c->parameters - given), from_zero);
    free(name);
    return k;
}

static tensor_t *conditioner_record(const coupling_flow_t *f, const conditioner_t *k, graph_t *g,
                                    tensor_t *other, tensor_t *condition)
{
    mlp_config_t hidden = hidden_of(&f->config, 0);
    tensor_t *h =
        op_expand(g, linear_record(&k->condition, g, condition, UNARY_IDENTITY), ROWS_DRAWS);
    if (k->given)
        h = op_add(g, linear_record(&k->other, g, other, UNARY_IDENTITY), h);
    h = op_dropout(g, op_unary(g, h, hidden.activation), hidden.dropout);
    return linear_record(&k->out, g, mlp_record(&k->rest, g, h), UNARY_IDENTITY);
}

static flow_layer_t layer_make(const coupling_flow_t *f, params_t *p, const char *name, int index)
{
    flow_layer_t l;
    int64_t d = f->config.parameters;
    char *layer = mem_format("%s/layer%d", name, index), *order = mem_format("%s/order", layer);
    char *scale = mem_format("%s/scale", layer), *shift = mem_format("%s/shift", layer);
    l.scale = params_add(p, scale, 1, d, INIT_ONE, 1.0);
    l.shift = params_add(p, shift, 1, d, INIT_ZERO, 0.0);
    l.order = params_add_fixed(p, order, 1, d);
    l.first = conditioner_make(f, p, layer, "first", f->half);
    if (f->half)
        l.second = conditioner_make(f, p, layer, "second", d - f->half);
    free(shift);
    free(scale);
    free(order);
    free(layer);
    return l;
}

static void whiten_make(coupling_flow_t *f, params_t *p, const char *name)
{
    const coupling_flow_config_t *c = &f->config;
    mlp_config_t hidden = hidden_of(c, c->n_hidden);
    int64_t raw = op_whiten_raw_count(c->parameters);
    char *whiten = mem_format("%s/whiten", name);
    f->whiten_mlp = mlp_make_below(p, whiten, "hidden", c->conditions, &hidden);
    f->whiten_out = linear_make_below(p, whiten, "out", c->width, raw, from_zero);
    f->whiten_skip = linear_make_below(p, whiten, "skip", c->conditions, raw,
                                       (linear_init_t){INIT_ZERO, 0.0, false});
    free(whiten);
}

coupling_flow_t *coupling_flow_make(params_t *params, const char *name,
                                    const coupling_flow_config_t *config)
{
    coupling_flow_t *f = MEM_NEW(coupling_flow_t, 1);
    CHECK(config->parameters >= 1 && config->conditions >= 1 && config->n_hidden >= 1,
          "%s: %ld parameters, %ld conditions, %d hidden layers", name, (long)config->parameters,
          (long)config->conditions, config->n_hidden);
    f->config = *config;
    f->half = config->parameters / 2;
    if (config->transform == TRANSFORM_SPLINE)
        f->spline = config->golden ? spline_make_peer(config->bins)
                                   : spline_make(config->bins, config->half_width);
    if (config->whiten)
        whiten_make(f, params, name);
    f->layer = MEM_NEW(flow_layer_t, config->depth);
    for (int k = 0; k < config->depth; k++)
        f->layer[k] = layer_make(f, params, name, k);
    return f;
}

void coupling_flow_destroy(coupling_flow_t **f)
{
    if (!*f)
        return;
    free((*f)->layer);
    free(*f);
    *f = NULL;
}

// The first layer keeps the order and the second turns it round; then chance.
static void fill_order(int layer, int64_t d, rng_t *rng, float *order)
{
    int64_t *at = MEM_NEW(int64_t, d);
    for (int64_t j = 0; j < d; j++)
        at[j] = layer == 1 ? d - 1 - j : j;
    if (layer > 1)
        rng_shuffle(rng, (size_t)d, at);
    for (int64_t j = 0; j < d; j++)
        order[j] = (float)at[j];
    free(at);
}

void coupling_flow_permute(const coupling_flow_t *f, params_t *params, uint64_t seed)
{
    for (int k = 0; k < f->config.depth; k++) {
        rng_t rng = rng_at(seed, RNG_INITIAL, (uint64_t)f->layer[k].order);
        fill_order(k, f->config.parameters, &rng, params_tensor(params, f->layer[k].order));
    }
}

static tensor_t *map(const coupling_flow_t *f, graph_t *g, tensor_t *x, tensor_t *raw, bool inverse)
{
    if (f->config.transform == TRANSFORM_AFFINE)
        return op_affine(g, x, raw, inverse);
    return op_spline(g, x, raw, &f->spline, inverse);
}

// Takes the log determinant off the last column and adds it to *log_det (NULL at first); returns the rest.
static tensor_t *split_off(graph_t *g, tensor_t *mapped, tensor_t **log_det)
{
    int64_t d = mapped->cols - 1;
    tensor_t *more = op_slice(g, mapped, d, 1);
    *log_det = *log_det ? op_add(g, *log_det, more) : more;
    return op_slice(g, mapped, 0, d);
}

static tensor_t *whiten_record(const coupling_flow_t *f, graph_t *g, tensor_t *x,
                               tensor_t *condition, bool inverse, tensor_t **log_det)
{
    tensor_t *hidden = mlp_record(&f->whiten_mlp, g, condition);
    tensor_t *raw = op_add(g, linear_record(&f->whiten_out, g, hidden, UNARY_IDENTITY),
                           linear_record(&f->whiten_skip, g, condition, UNARY_IDENTITY));
    return split_off(g, op_whiten(g, x, op_expand(g, raw, ROWS_DRAWS), inverse), log_det);
}

static tensor_t *couple(const coupling_flow_t *f, const flow_layer_t *l, graph_t *g, tensor_t *z,
                        tensor_t *condition, bool inverse, tensor_t **log_det)
{
    int64_t p = f->half, d = f->config.parameters;
    if (!p) {
        tensor_t *raw = conditioner_record(f, &l->first, g, NULL, condition);
        return split_off(g, map(f, g, z, raw, inverse), log_det);
    }
    tensor_t *half[2] = {op_slice(g, z, 0, p), op_slice(g, z, p, d - p)};
    for (int step = 0; step < 2; step++) {
        int to = (step == 0) != inverse; // forward: the second half first
        const conditioner_t *k = to ? &l->first : &l->second;
        tensor_t *raw = conditioner_record(f, k, g, half[!to], condition);
        half[to] = split_off(g, map(f, g, half[to], raw, inverse), log_det);
    }
    return op_concat2(g, half[0], half[1]);
}

static tensor_t *scale_log_det(graph_t *g, const flow_layer_t *l)
{
    return op_row_sum(g, op_unary(g, graph_param(g, l->scale), UNARY_LOG_ABS));
}

tensor_t *coupling_flow_forward(const coupling_flow_t *f, graph_t *g, tensor_t *theta,
                                tensor_t *condition)
{
    tensor_t *z = theta, *log_det = NULL;
    if (f->config.whiten)
        z = whiten_record(f, g, z, condition, false, &log_det);
    for (int k = 0; k < f->config.depth; k++) {
        const flow_layer_t *l = &f->layer[k];
        z = op_mul(g, z, graph_param(g, l->scale));
        z = op_add(g, z, graph_param(g, l->shift));
        z = op_permute(g, z, graph_param(g, l->order), false);
        z = couple(f, l, g, z, condition, false, &log_det);
        log_det = op_add(g, log_det, scale_log_det(g, l));
    }
    return op_concat2(g, z, log_det);
}

tensor_t *coupling_flow_inverse(const coupling_flow_t *f, graph_t *g, tensor_t *z,
                                tensor_t *condition)
{
    tensor_t *x = z, *log_det = NULL;
    for (int k = f->config.depth - 1; k >= 0; k--) {
        const flow_layer_t *l = &f->layer[k];
        x = couple(f, l, g, x, condition, true, &log_det);
        x = op_permute(g, x, graph_param(g, l->order), true);
        x = op_sub(g, x, graph_param(g, l->shift));
        x = op_div(g, x, graph_param(g, l->scale));
        log_det = op_sub(g, log_det, scale_log_det(g, l));
    }
    if (f->config.whiten)
        x = whiten_record(f, g, x, condition, true, &log_det);
    return op_concat2(g, x, log_det);
}
