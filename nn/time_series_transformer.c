// SPDX-License-Identifier: Apache-2.0
#include "nn/time_series_transformer.h"

#include "cluster/mem.h"
#include "nn/attention_block.h"
#include "nn/series_config.h"
#include "nn/series_layer.h"

#include <stdlib.h>

typedef struct {
    time2vec_t time;
    int token; // id
    int depth;
    attention_block_t *block; // (depth)
    linear_t out;
} net_t;

static void fill(network_size_t size, summary_config_t *config)
{
    static const int embed[] = {[SIZE_SMALL] = 32, [SIZE_BASE] = 64, [SIZE_LARGE] = 128};
    config->summary_dim = size == SIZE_LARGE ? 32 : 16;
    config->embed_dim = embed[size];
    config->depth = size == SIZE_LARGE ? 3 : 2;
    config->heads = embed[size] / 16;
    config->expansion = 4;
    config->time_embed = 8;
    config->dropout = 0.05;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *config)
{
    (void)shape;
    TRY(series_check_width("summary_dim", config->summary_dim));
    TRY(series_check_attention(config, 1));
    if (config->time_embed < 2 || config->time_embed > 1024)
        return err_fail(ERR_USAGE, "time_embed: %d is out of range, expected 2 to 1024",
                        config->time_embed);
    return series_check_dropout(config->dropout);
}

static void make_blocks(net_t *n, params_t *params, const char *name, int64_t columns,
                        const summary_config_t *config)
{
    attention_config_t attention = {config->embed_dim, config->heads, config->expansion, false,
                                    config->dropout};
    n->depth = config->depth;
    n->block = MEM_NEW(attention_block_t, config->depth);
    for (int k = 0; k < config->depth; k++) {
        char *block = mem_format("%s/block%d", name, k);
        int64_t in = k > 0 ? config->embed_dim : columns;
        n->block[k] = attention_block_make(params, block, in, in, &attention);
        free(block);
    }
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config)
{
    net_t *n = MEM_NEW(net_t, 1);
    int64_t columns = shape->features + config->time_embed;
    char *token = mem_format("%s/token", name);
    n->time = time2vec_make(params, name, "time", config->time_embed);
    n->token = params_add(params, token, 1, columns, INIT_NORMAL, 0.05);
    make_blocks(n, params, name, columns, config);
    n->out = linear_make_below(params, name, "out", config->embed_dim + shape->extras,
                               config->summary_dim, (linear_init_t){INIT_ORTHOGONAL, 1.0, true});
    free(token);
    return n;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const net_t *n = net;
    tensor_t *x = op_append_token(g, time2vec_record(&n->time, g, data), graph_param(g, n->token));
    for (int k = 0; k < n->depth - 1; k++)
        x = attention_block_record(&n->block[k], g, x, x);
    tensor_t *token = attention_block_record(&n->block[n->depth - 1], g, op_last_row(g, x), x);
    return linear_record(&n->out, g, extras ? op_concat2(g, token, extras) : token, UNARY_IDENTITY);
}

static void destroy(void *net)
{
    net_t *n = net;
    free(n->block);
    free(n);
}

const summary_kind_t summary_kind_time_series_transformer = {.word = "time_series_transformer",
                                                             .kind = OBSERVABLE_SERIES,
                                                             .fill = fill,
                                                             .check = check,
                                                             .make = make,
                                                             .record = record,
                                                             .destroy = destroy};
