// SPDX-License-Identifier: Apache-2.0
#include "nn/conv_layer.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

conv_layer_t conv_layer_make(params_t *p, const char *name, int64_t size, int64_t in, int64_t out,
                             init_kind_t init)
{
    double taps = (double)(size * size), fan_in = taps * (double)in, fan_out = taps * (double)out;
    double scale = 1;
    if (init == INIT_GLOROT_UNIFORM) // params.h counts columns as the fan out
        scale = sqrt((fan_in + (double)out) / (fan_in + fan_out));
    linear_init_t whole = {init, scale, true};
    return (conv_layer_t){linear_make(p, name, size * size * in, out, whole), size};
}

conv_layer_t conv_layer_make_below(params_t *p, const char *name, const char *part, int64_t size,
                                   int64_t in, int64_t out, init_kind_t init)
{
    char *full = mem_format("%s/%s", name, part);
    conv_layer_t l = conv_layer_make(p, full, size, in, out, init);
    free(full);
    return l;
}

tensor_t *conv_layer_record(const conv_layer_t *l, graph_t *g, tensor_t *x, image_t image)
{
    return op_conv2d(g, x, graph_param(g, l->map.weight), graph_param(g, l->map.bias), image,
                     l->size, UNARY_IDENTITY);
}
