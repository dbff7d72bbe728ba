// SPDX-License-Identifier: Apache-2.0
#include "nn/layer.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdlib.h>

static int add_weight(params_t *p, const char *layer, const char *what, int64_t rows, int64_t cols,
                      init_kind_t init, double scale)
{
    char *name = mem_format("%s/%s", layer, what);
    int id = params_add(p, name, rows, cols, init, scale);
    free(name);
    return id;
}

linear_t linear_make(params_t *p, const char *name, int64_t in, int64_t out, linear_init_t init)
{
    linear_t l = {.bias = -1, .in = in, .out = out};
    l.weight = add_weight(p, name, "weight", in, out, init.init, init.scale);
    if (init.bias)
        l.bias = add_weight(p, name, "bias", 1, out, INIT_ZERO, 0.0);
    return l;
}

tensor_t *linear_record(const linear_t *l, graph_t *g, tensor_t *x, unary_t activation)
{
    tensor_t *bias = l->bias < 0 ? NULL : graph_param(g, l->bias);
    return op_linear(g, x, graph_param(g, l->weight), bias, activation);
}

static dense_block_t block_make(params_t *p, const char *name, int64_t in, const mlp_config_t *c)
{
    dense_block_t b = {.residual = c->residual,
                       .project = c->residual && in != c->width,
                       .activation = c->activation,
                       .dropout = c->dropout};
    char *dense = mem_format("%s/dense", name), *projector = mem_format("%s/projector", name);
    b.dense = linear_make(p, dense, in, c->width, (linear_init_t){c->init, 1.0, true});
    if (b.project)
        b.projector = linear_make(p, projector, in, c->width, (linear_init_t){c->init, 1.0, true});
    free(projector);
    free(dense);
    return b;
}

static tensor_t *block_record(const dense_block_t *b, graph_t *g, tensor_t *x)
{
    tensor_t *u = linear_record(&b->dense, g, x, b->activation);
    u = op_dropout(g, u, b->dropout);
    if (!b->residual)
        return u;
    return op_add(g, u, b->project ? linear_record(&b->projector, g, x, UNARY_IDENTITY) : x);
}

mlp_t mlp_make(params_t *p, const char *name, int64_t in, const mlp_config_t *config)
{
    mlp_t m = {.blocks = config->blocks, .out = config->blocks ? config->width : in};
    CHECK(config->blocks >= 0 && config->blocks <= MLP_MAX_BLOCKS, "%s: %d blocks", name,
          config->blocks);
    for (int k = 0; k < config->blocks; k++) {
        char *block = mem_format("%s/%d", name, k);
        m.block[k] = block_make(p, block, k ? config->width : in, config);
        free(block);
    }
    return m;
}

tensor_t *mlp_record(const mlp_t *m, graph_t *g, tensor_t *x)
{
    for (int k = 0; k < m->blocks; k++)
        x = block_record(&m->block[k], g, x);
    return x;
}

linear_t linear_make_below(params_t *p, const char *name, const char *part, int64_t in, int64_t out,
                           linear_init_t init)
{
    char *full = mem_format("%s/%s", name, part);
    linear_t l = linear_make(p, full, in, out, init);
    free(full);
    return l;
}

mlp_t mlp_make_below(params_t *p, const char *name, const char *part, int64_t in,
                     const mlp_config_t *config)
{
    char *full = mem_format("%s/%s", name, part);
    mlp_t m = mlp_make(p, full, in, config);
    free(full);
    return m;
}
