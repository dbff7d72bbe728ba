// SPDX-License-Identifier: Apache-2.0
#include "nn/op_flow.h"

#include "cluster/err.h"

#include <math.h>

enum { WHITEN_MAX = 256 };

int64_t op_whiten_raw_count(int64_t d)
{
    return 2 * d + d * (d - 1) / 2;
}

static const float *below_diagonal(const float *raw, int64_t d, int64_t i)
{
    return raw + 2 * d + i * (i - 1) / 2;
}

static void check(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[0], *raw = t->in[1];
    (void)g;
    CHECK(x->cols >= 1 && x->cols <= WHITEN_MAX, "whiten: %ld columns, expected 1 to %d",
          (long)x->cols, WHITEN_MAX);
    CHECK(raw->rows_class == x->rows_class && raw->per == x->per &&
              raw->cols == op_whiten_raw_count(x->cols),
          "whiten: %ld columns of raw parameters for %ld columns", (long)raw->cols, (long)x->cols);
    t->rows_class = x->rows_class;
    t->per = x->per;
    t->cols = x->cols + 1;
    t->scratch_floats = (size_t)(x->cols + raw->cols);
}

static void standardise(int64_t d, const float *x, const float *raw, float *z)
{
    double y[WHITEN_MAX], sum = 0.0;
    for (int64_t i = 0; i < d; i++) {
        const float *l = below_diagonal(raw, d, i);
        y[i] = ((double)x[i] - (double)raw[i]) * exp(-(double)raw[d + i]);
        double at = y[i];
        for (int64_t j = 0; j < i; j++)
            at -= (double)l[j] * y[j];
        z[i] = (float)at;
        sum += (double)raw[d + i];
    }
    z[d] = (float)-sum;
}

static void restore(int64_t d, const float *z, const float *raw, double *y, float *x)
{
    double sum = 0.0;
    for (int64_t i = 0; i < d; i++) {
        const float *l = below_diagonal(raw, d, i);
        y[i] = (double)z[i];
        for (int64_t j = 0; j < i; j++)
            y[i] += (double)l[j] * y[j];
        x[i] = (float)((double)raw[i] + y[i] * exp((double)raw[d + i]));
        sum += (double)raw[d + i];
    }
    x[d] = (float)sum;
}

static void forward(tensor_t *t)
{
    int64_t d = t->cols - 1, m = op_whiten_raw_count(d);
    double y[WHITEN_MAX];
    for (int64_t r = 0; r < t->rows; r++) {
        const float *in = t->in[0]->value + r * d, *raw = t->in[1]->value + r * m;
        if (t->attr.i[0])
            restore(d, in, raw, y, t->value + r * (d + 1));
        else
            standardise(d, in, raw, t->value + r * (d + 1));
    }
}

static void standardise_backward(int64_t d, const float *x, const float *raw, const float *g,
                                 float *gx, float *graw)
{
    double y[WHITEN_MAX];
    for (int64_t i = 0; i < d; i++)
        y[i] = ((double)x[i] - (double)raw[i]) * exp(-(double)raw[d + i]);
    for (int64_t j = 0; j < d; j++) {
        double gy = (double)g[j];
        for (int64_t i = j + 1; i < d; i++)
            gy -= (double)g[i] * (double)below_diagonal(raw, d, i)[j];
        gx[j] = (float)(gy * exp(-(double)raw[d + j]));
        graw[j] = -gx[j];
        graw[d + j] = (float)(-gy * y[j] - (double)g[d]);
    }
    for (int64_t i = 0, k = 2 * d; i < d; i++)
        for (int64_t j = 0; j < i; j++, k++)
            graw[k] = (float)(-(double)g[i] * y[j]);
}

static void restore_backward(int64_t d, const float *z, const float *raw, const float *g, float *gz,
                             float *graw)
{
    double y[WHITEN_MAX], gy[WHITEN_MAX];
    float x[WHITEN_MAX + 1];
    restore(d, z, raw, y, x);
    for (int64_t i = 0; i < d; i++) {
        gy[i] = (double)g[i] * exp((double)raw[d + i]);
        graw[i] = g[i];
        graw[d + i] = (float)(gy[i] * y[i] + (double)g[d]);
    }
    for (int64_t i = d - 1; i >= 0; i--) {
        const float *l = below_diagonal(raw, d, i);
        for (int64_t j = 0; j < i; j++) {
            graw[(l - raw) + j] = (float)(gy[i] * y[j]);
            gy[j] += gy[i] * (double)l[j];
        }
        gz[i] = (float)gy[i];
    }
}

static void backward(tensor_t *t)
{
    int64_t d = t->cols - 1, m = op_whiten_raw_count(d);
    float *gx = grad_add(t->in[0]), *graw = grad_add(t->in[1]);
    float *by_x = graph_scratch(t->graph), *by_raw = by_x + d;
    for (int64_t r = 0; r < t->rows; r++) {
        const float *in = t->in[0]->value + r * d, *raw = t->in[1]->value + r * m;
        const float *g = t->grad + r * (d + 1);
        if (t->attr.i[0])
            restore_backward(d, in, raw, g, by_x, by_raw);
        else
            standardise_backward(d, in, raw, g, by_x, by_raw);
        for (int64_t j = 0; gx && j < d; j++)
            gx[r * d + j] += by_x[j];
        for (int64_t k = 0; graw && k < m; k++)
            graw[r * m + k] += by_raw[k];
    }
}

static double flops(const tensor_t *t, bool backward_too)
{
    double d = (double)(t->cols - 1);
    return (backward_too ? 3.0 : 1.0) * (double)t->rows * d * (d + 12.0);
}

static tensor_t *example(gradcheck_t *c, int variant)
{
    if (variant > 3)
        return NULL;
    int64_t d = variant < 2 ? 1 : gradcheck_shape(c, 2, 5);
    tensor_t *x = gradcheck_input(c, ROWS_DRAWS, 1, d, -2.0, 2.0);
    tensor_t *raw = gradcheck_input(c, ROWS_DRAWS, 1, op_whiten_raw_count(d), -0.7, 0.7);
    return op_whiten(gradcheck_graph(c), x, raw, variant % 2 == 1);
}

const op_kind_t op_kind_whiten = {.name = "whiten",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward,
                                  .flops = flops,
                                  .example = example};

tensor_t *op_whiten(graph_t *g, tensor_t *x, tensor_t *raw, bool inverse)
{
    op_attr_t attr = {.i = {inverse}};
    return graph_record(g, &op_kind_whiten, 2, (tensor_t *[]){x, raw}, &attr);
}
