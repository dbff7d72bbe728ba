// SPDX-License-Identifier: Apache-2.0
#include "nn/time_series_network.h"

#include "cluster/mem.h"
#include "nn/series_config.h"
#include "nn/series_layer.h"

#include <stdlib.h>

enum { KERNEL = 3, SKIP = 4 };

typedef struct {
    conv1d_t convolution, skip;
    bidirectional_t fine, coarse;
    linear_t out;
    double dropout;
} net_t;

static void fill(network_size_t size, summary_config_t *config)
{
    static const struct {
        int summary_dim, filters, recurrent;
    } of[] = {
        [SIZE_SMALL] = {16, 16, 64}, [SIZE_BASE] = {16, 32, 128}, [SIZE_LARGE] = {32, 64, 256}};
    config->summary_dim = of[size].summary_dim;
    config->filters = of[size].filters;
    config->recurrent = of[size].recurrent;
    config->dropout = 0.05;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *config)
{
    (void)shape;
    TRY(series_check_width("summary_dim", config->summary_dim));
    TRY(series_check_width("filters", config->filters));
    TRY(series_check_width("recurrent", config->recurrent));
    return series_check_dropout(config->dropout);
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config)
{
    net_t *n = MEM_NEW(net_t, 1);
    int64_t filters = config->filters, H = config->recurrent;
    n->dropout = config->dropout;
    n->convolution = conv1d_make(params, name, "convolution", shape->features, filters, KERNEL, 1);
    n->skip = conv1d_make(params, name, "skip", filters, H, SKIP, SKIP);
    n->fine = bidirectional_make(params, name, "fine", RECURRENT_GRU, filters, H);
    n->coarse = bidirectional_make(params, name, "coarse", RECURRENT_GRU, H, H);
    n->out = linear_make_below(params, name, "out", H + shape->extras, config->summary_dim,
                               (linear_init_t){INIT_GLOROT_UNIFORM, 1.0, true});
    return n;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const net_t *n = net;
    tensor_t *c = conv1d_record(&n->convolution, g, data, UNARY_MISH);
    tensor_t *fine = bidirectional_record(&n->fine, g, c);
    tensor_t *skip = conv1d_record(&n->skip, g, c, UNARY_IDENTITY);
    tensor_t *sum = op_add(g, fine, bidirectional_record(&n->coarse, g, skip));
    sum = op_dropout(g, sum, n->dropout);
    return linear_record(&n->out, g, extras ? op_concat2(g, sum, extras) : sum, UNARY_IDENTITY);
}

const summary_kind_t summary_kind_time_series_network = {.word = "time_series_network",
                                                         .kind = OBSERVABLE_SERIES,
                                                         .fill = fill,
                                                         .check = check,
                                                         .make = make,
                                                         .record = record,
                                                         .destroy = free};
