/* SPDX-License-Identifier: Apache-2.0
 *
 * The two parts that a UNet (unet.h) is made of, as layers: values without destructor.
 */
#ifndef NN_UNET_BLOCK_H
#define NN_UNET_BLOCK_H

#include "nn/conv_layer.h"

typedef struct {
    int scale, shift; // ids; shift -1: none
    int64_t groups;   // 0: a layer norm
} unet_norm_t;

typedef struct {
    unet_norm_t norm1, norm2;
    conv_layer_t conv1, conv2, project;
    linear_t embed;
    bool projected;
    double dropout;
} unet_residual_t;

typedef struct {
    unet_norm_t norm, norm_query, norm_key;
    linear_t query, key, value, out;
    int heads;
} unet_attention_t;

/* name/scale, name/shift, (1, width). */
unet_norm_t unet_norm_make(params_t *p, const char *name, const char *part, int64_t width,
                           int64_t groups, bool shift);
/* Group norm, + added (class, width) of each unit or NULL, activation. */
tensor_t *unet_norm_record(const unet_norm_t *n, graph_t *g, tensor_t *x, tensor_t *added,
                           unary_t activation);

/* A block of `in` to `out` channels; `embed` columns of e. */
unet_residual_t unet_residual_make(params_t *p, const char *name, int64_t in, int64_t out,
                                   int64_t embed, int64_t groups, double dropout);
/* h (ROWS_DRAWS, per pixels), e (ROWS_SETS, embed). */
tensor_t *unet_residual_record(const unet_residual_t *b, graph_t *g, tensor_t *h, tensor_t *e,
                               image_t image);

unet_attention_t unet_attention_make(params_t *p, const char *name, int64_t width, int64_t groups,
                                     int heads);
tensor_t *unet_attention_record(const unet_attention_t *a, graph_t *g, tensor_t *h);

#endif
