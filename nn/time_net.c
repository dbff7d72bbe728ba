// SPDX-License-Identifier: Apache-2.0
#include "nn/time_net.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/time_mlp.h"

#include <stdlib.h>

struct time_net {
    time_net_config_t config;
    time_mlp_t *mlp; // the one that config.subnet names; the others NULL
};

time_net_t *time_net_make(params_t *params, const char *name, const time_net_config_t *config)
{
    time_net_t *n = MEM_NEW(time_net_t, 1);
    n->config = *config;
    if (!n->config.out)
        n->config.out = n->config.parameters;
    CHECK(config->subnet == SUBNET_TIME_MLP && !config->image_conditions,
          "%s: network %d with %ld channels of an image", name, (int)config->subnet,
          (long)config->image_conditions);
    n->mlp = time_mlp_make(params, name, &n->config);
    return n;
}

void time_net_destroy(time_net_t **n)
{
    if (!*n)
        return;
    time_mlp_destroy(&(*n)->mlp);
    free(*n);
    *n = NULL;
}

const time_net_config_t *time_net_config(const time_net_t *n)
{
    return &n->config;
}

tensor_t *time_net_record(const time_net_t *n, graph_t *g, tensor_t *x, tensor_t *time,
                          tensor_t *condition, tensor_t *image)
{
    CHECK(!image, "a time_mlp takes no image");
    return time_mlp_record(n->mlp, g, x, time, condition);
}
