// SPDX-License-Identifier: Apache-2.0
#include "nn/deep_set_peer.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/attention_block.h"

#include <stdlib.h>

enum { SEEDS = 4, HEADS = 4, EXPANSION = 4 };
static const double norm_epsilon = 1e-6;

typedef struct {
    linear_t in;                                   // W
    int norm, norm_both, norm_elements, norm_mean; // scales
    mlp_t elements, mean, out;                     // MLP_i, MLP_o, MLP_e
} layer_t;

struct deep_set_peer {
    int depth;
    layer_t *layer; // (depth)
    attention_pool_t pool;
    linear_t out;
};

static const linear_init_t plain = {INIT_ORTHOGONAL, 1.0, false};
static const linear_init_t with_bias = {INIT_ORTHOGONAL, 1.0, true};

static int add(params_t *p, const char *name, const char *part, int64_t rows, int64_t cols,
               init_kind_t init)
{
    char *full = mem_format("%s/%s", name, part);
    int id = params_add(p, full, rows, cols, init, 1.0);
    free(full);
    return id;
}

static mlp_t mlp_below(params_t *p, const char *name, const char *part, int64_t in,
                       const deep_set_config_t *c)
{
    mlp_config_t config = {c->width, c->n_hidden, UNARY_SILU, true, INIT_ORTHOGONAL, c->dropout};
    return mlp_make_below(p, name, part, in, &config);
}

static layer_t layer_make(params_t *p, const char *name, int64_t in, const deep_set_config_t *c)
{
    layer_t l;
    int64_t e = c->embed_dim, w = c->width;
    l.in = linear_make_below(p, name, "in", in, e, plain);
    l.norm = add(p, name, "norm/scale", 1, e, INIT_ONE);
    l.norm_both = add(p, name, "norm_both/scale", 1, e + w, INIT_ONE);
    l.norm_elements = add(p, name, "norm_elements/scale", 1, e, INIT_ONE);
    l.elements = mlp_below(p, name, "elements", e, c);
    l.norm_mean = add(p, name, "norm_mean/scale", 1, w, INIT_ONE);
    l.mean = mlp_below(p, name, "mean", w, c);
    l.out = mlp_below(p, name, "out", e + w, c);
    return l;
}

static tensor_t *norm(graph_t *g, tensor_t *x, int scale)
{
    return op_rms_norm(g, x, graph_param(g, scale), norm_epsilon);
}

static tensor_t *layer_record(const layer_t *l, graph_t *g, tensor_t *x)
{
    tensor_t *h = linear_record(&l->in, g, x, UNARY_IDENTITY);
    tensor_t *n = norm(g, h, l->norm);
    tensor_t *inner = mlp_record(&l->elements, g, norm(g, n, l->norm_elements));
    tensor_t *mean = mlp_record(&l->mean, g, norm(g, op_segment_mean(g, inner), l->norm_mean));
    tensor_t *both = op_concat2(g, n, op_expand(g, mean, n->rows_class));
    return op_add(g, h, mlp_record(&l->out, g, norm(g, both, l->norm_both)));
}

deep_set_peer_t *deep_set_peer_make(params_t *params, const char *name,
                                    const deep_set_config_t *config)
{
    deep_set_peer_t *d = MEM_NEW(deep_set_peer_t, 1);
    int64_t e = config->embed_dim;
    attention_config_t attention = {e, HEADS, EXPANSION, false, config->dropout};
    CHECK(e % HEADS == 0 && config->width == e, "%s: embed_dim %d, width %d", name,
          config->embed_dim, config->width);
    d->depth = config->depth;
    d->layer = MEM_NEW(layer_t, config->depth);
    for (int k = 0; k < config->depth; k++) {
        char *layer = mem_format("%s/layer%d", name, k);
        d->layer[k] = layer_make(params, layer, k ? e : config->features, config);
        free(layer);
    }
    char *pooling = mem_format("%s/pooling", name);
    d->pool = attention_pool_make(params, pooling, SEEDS, &attention);
    free(pooling);
    d->out = linear_make_below(params, name, "out", SEEDS * e, config->summary_dim, with_bias);
    return d;
}

void deep_set_peer_destroy(deep_set_peer_t **d)
{
    if (!*d)
        return;
    free((*d)->layer);
    free(*d);
    *d = NULL;
}

tensor_t *deep_set_peer_record(const deep_set_peer_t *d, graph_t *g, tensor_t *elements)
{
    tensor_t *x = elements;
    for (int k = 0; k < d->depth; k++)
        x = layer_record(&d->layer[k], g, x);
    return linear_record(&d->out, g, attention_pool_record(&d->pool, g, x), UNARY_IDENTITY);
}
