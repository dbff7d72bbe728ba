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

void time_net_default(network_size_t size, time_net_config_t *config)
{
    static const int width[] = {[SIZE_SMALL] = 64, [SIZE_BASE] = 128, [SIZE_LARGE] = 256};
    static const int depth[] = {[SIZE_SMALL] = 3, [SIZE_BASE] = 4, [SIZE_LARGE] = 5};
    config->subnet = SUBNET_TIME_MLP;
    config->depth = depth[size];
    config->width = width[size];
    config->time_embed = 32;
    config->fourier_scale = 16.0;
    config->film_scale = config->persistent = true;
    unet_default(size, config);
}

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
