// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"
#include "nn/vec.h"

/* attr.f[0]: rate; attr.i[0]: 0, or 1 + the place of the op whose entries are dropped here too. keep: the factor of each
 * entry, 0 or 1 / (1 - rate). */
static void check_dropout(graph_t *g, tensor_t *t)
{
    CHECK(t->attr.f[0] > 0 && t->attr.f[0] < 1, "dropout: rate %g", t->attr.f[0]);
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
    t->keep_floats = graph_full_floats(g, t);
}

/* A bijection of 32-bit words in which each input bit changes each output bit about every second time: the finaliser of
 * MurmurHash3 (Appleby 2011). */
VEC_INLINE uint32_t mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

/* Entry i is dropped when its hash under two keys, uniform in [0, 2^31), lies below `threshold`. */
static VEC_KERNEL void draw_factors(int64_t n, uint32_t key1, uint32_t key2, int32_t threshold,
                                    float factor, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t word = mix(mix((uint32_t)i * 0x9e3779b9u + key1) ^ key2);
        out[i] = (int32_t)(word >> 1) < threshold ? 0.0f : factor;
    }
}

static void forward_dropout(tensor_t *t)
{
    double rate = t->attr.f[0];
    int64_t place = t->attr.i[0] > 0 ? t->attr.i[0] - 1 : t->id;
    uint64_t noise = graph_noise(t->graph) + (uint64_t)place * 0x9e3779b97f4a7c15u;
    uint32_t low = mix((uint32_t)noise), high = mix((uint32_t)(noise >> 32) + low);
    float *factor = t->keep != NULL ? t->keep : t->value;
    draw_factors(tensor_size(t), high, mix(low ^ high), (int32_t)(rate * 2147483648.0),
                 (float)(1 / (1 - rate)), factor);
    vec_mul(tensor_size(t), t->in[0]->value, factor, t->value);
}

static void backward_dropout(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        vec_mul_put(tensor_size(t), t->grad, t->keep, add, out);
}

static tensor_t *example_dropout(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    return op_dropout(gradcheck_graph(c), gradcheck_input(c, ROWS_ELEMENTS, 1, 7, 1, 2), 0.3);
}

static tensor_t *tangent_dropout(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    op_attr_t attr = {.f = {t->attr.f[0]}, .i = {t->attr.i[0] > 0 ? t->attr.i[0] : 1 + t->id}};
    return graph_record(g, t->kind, 1, in, &attr);
}

const op_kind_t op_kind_dropout = {.name = "dropout",
                                   .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                   .check = check_dropout,
                                   .forward = forward_dropout,
                                   .backward = backward_dropout,
                                   .example = example_dropout,
                                   .tangent = tangent_dropout};

tensor_t *op_dropout(graph_t *g, tensor_t *x, double rate)
{
    op_attr_t attr = {.f = {rate}};
    if (rate == 0 || graph_mode(g) != GRAPH_TRAIN)
        return x;
    return graph_record(g, &op_kind_dropout, 1, &x, &attr);
}
