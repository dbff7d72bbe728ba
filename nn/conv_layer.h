/* SPDX-License-Identifier: Apache-2.0
 *
 * A convolution with its weights, as a layer (layer.h): a value without destructor.
 */
#ifndef NN_CONV_LAYER_H
#define NN_CONV_LAYER_H

#include "nn/layer.h"

typedef struct {
    linear_t map; // (size * size * in, out)
    int64_t size;
} conv_layer_t;

/* name/weight (size * size * in, out), name/bias (1, out). INIT_GLOROT_UNIFORM as Keras counts: fans of size * size * in
 * and size * size * out. */
conv_layer_t conv_layer_make(params_t *p, const char *name, int64_t size, int64_t in, int64_t out,
                             init_kind_t init);
/* The same under "name/part". */
conv_layer_t conv_layer_make_below(params_t *p, const char *name, const char *part, int64_t size,
                                   int64_t in, int64_t out, init_kind_t init);
tensor_t *conv_layer_record(const conv_layer_t *l, graph_t *g, tensor_t *x, image_t image);

#endif
