// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"

/* attr.f[0]: rate; attr.i[0]: 0, or 1 + the place of the op whose entries are dropped here too. Backward draws
 * again what forward drew, which is faster than to keep it. */
static void check_dropout(graph_t *g, tensor_t *t)
{
    (void)g;
    CHECK(t->attr.f[0] > 0 && t->attr.f[0] < 1, "dropout: rate %g", t->attr.f[0]);
    tensor_shape_as(t, t->in[0], t->in[0]->cols);
}

/* Bijections of 32-bit words, for each `key` another, in which each input bit changes each output bit about every second
 * time: the finaliser of MurmurHash3 (Appleby 2011) with a key in its middle. */
VEC_INLINE uint32_t mix(uint32_t x, uint32_t key)
{
    x = (x ^ (x >> 16)) * 0x85ebca6bu ^ key;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

/* What decides: entry i is dropped when its hash under two keys, uniform in [0, 2^31), lies below `threshold`. */
typedef struct {
    uint32_t key1, key2;
    int32_t threshold;
    float factor; // of those that stay
} dropping_t;

static dropping_t dropping_of(const tensor_t *t)
{
    double rate = t->attr.f[0];
    int64_t place = t->attr.i[0] > 0 ? t->attr.i[0] - 1 : t->id;
    uint64_t noise = graph_noise(t->graph) + (uint64_t)place * 0x9e3779b97f4a7c15u;
    uint32_t low = mix((uint32_t)noise, 0), high = mix((uint32_t)(noise >> 32), low);
    return (dropping_t){.key1 = high,
                        .key2 = mix(low, high),
                        .threshold = (int32_t)(rate * 2147483648.0),
                        .factor = (float)(1 / (1 - rate))};
}

VEC_INLINE float factor_of(const dropping_t *d, uint32_t i)
{
    uint32_t word = mix(i * 0x9e3779b9u + d->key1, d->key2);
    return (int32_t)(word >> 1) < d->threshold ? 0.0f : d->factor;
}

/* y = x or zero, or added to y; n < 2^32 */
static VEC_KERNEL void drop(uint32_t n, const dropping_t *dropping, const float *x, bool add,
                            float *y)
{
    dropping_t d = *dropping;
    if (add)
#pragma GCC ivdep
        for (uint32_t i = 0; i < n; i++)
            y[i] += x[i] * factor_of(&d, i);
    else
#pragma GCC ivdep
        for (uint32_t i = 0; i < n; i++)
            y[i] = x[i] * factor_of(&d, i);
}

static void forward_dropout(tensor_t *t)
{
    dropping_t d = dropping_of(t);
    drop((uint32_t)tensor_size(t), &d, t->in[0]->value, false, t->value);
}

static void backward_dropout(tensor_t *t)
{
    dropping_t d = dropping_of(t);
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        drop((uint32_t)tensor_size(t), &d, t->grad, add, out);
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
