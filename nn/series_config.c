// SPDX-License-Identifier: Apache-2.0
#include "nn/series_config.h"

static err_t check_range(const char *field, double got, double low, double high)
{
    if (got >= low && got <= high)
        return OK;
    return err_fail(ERR_USAGE, "%s: %g is out of range, expected %g to %g", field, got, low, high);
}

err_t series_check_width(const char *field, int got)
{
    return check_range(field, got, 1, 4096);
}

err_t series_check_dropout(double got)
{
    return check_range("dropout", got, 0, 0.9);
}

err_t series_check_attention(const summary_config_t *config, int least_depth)
{
    TRY(series_check_width("embed_dim", config->embed_dim));
    TRY(check_range("heads", config->heads, 1, 64));
    TRY(check_range("expansion", config->expansion, 1, 16));
    TRY(check_range("depth", config->depth, least_depth, 16));
    if (config->embed_dim % config->heads == 0)
        return OK;
    return err_fail(ERR_USAGE, "embed_dim: %d is not a multiple of heads (%d)", config->embed_dim,
                    config->heads);
}
