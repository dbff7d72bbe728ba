// SPDX-License-Identifier: Apache-2.0
#include "nn/time_net.h"

#include "cluster/mem.h"
#include "nn/time_mlp.h"
#include "nn/unet.h"

#include <stdlib.h>

struct time_net {
    time_net_config_t config;
    time_mlp_t *mlp; // the one that config.subnet names; the other NULL
    unet_t *unet;
};

err_t time_net_check(const time_net_config_t *c)
{
    if (c->subnet == SUBNET_UNET)
        return unet_check(c);
    if (c->image_conditions)
        return err_fail(ERR_USAGE, "inference.subnet: a time_mlp reads no image");
    if (c->time_embed < 2 || c->time_embed % 2)
        return err_fail(ERR_USAGE, "inference.time_embed: %d is not an even number above 0",
                        c->time_embed);
    if (c->depth < 1 || c->width < 1)
        return err_fail(ERR_USAGE, "inference.depth, inference.width: %d and %d, expected above 0",
                        c->depth, c->width);
    return OK;
}

time_net_t *time_net_make(params_t *params, const char *name, const time_net_config_t *config)
{
    time_net_t *n = MEM_NEW(time_net_t, 1);
    n->config = *config;
    if (!n->config.out)
        n->config.out = n->config.parameters;
    CHECK(config->subnet == SUBNET_UNET || !config->image_conditions,
          "%s: a time_mlp with %ld channels of an image", name, (long)config->image_conditions);
    if (config->subnet == SUBNET_UNET)
        n->unet = unet_make(params, name, &n->config);
    else
        n->mlp = time_mlp_make(params, name, &n->config);
    return n;
}

void time_net_destroy(time_net_t **n)
{
    if (!*n)
        return;
    time_mlp_destroy(&(*n)->mlp);
    unet_destroy(&(*n)->unet);
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
    if (n->unet)
        return unet_record(n->unet, g, x, time, condition, image);
    CHECK(!image, "a time_mlp takes no image");
    return time_mlp_record(n->mlp, g, x, time, condition);
}
