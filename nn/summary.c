// SPDX-License-Identifier: Apache-2.0
#include "nn/summary.h"

#include "cluster/mem.h"
#include "nn/convolutional.h"
#include "nn/deep_set.h"
#include "nn/fusion_transformer.h"
#include "nn/set_transformer.h"
#include "nn/summary_mlp.h"
#include "nn/time_series_network.h"
#include "nn/time_series_transformer.h"
#include "nn/window_network.h"

#include <stdlib.h>
#include <string.h>

const summary_kind_t *const summary_table[SUMMARY_TYPES] = {
    [SUMMARY_IDENTITY] = &summary_kind_identity,
    [SUMMARY_MLP] = &summary_kind_mlp,
    [SUMMARY_DEEP_SET] = &summary_kind_deep_set,
    [SUMMARY_SET_TRANSFORMER] = &summary_kind_set_transformer,
    [SUMMARY_CONVOLUTIONAL] = &summary_kind_convolutional,
    [SUMMARY_WINDOW_NETWORK] = &summary_kind_window_network,
    [SUMMARY_TIME_SERIES_NETWORK] = &summary_kind_time_series_network,
    [SUMMARY_TIME_SERIES_TRANSFORMER] = &summary_kind_time_series_transformer,
    [SUMMARY_FUSION_TRANSFORMER] = &summary_kind_fusion_transformer,
};

struct summary {
    const summary_kind_t *kind;
    void *net;
};

static const summary_kind_t *kind_of(summary_type_t type)
{
    CHECK(type < SUMMARY_TYPES && summary_table[type] != NULL, "summary network %d", (int)type);
    return summary_table[type];
}

summary_type_t summary_type_for(observable_kind_t kind, bool peer)
{
    static const summary_type_t of[] = {[OBSERVABLE_VECTOR] = SUMMARY_IDENTITY,
                                        [OBSERVABLE_SET] = SUMMARY_DEEP_SET,
                                        [OBSERVABLE_SERIES] = SUMMARY_WINDOW_NETWORK,
                                        [OBSERVABLE_IMAGE] = SUMMARY_CONVOLUTIONAL};
    return peer && kind == OBSERVABLE_SERIES ? SUMMARY_TIME_SERIES_NETWORK : of[kind];
}

int64_t summary_columns(const summary_shape_t *shape, const summary_config_t *config)
{
    return config->type == SUMMARY_IDENTITY ? shape->features : config->summary_dim;
}

void summary_config_default(summary_type_t type, network_size_t size, summary_config_t *config)
{
    memset(config, 0, sizeof *config);
    config->type = type;
    kind_of(type)->fill(size, config);
}

err_t summary_config_check(const summary_shape_t *shape, const summary_config_t *config)
{
    return kind_of(config->type)->check(shape, config);
}

summary_t *summary_make(params_t *params, const char *name, const summary_shape_t *shape,
                        const summary_config_t *config)
{
    summary_t *s = MEM_NEW(summary_t, 1);
    s->kind = kind_of(config->type);
    s->net = s->kind->make(params, name, shape, config);
    return s;
}

void summary_destroy(summary_t **s)
{
    if (!*s)
        return;
    (*s)->kind->destroy((*s)->net);
    free(*s);
    *s = NULL;
}

tensor_t *summary_record(const summary_t *s, graph_t *g, tensor_t *data, tensor_t *extras)
{
    return s->kind->record(s->net, g, data, extras);
}
