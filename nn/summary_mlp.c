// SPDX-License-Identifier: Apache-2.0
#include "nn/summary_mlp.h"

#include "cluster/mem.h"
#include "nn/layer.h"

#include <stdlib.h>

/* ---- identity ---- */

static void fill_nothing(network_size_t size, summary_config_t *config)
{
    (void)size, (void)config;
}

static err_t check_nothing(const summary_shape_t *shape, const summary_config_t *config)
{
    (void)shape, (void)config;
    return OK;
}

static void *make_nothing(params_t *params, const char *name, const summary_shape_t *shape,
                          const summary_config_t *config)
{
    (void)params, (void)name, (void)shape, (void)config;
    return NULL;
}

static tensor_t *record_itself(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    (void)net, (void)g, (void)extras;
    return data;
}

static void destroy_nothing(void *net)
{
    (void)net;
}

const summary_kind_t summary_kind_identity = {.word = "identity",
                                              .kind = OBSERVABLE_VECTOR,
                                              .fill = fill_nothing,
                                              .check = check_nothing,
                                              .make = make_nothing,
                                              .record = record_itself,
                                              .destroy = destroy_nothing};

/* ---- mlp ---- */

typedef struct {
    mlp_t hidden;
    linear_t out, skip;
} net_t;

static void fill(network_size_t size, summary_config_t *config)
{
    static const int width[] = {[SIZE_SMALL] = 64, [SIZE_BASE] = 128, [SIZE_LARGE] = 256};
    config->summary_dim = size == SIZE_SMALL ? 16 : 32;
    config->width = width[size];
    config->n_hidden = 2;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *config)
{
    (void)shape;
    if (config->n_hidden < 1 || config->n_hidden > MLP_MAX_BLOCKS)
        return err_fail(ERR_USAGE, "hidden_layers: %d is out of range, expected 1 to %d",
                        config->n_hidden, MLP_MAX_BLOCKS);
    return OK;
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config)
{
    net_t *n = MEM_NEW(net_t, 1);
    mlp_config_t hidden = {config->width, config->n_hidden, UNARY_SILU,
                           true,          INIT_HE_NORMAL,   config->dropout};
    n->hidden = mlp_make_below(params, name, "hidden", shape->features, &hidden);
    n->out = linear_make_below(params, name, "out", config->width, config->summary_dim,
                               (linear_init_t){INIT_GLOROT_UNIFORM, 1.0, true});
    n->skip = linear_make_below(params, name, "skip", shape->features, config->summary_dim,
                                (linear_init_t){INIT_GLOROT_UNIFORM, 1.0, false});
    return n;
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const net_t *n = net;
    (void)extras;
    tensor_t *hidden = mlp_record(&n->hidden, g, data);
    return op_add(g, linear_record(&n->out, g, hidden, UNARY_IDENTITY),
                  linear_record(&n->skip, g, data, UNARY_IDENTITY));
}

const summary_kind_t summary_kind_mlp = {.word = "mlp",
                                         .kind = OBSERVABLE_VECTOR,
                                         .fill = fill,
                                         .check = check,
                                         .make = make,
                                         .record = record,
                                         .destroy = free};
