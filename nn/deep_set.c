// SPDX-License-Identifier: Apache-2.0
#include "nn/deep_set.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/deep_set_peer.h"
#include "nn/layer.h"

#include <stdlib.h>

typedef struct {
    linear_t own, mean, out; // W_1, V_1 with b_1, W_2 with b_2
} exchange_t;

struct deep_set {
    deep_set_config_t config;
    deep_set_peer_t *peer; // NULL: ours
    mlp_t elements, set;
    exchange_t *exchange; // (depth)
    linear_t out, skip;
};

static const linear_init_t hidden = {INIT_HE_NORMAL, 1.0, true};
static const linear_init_t hidden_no_bias = {INIT_HE_NORMAL, 1.0, false};
static const linear_init_t last = {INIT_GLOROT_UNIFORM, 1.0, true};
static const linear_init_t last_no_bias = {INIT_GLOROT_UNIFORM, 1.0, false};

static mlp_t mlp_below(params_t *p, const char *name, const char *part, int64_t in, int width,
                       const deep_set_config_t *c)
{
    mlp_config_t config = {width, c->n_hidden, UNARY_SILU, true, INIT_HE_NORMAL, c->dropout};
    return mlp_make_below(p, name, part, in, &config);
}

static exchange_t exchange_make(params_t *p, const char *name, int layer, int64_t width)
{
    exchange_t e;
    char *full = mem_format("%s/exchange%d", name, layer);
    e.own = linear_make_below(p, full, "own", width, width, hidden_no_bias);
    e.mean = linear_make_below(p, full, "mean", width, width, hidden);
    e.out = linear_make_below(p, full, "out", width, width, last);
    free(full);
    return e;
}

static tensor_t *exchange_record(const exchange_t *e, graph_t *g, tensor_t *h)
{
    tensor_t *mean = linear_record(&e->mean, g, op_segment_mean(g, h), UNARY_IDENTITY);
    tensor_t *own = linear_record(&e->own, g, h, UNARY_IDENTITY);
    tensor_t *u = op_unary(g, op_add(g, own, op_expand(g, mean, h->rows_class)), UNARY_SILU);
    return op_add(g, h, linear_record(&e->out, g, u, UNARY_IDENTITY));
}

static void make_own(deep_set_t *d, params_t *p, const char *name)
{
    const deep_set_config_t *c = &d->config;
    int64_t known = c->extras;
    if (c->elements) {
        d->elements = mlp_below(p, name, "elements", c->features, c->embed_dim, c);
        d->exchange = MEM_NEW(exchange_t, c->depth);
        for (int k = 0; k < c->depth; k++)
            d->exchange[k] = exchange_make(p, name, k, d->elements.out);
        known += d->elements.out;
    }
    d->set = mlp_below(p, name, "set", known, c->width, c);
    d->out = linear_make_below(p, name, "out", d->set.out, c->summary_dim, last);
    d->skip = linear_make_below(p, name, "skip", known, c->summary_dim, last_no_bias);
}

deep_set_t *deep_set_make(params_t *params, const char *name, const deep_set_config_t *config)
{
    deep_set_t *d = MEM_NEW(deep_set_t, 1);
    d->config = *config;
    CHECK(config->elements || (config->extras > 0 && !config->golden), "%s: nothing to summarise",
          name);
    if (config->golden)
        d->peer = deep_set_peer_make(params, name, config);
    else
        make_own(d, params, name);
    return d;
}

void deep_set_destroy(deep_set_t **d)
{
    if (!*d)
        return;
    deep_set_peer_destroy(&(*d)->peer);
    free((*d)->exchange);
    free(*d);
    *d = NULL;
}

static tensor_t *elements_record(const deep_set_t *d, graph_t *g, tensor_t *elements)
{
    tensor_t *h = mlp_record(&d->elements, g, elements);
    for (int k = 0; k < d->config.depth; k++)
        h = exchange_record(&d->exchange[k], g, h);
    return op_segment_mean(g, h);
}

tensor_t *deep_set_record(const deep_set_t *d, graph_t *g, tensor_t *elements, tensor_t *extras)
{
    if (d->peer)
        return deep_set_peer_record(d->peer, g, elements);
    CHECK((extras ? extras->cols : 0) == d->config.extras, "%ld extras, expected %ld",
          extras ? (long)extras->cols : 0L, (long)d->config.extras);
    tensor_t *c = extras;
    if (d->config.elements) {
        tensor_t *mean = elements_record(d, g, elements);
        c = extras ? op_concat2(g, mean, extras) : mean;
    }
    tensor_t *out = linear_record(&d->out, g, mlp_record(&d->set, g, c), UNARY_IDENTITY);
    return op_add(g, out, linear_record(&d->skip, g, c, UNARY_IDENTITY));
}

/* ---- as a summary network ---- */

static void fill(network_size_t size, summary_config_t *c)
{
    static const int width[] = {[SIZE_SMALL] = 64, [SIZE_BASE] = 128, [SIZE_LARGE] = 256};
    c->summary_dim = size == SIZE_SMALL ? 16 : 32;
    c->embed_dim = width[size] / 2;
    c->depth = size == SIZE_LARGE ? 1 : 0;
    c->width = width[size];
    c->n_hidden = 2;
    c->elements = c->channels = c->moments = true;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *c)
{
    (void)shape;
    if (c->n_hidden < 1 || c->n_hidden > MLP_MAX_BLOCKS)
        return err_fail(ERR_USAGE, "hidden_layers: %d is out of range, expected 1 to %d",
                        c->n_hidden, MLP_MAX_BLOCKS);
    if (c->golden && (c->embed_dim % 4 != 0 || c->width != c->embed_dim || c->depth < 1))
        return err_fail(ERR_USAGE,
                        "architecture bayesflow: embed_dim %d, width %d, depth %d; expected two "
                        "equal multiples of 4, and at least one layer",
                        c->embed_dim, c->width, c->depth);
    if (!c->golden && !c->elements && !c->moments && !c->quantiles)
        return err_fail(ERR_USAGE,
                        "elements, moments and quantiles are all off: nothing is read of the set");
    return OK;
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *c)
{
    deep_set_config_t deep = {.features = shape->features,
                              .extras = shape->extras,
                              .elements = c->golden || c->elements,
                              .summary_dim = c->summary_dim,
                              .embed_dim = c->embed_dim,
                              .depth = c->depth,
                              .width = c->width,
                              .n_hidden = c->n_hidden,
                              .golden = c->golden,
                              .dropout = c->dropout};
    return deep_set_make(params, name, &deep);
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    return deep_set_record(net, g, data, extras);
}

static void destroy(void *net)
{
    deep_set_t *d = net;
    deep_set_destroy(&d);
}

const summary_kind_t summary_kind_deep_set = {.word = "deep_set",
                                              .kind = OBSERVABLE_SET,
                                              .fill = fill,
                                              .check = check,
                                              .make = make,
                                              .record = record,
                                              .destroy = destroy};
