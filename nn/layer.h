/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers: weights in a params_t, and the ops that use them. A layer is made once (which adds its weights under `name`)
 * and recorded into any number of graphs; it holds only ids, so it is a value and needs no destructor.
 */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "nn/op.h"
#include "nn/params.h"

#include <stdbool.h>

typedef struct {
    int weight, bias; // ids; bias -1: none
    int64_t in, out;
} linear_t;

typedef struct {
    init_kind_t init;
    double scale;
    bool bias;
} linear_init_t;

/* name/weight (in, out) and name/bias (1, out), which begins at zero. */
linear_t linear_make(params_t *p, const char *name, int64_t in, int64_t out, linear_init_t init);
/* The same under "name/part". */
linear_t linear_make_below(params_t *p, const char *name, const char *part, int64_t in, int64_t out,
                           linear_init_t init);
/* act(x W + b): (R, in) -> (R, out). */
tensor_t *linear_record(const linear_t *l, graph_t *g, tensor_t *x, unary_t activation);

/* u = act(x W + b); dropout; + skip where residual: x itself, or a linear map of it where the widths differ. */
typedef struct {
    linear_t dense, projector;
    bool residual, project;
    unary_t activation;
    double dropout;
} dense_block_t;

enum { MLP_MAX_BLOCKS = 8 };

typedef struct {
    int64_t width; // of each block
    int blocks;    // 0 .. MLP_MAX_BLOCKS; 0: the identity
    unary_t activation;
    bool residual;
    init_kind_t init; // of the blocks' weights, with scale 1
    double dropout;
} mlp_config_t;

typedef struct {
    int blocks;
    dense_block_t block[MLP_MAX_BLOCKS];
    int64_t out; // columns of the result
} mlp_t;

/* name/0/dense/weight, name/0/projector/weight, ... */
mlp_t mlp_make(params_t *p, const char *name, int64_t in, const mlp_config_t *config);
/* The same under "name/part". */
mlp_t mlp_make_below(params_t *p, const char *name, const char *part, int64_t in,
                     const mlp_config_t *config);
tensor_t *mlp_record(const mlp_t *m, graph_t *g, tensor_t *x);

#endif
