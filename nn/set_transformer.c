// SPDX-License-Identifier: Apache-2.0
#include "nn/set_transformer.h"

#include "cluster/mem.h"
#include "nn/attention_block.h"

#include <stdlib.h>

typedef struct {
    int points; // id; -1: elements attend to each other
    attention_block_t induce, attend;
} layer_t;

typedef struct {
    int depth;
    int64_t extras;
    layer_t *layer; // (depth)
    attention_pool_t pool;
    linear_t out;
} set_transformer_t;

static void fill(network_size_t size, summary_config_t *c)
{
    static const int embed[] = {[SIZE_SMALL] = 32, [SIZE_BASE] = 64, [SIZE_LARGE] = 128};
    c->summary_dim = size == SIZE_LARGE ? 32 : 16;
    c->embed_dim = embed[size];
    c->depth = size == SIZE_LARGE ? 3 : 2;
    c->heads = embed[size] / 16;
    c->seeds = 4;
    c->inducing = 0;
    c->expansion = 4;
    c->channels = c->moments = true;
    c->dropout = 0.05;
}

static err_t check_least(const char *field, int64_t value, int64_t least)
{
    if (value < least)
        return err_fail(ERR_USAGE, "%s: got %ld, expected %ld or more", field, (long)value,
                        (long)least);
    return OK;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *c)
{
    const struct {
        const char *field;
        int64_t value, least;
    } fields[] = {{"features", shape->features, 1}, {"summary_dim", c->summary_dim, 1},
                  {"embed_dim", c->embed_dim, 1},   {"depth", c->depth, 1},
                  {"heads", c->heads, 1},           {"seeds", c->seeds, 1},
                  {"inducing", c->inducing, 0},     {"expansion", c->expansion, 1}};
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
        TRY(check_least(fields[k].field, fields[k].value, fields[k].least));
    if (c->embed_dim % c->heads != 0)
        return err_fail(ERR_USAGE, "embed_dim: got %d, expected a multiple of heads, %d",
                        c->embed_dim, c->heads);
    if (!(c->dropout >= 0.0 && c->dropout < 1.0))
        return err_fail(ERR_USAGE, "dropout: got %g, expected 0 or more, below 1", c->dropout);
    return OK;
}

static layer_t layer_make(params_t *p, const char *name, int64_t in, int inducing,
                          const attention_config_t *config)
{
    layer_t l = {.points = -1};
    if (inducing > 0) {
        char *points = mem_format("%s/points", name), *induce = mem_format("%s/induce", name);
        l.points = params_add(p, points, inducing, config->width, INIT_ORTHOGONAL, 1.0);
        l.induce = attention_block_make(p, induce, config->width, in, config);
        free(induce);
        free(points);
    }
    l.attend = attention_block_make(p, name, in, inducing > 0 ? config->width : in, config);
    return l;
}

static tensor_t *layer_record(const layer_t *l, graph_t *g, tensor_t *x)
{
    tensor_t *seen =
        l->points < 0 ? x : attention_block_record(&l->induce, g, graph_param(g, l->points), x);
    return attention_block_record(&l->attend, g, x, seen);
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *c)
{
    set_transformer_t *s = MEM_NEW(set_transformer_t, 1);
    attention_config_t attention = {c->embed_dim, c->heads, c->expansion, true, c->dropout};
    s->depth = c->depth;
    s->extras = shape->extras;
    s->layer = MEM_NEW(layer_t, c->depth);
    for (int k = 0; k < c->depth; k++) {
        char *layer = mem_format("%s/block%d", name, k);
        s->layer[k] = layer_make(params, layer, k > 0 ? c->embed_dim : shape->features, c->inducing,
                                 &attention);
        free(layer);
    }
    char *pooling = mem_format("%s/pooling", name);
    s->pool = attention_pool_make(params, pooling, c->seeds, &attention);
    free(pooling);
    s->out = linear_make_below(params, name, "out", c->seeds * c->embed_dim + s->extras,
                               c->summary_dim, (linear_init_t){INIT_ORTHOGONAL, 1.0, true});
    return s;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const set_transformer_t *s = net;
    CHECK((extras != NULL ? extras->cols : 0) == s->extras, "set_transformer: %ld extras",
          (long)s->extras);
    for (int k = 0; k < s->depth; k++)
        data = layer_record(&s->layer[k], g, data);
    tensor_t *pooled = attention_pool_record(&s->pool, g, data);
    if (extras != NULL)
        pooled = op_concat2(g, pooled, extras);
    return linear_record(&s->out, g, pooled, UNARY_IDENTITY);
}

static void destroy(void *net)
{
    set_transformer_t *s = net;
    free(s->layer);
    free(s);
}

const summary_kind_t summary_kind_set_transformer = {.word = "set_transformer",
                                                     .kind = OBSERVABLE_SET,
                                                     .fill = fill,
                                                     .check = check,
                                                     .make = make,
                                                     .record = record,
                                                     .destroy = destroy};
