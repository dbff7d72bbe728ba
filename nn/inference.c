// SPDX-License-Identifier: Apache-2.0
#include "nn/inference.h"

#include "nn/consistency.h"
#include "nn/coupling_network.h"
#include "nn/diffusion.h"
#include "nn/flow_matching.h"
#include "nn/point_network.h"
#include "nn/stable_consistency.h"

#include <string.h>

const inference_kind_t *const inference_table[INFERENCE_TYPES] = {
    [INFERENCE_COUPLING_FLOW] = &inference_kind_coupling_flow,
    [INFERENCE_FLOW_MATCHING] = &inference_kind_flow_matching,
    [INFERENCE_DIFFUSION] = &inference_kind_diffusion,
    [INFERENCE_CONSISTENCY] = &inference_kind_consistency,
    [INFERENCE_STABLE_CONSISTENCY] = &inference_kind_stable_consistency,
    [INFERENCE_POINT] = &inference_kind_point,
};

static const inference_kind_t *kind_of(inference_type_t type)
{
    CHECK(type < INFERENCE_TYPES && inference_table[type] != NULL, "inference network %d",
          (int)type);
    return inference_table[type];
}

void inference_config_default(inference_type_t type, network_size_t size,
                              inference_config_t *config)
{
    memset(config, 0, sizeof *config);
    config->type = type;
    kind_of(type)->fill(size, config);
}

err_t inference_config_check(const inference_shape_t *shape, const inference_config_t *config)
{
    return kind_of(config->type)->check(shape, config);
}

time_net_config_t inference_net(const inference_shape_t *shape, const inference_config_t *config)
{
    time_net_config_t net = config->net;
    net.parameters = net.out = shape->parameters;
    net.conditions = shape->conditions;
    net.image_conditions = shape->image_conditions;
    return net;
}
