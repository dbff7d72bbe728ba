// SPDX-License-Identifier: Apache-2.0
#include "nn/convolutional.h"

#include "cluster/mem.h"
#include "nn/conv_layer.h"

#include <stdlib.h>

enum { STAGE_BLOCKS = 2 };
static const double NORM_EPSILON = 1e-3;

typedef struct {
    int scale, shift;
} norm_t;

typedef struct {
    norm_t norm1, norm2;
    conv_layer_t conv1, conv2, project;
} block_t;

typedef struct {
    int stages;
    double dropout;
    image_t image;
    int64_t extras;
    block_t block[SUMMARY_MAX_STAGES][STAGE_BLOCKS];
    linear_t out;
} convolutional_t;

static void fill(network_size_t size, summary_config_t *config)
{
    static const int width[] = {[SIZE_SMALL] = 16, [SIZE_BASE] = 32, [SIZE_LARGE] = 64};
    static const int summary[] = {[SIZE_SMALL] = 8, [SIZE_BASE] = 16, [SIZE_LARGE] = 32};
    config->stages = 3;
    for (int k = 0; k < config->stages; k++)
        config->stage_width[k] = width[size] << k;
    config->summary_dim = summary[size];
    config->dropout = 0;
}

static err_t check(const summary_shape_t *shape, const summary_config_t *c)
{
    if (shape->height < 1 || shape->width < 1 || shape->features < 1)
        return err_fail(ERR_USAGE, "convolutional: an image of %ld x %ld x %ld, expected 1 or more",
                        (long)shape->height, (long)shape->width, (long)shape->features);
    if (c->stages < 1 || c->stages > SUMMARY_MAX_STAGES)
        return err_fail(ERR_USAGE, "stages: got %d, expected 1 to %d", c->stages,
                        SUMMARY_MAX_STAGES);
    for (int k = 0; k < c->stages; k++)
        if (c->stage_width[k] < 1)
            return err_fail(ERR_USAGE, "stage_width: got %d for stage %d, expected 1 or more",
                            c->stage_width[k], k);
    if (c->summary_dim < 1)
        return err_fail(ERR_USAGE, "summary_dim: got %d, expected 1 or more", c->summary_dim);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_fail(ERR_USAGE, "dropout: got %g, expected 0 or more, below 1", c->dropout);
    return OK;
}

static norm_t norm_make(params_t *p, const char *name, const char *part, int64_t width)
{
    char *scale = mem_format("%s/%s/scale", name, part);
    char *shift = mem_format("%s/%s/shift", name, part);
    norm_t n = {.scale = params_add(p, scale, 1, width, INIT_ONE, 1)};
    n.shift = params_add(p, shift, 1, width, INIT_ZERO, 0);
    free(shift);
    free(scale);
    return n;
}

static block_t block_make(params_t *p, const char *name, int64_t in, int64_t width)
{
    block_t b;
    b.norm1 = norm_make(p, name, "norm1", width);
    b.conv1 = conv_layer_make_below(p, name, "conv1", 3, width, width, INIT_GLOROT_UNIFORM);
    b.norm2 = norm_make(p, name, "norm2", width);
    b.conv2 = conv_layer_make_below(p, name, "conv2", 3, width, width, INIT_ZERO);
    b.project = conv_layer_make_below(p, name, "project", 1, in, width, INIT_GLOROT_UNIFORM);
    return b;
}

static void *make(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config)
{
    convolutional_t *n = MEM_NEW(convolutional_t, 1);
    int64_t in = shape->features;
    n->stages = config->stages;
    n->dropout = config->dropout;
    n->image = (image_t){shape->height, shape->width};
    n->extras = shape->extras;
    for (int k = 0; k < n->stages; k++)
        for (int j = 0; j < STAGE_BLOCKS; j++) {
            char *block = mem_format("%s/stage%d/block%d", name, k, j);
            n->block[k][j] = block_make(params, block, in, config->stage_width[k]);
            in = config->stage_width[k];
            free(block);
        }
    n->out = linear_make_below(params, name, "out", in + n->extras, config->summary_dim,
                               (linear_init_t){INIT_GLOROT_UNIFORM, 1.0, true});
    return n;
}

static void destroy(void *net)
{
    free(net);
}

static tensor_t *norm_record(const norm_t *n, graph_t *g, tensor_t *x)
{
    tensor_t *y =
        op_layer_norm(g, x, graph_param(g, n->scale), graph_param(g, n->shift), NORM_EPSILON);
    return op_unary(g, y, UNARY_MISH);
}

static tensor_t *block_record(const convolutional_t *n, const block_t *b, graph_t *g, tensor_t *x,
                              image_t image)
{
    x = conv_layer_record(&b->project, g, x, image);
    tensor_t *h = conv_layer_record(&b->conv1, g, norm_record(&b->norm1, g, x), image);
    h = op_dropout(g, norm_record(&b->norm2, g, h), n->dropout);
    return op_add(g, x, conv_layer_record(&b->conv2, g, h, image));
}

static tensor_t *record(const void *net, graph_t *g, tensor_t *data, tensor_t *extras)
{
    const convolutional_t *n = net;
    image_t image = n->image;
    CHECK((extras != NULL ? extras->cols : 0) == n->extras, "convolutional: %ld extras",
          (long)n->extras);
    for (int k = 0; k < n->stages; k++) {
        for (int j = 0; j < STAGE_BLOCKS; j++)
            data = block_record(n, &n->block[k][j], g, data, image);
        data = op_pool2d(g, data, image);
        image = image_half(image);
    }
    tensor_t *mean = op_unit_mean(g, data);
    if (extras != NULL)
        mean = op_concat2(g, mean, extras);
    return linear_record(&n->out, g, mean, UNARY_IDENTITY);
}

const summary_kind_t summary_kind_convolutional = {.word = "convolutional",
                                                   .kind = OBSERVABLE_IMAGE,
                                                   .fill = fill,
                                                   .check = check,
                                                   .make = make,
                                                   .record = record,
                                                   .destroy = destroy};
