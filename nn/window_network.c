// SPDX-License-Identifier: Apache-2.0
#include "nn/window_network.h"

#include "cluster/mem.h"
#include "nn/deep_set.h"
#include "nn/series_config.h"
#include "nn/series_layer.h"

#include <stdlib.h>

typedef struct {
    int window, stride;
    bool recurrent;
    double length; // n_max
    conv1d_t coarse;
    bidirectional_t order;
    deep_set_t *windows;
} net_t;

static void fill(network_size_t size, summary_config_t *c)
{
    static const int width[] = {[SIZE_SMALL] = 32, [SIZE_BASE] = 64, [SIZE_LARGE] = 128};
    c->summary_dim = size == SIZE_SMALL ? 16 : 32;
    c->window = 16;
    c->embed_dim = width[size];
    c->width = 2 * width[size];
    c->n_hidden = 2;
    c->channels = c->moments = true;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *c)
{
    (void)shape;
    TRY(series_check_width("summary_dim", c->summary_dim));
    TRY(series_check_width("window", c->window));
    TRY(series_check_width("embed_dim", c->embed_dim));
    TRY(series_check_width("width", c->width));
    if (c->recurrent != 0)
        TRY(series_check_width("recurrent", c->recurrent));
    if (c->n_hidden < 1 || c->n_hidden > MLP_MAX_BLOCKS)
        return err_fail(ERR_USAGE, "hidden_layers: %d is out of range, expected 1 to %d",
                        c->n_hidden, MLP_MAX_BLOCKS);
    return series_check_dropout(c->dropout);
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *c)
{
    net_t *n = MEM_NEW(net_t, 1);
    deep_set_config_t deep = {.features = c->window * shape->features + 1,
                              .extras = shape->extras + c->recurrent,
                              .elements = true,
                              .summary_dim = c->summary_dim,
                              .embed_dim = c->embed_dim,
                              .width = c->width,
                              .n_hidden = c->n_hidden,
                              .dropout = c->dropout};
    n->window = c->window;
    n->stride = (c->window + 1) / 2;
    n->recurrent = c->recurrent > 0;
    n->length = (double)shape->length;
    if (n->recurrent) {
        n->coarse = conv1d_make(params, name, "coarse", shape->features, c->recurrent, c->window,
                                c->window);
        n->order =
            bidirectional_make(params, name, "order", RECURRENT_GRU, c->recurrent, c->recurrent);
    }
    n->windows = deep_set_make(params, name, &deep);
    return n;
}

static tensor_t *record_extras(const net_t *n, graph_t *g, tensor_t *data, tensor_t *extras)
{
    if (!n->recurrent)
        return extras;
    tensor_t *order =
        bidirectional_record(&n->order, g, conv1d_record(&n->coarse, g, data, UNARY_SILU));
    return extras ? op_concat2(g, extras, order) : order;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const net_t *n = net;
    data = op_unary(g, data, UNARY_ASINH);
    tensor_t *windows = op_window(g, data, n->window, n->stride);
    tensor_t *time = op_scale(g, op_position(g, windows), 2 * n->stride / n->length, -1);
    return deep_set_record(n->windows, g, op_concat2(g, windows, time),
                           record_extras(n, g, data, extras));
}

static void destroy(void *net)
{
    net_t *n = net;
    deep_set_destroy(&n->windows);
    free(n);
}

const summary_kind_t summary_kind_window_network = {.word = "window_network",
                                                    .kind = OBSERVABLE_SERIES,
                                                    .fill = fill,
                                                    .check = check,
                                                    .make = make,
                                                    .record = record,
                                                    .destroy = destroy};
