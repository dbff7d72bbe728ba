// SPDX-License-Identifier: Apache-2.0
#include "nn/unet_block.h"

#include "cluster/mem.h"

#include <stdlib.h>

static const double NORM_EPSILON = 1e-3;
static const linear_init_t he_normal = {INIT_HE_NORMAL, 1.0, true};
static const linear_init_t zeros = {INIT_ZERO, 0.0, true};

unet_norm_t unet_norm_make(params_t *p, const char *name, const char *part, int64_t width,
                           int64_t groups, bool shift)
{
    unet_norm_t n = {.shift = -1, .groups = groups};
    char *of_scale = mem_format("%s/%s/scale", name, part);
    char *of_shift = mem_format("%s/%s/shift", name, part);
    n.scale = params_add(p, of_scale, 1, width, INIT_ONE, 1);
    if (shift)
        n.shift = params_add(p, of_shift, 1, width, INIT_ZERO, 0);
    free(of_shift);
    free(of_scale);
    return n;
}

tensor_t *unet_norm_record(const unet_norm_t *n, graph_t *g, tensor_t *x, tensor_t *added,
                           unary_t activation)
{
    tensor_t *shift = n->shift < 0 ? NULL : graph_param(g, n->shift);
    return op_group_norm(g, x, n->groups, graph_param(g, n->scale), shift, added, NORM_EPSILON,
                         activation);
}

unet_residual_t unet_residual_make(params_t *p, const char *name, int64_t in, int64_t out,
                                   int64_t embed, int64_t groups, double dropout)
{
    unet_residual_t b = {.projected = in != out, .dropout = dropout};
    b.norm1 = unet_norm_make(p, name, "norm1", in, groups, true);
    b.conv1 = conv_layer_make_below(p, name, "conv1", 3, in, out, INIT_HE_NORMAL);
    b.embed = linear_make_below(p, name, "embed", embed, out, he_normal);
    b.norm2 = unet_norm_make(p, name, "norm2", out, groups, true);
    b.conv2 = conv_layer_make_below(p, name, "conv2", 3, out, out, INIT_ZERO);
    if (b.projected)
        b.project = conv_layer_make_below(p, name, "project", 1, in, out, INIT_HE_NORMAL);
    return b;
}

tensor_t *unet_residual_record(const unet_residual_t *b, graph_t *g, tensor_t *h, tensor_t *e,
                               image_t image)
{
    tensor_t *added = op_expand(g, linear_record(&b->embed, g, e, UNARY_IDENTITY), h->rows_class);
    tensor_t *u = unet_norm_record(&b->norm1, g, h, NULL, UNARY_SILU);
    u = conv_layer_record(&b->conv1, g, u, image);
    u = op_dropout(g, unet_norm_record(&b->norm2, g, u, added, UNARY_SILU), b->dropout);
    u = conv_layer_record(&b->conv2, g, u, image);
    return op_add(g, u, b->projected ? conv_layer_record(&b->project, g, h, image) : h);
}

unet_attention_t unet_attention_make(params_t *p, const char *name, int64_t width, int64_t groups,
                                     int heads)
{
    unet_attention_t a = {.heads = heads};
    a.norm = unet_norm_make(p, name, "norm", width, groups, false);
    a.norm_query = unet_norm_make(p, name, "norm_query", width / heads, 0, true);
    a.norm_key = unet_norm_make(p, name, "norm_key", width / heads, 0, true);
    a.query = linear_make_below(p, name, "query", width, width, he_normal);
    a.key = linear_make_below(p, name, "key", width, width, he_normal);
    a.value = linear_make_below(p, name, "value", width, width, he_normal);
    a.out = linear_make_below(p, name, "out", width, width, zeros);
    return a;
}

/* Layer norm of each head's columns. */
static tensor_t *head_norm(const unet_attention_t *a, const unet_norm_t *n, graph_t *g, tensor_t *x)
{
    int64_t per = x->per;
    if (a->heads > 1)
        x = op_reshape(g, x, per * a->heads);
    x = op_layer_norm(g, x, graph_param(g, n->scale), graph_param(g, n->shift), NORM_EPSILON);
    return a->heads > 1 ? op_reshape(g, x, per) : x;
}

tensor_t *unet_attention_record(const unet_attention_t *a, graph_t *g, tensor_t *h)
{
    tensor_t *n = unet_norm_record(&a->norm, g, h, NULL, UNARY_IDENTITY);
    tensor_t *q = head_norm(a, &a->norm_query, g, linear_record(&a->query, g, n, UNARY_IDENTITY));
    tensor_t *k = head_norm(a, &a->norm_key, g, linear_record(&a->key, g, n, UNARY_IDENTITY));
    tensor_t *v = linear_record(&a->value, g, n, UNARY_IDENTITY);
    tensor_t *found = op_attention(g, q, k, v, a->heads);
    return op_add(g, n, linear_record(&a->out, g, found, UNARY_IDENTITY));
}
