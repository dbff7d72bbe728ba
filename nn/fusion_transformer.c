// SPDX-License-Identifier: Apache-2.0
#include "nn/fusion_transformer.h"

#include "cluster/mem.h"
#include "nn/attention_block.h"
#include "nn/series_config.h"
#include "nn/series_layer.h"

#include <stdlib.h>

typedef struct {
    bidirectional_t recurrent;
    int depth;
    attention_block_t *block; // (depth)
    attention_block_t look;   // of the template at the series
    linear_t out;
    double dropout;
} net_t;

static void fill(network_size_t size, summary_config_t *config)
{
    static const int embed[] = {[SIZE_SMALL] = 32, [SIZE_BASE] = 64, [SIZE_LARGE] = 128};
    config->summary_dim = size == SIZE_LARGE ? 32 : 16;
    config->recurrent = 2 * embed[size];
    config->embed_dim = embed[size];
    config->depth = size == SIZE_LARGE ? 2 : 1;
    config->heads = embed[size] / 16;
    config->expansion = 4;
    config->dropout = 0.05;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *config)
{
    (void)shape;
    TRY(series_check_width("summary_dim", config->summary_dim));
    TRY(series_check_width("recurrent", config->recurrent));
    TRY(series_check_attention(config, 0));
    return series_check_dropout(config->dropout);
}

static attention_block_t block_make(params_t *params, const char *name, const char *part,
                                    int64_t columns_x, int64_t columns_y,
                                    const summary_config_t *config)
{
    attention_config_t attention = {config->embed_dim, config->heads, config->expansion, true,
                                    config->dropout};
    char *full = mem_format("%s/%s", name, part);
    attention_block_t b = attention_block_make(params, full, columns_x, columns_y, &attention);
    free(full);
    return b;
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config)
{
    net_t *n = MEM_NEW(net_t, 1);
    int64_t columns = shape->features;
    n->dropout = config->dropout;
    n->depth = config->depth;
    n->block = MEM_NEW(attention_block_t, config->depth + 1);
    for (int k = 0; k < config->depth; k++, columns = config->embed_dim) {
        char *part = mem_format("block%d", k);
        n->block[k] = block_make(params, name, part, columns, columns, config);
        free(part);
    }
    n->recurrent = bidirectional_make(params, name, "recurrent", RECURRENT_LSTM, shape->features,
                                      config->recurrent);
    n->look = block_make(params, name, "look", config->recurrent, columns, config);
    n->out = linear_make_below(params, name, "out", config->embed_dim + shape->extras,
                               config->summary_dim, (linear_init_t){INIT_ORTHOGONAL, 1.0, true});
    return n;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const net_t *n = net;
    tensor_t *template = op_dropout(g, bidirectional_record(&n->recurrent, g, data), n->dropout);
    tensor_t *x = data;
    for (int k = 0; k < n->depth; k++)
        x = attention_block_record(&n->block[k], g, x, x);
    tensor_t *found = attention_block_record(&n->look, g, template, x);
    return linear_record(&n->out, g, extras ? op_concat2(g, found, extras) : found, UNARY_IDENTITY);
}

static void destroy(void *net)
{
    net_t *n = net;
    free(n->block);
    free(n);
}

const summary_kind_t summary_kind_fusion_transformer = {.word = "fusion_transformer",
                                                        .kind = OBSERVABLE_SERIES,
                                                        .fill = fill,
                                                        .check = check,
                                                        .make = make,
                                                        .record = record,
                                                        .destroy = destroy};
