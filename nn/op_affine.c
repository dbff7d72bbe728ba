// SPDX-License-Identifier: Apache-2.0
#include "nn/op_flow.h"

#include "cluster/err.h"
#include "nn/fmath.h"

#include <math.h>
#include <string.h>

static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double slope_of(double raw)
{
    return softplus(asinh(raw) + log(expm1(1.0)));
}

static double slope_derivative(double raw)
{
    double sigmoid = 1.0 / (1.0 + exp(-(asinh(raw) + log(expm1(1.0)))));
    return sigmoid / sqrt(1.0 + raw * raw);
}

static void check(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[0], *raw = t->in[1];
    (void)g;
    CHECK(raw->rows_class == x->rows_class && raw->per == x->per && raw->cols == 2 * x->cols,
          "affine: %ld columns of raw parameters for %ld columns", (long)raw->cols, (long)x->cols);
    t->rows_class = x->rows_class;
    t->per = x->per;
    t->cols = x->cols + 1;
}

enum { TILE = 1024 }; // entries

/* n raw slopes become slopes, and log_slope their logarithms. */
VEC_KERNEL static void make_slopes(int64_t n, float *restrict slope, float *restrict log_slope)
{
    for (int64_t i = 0; i < n; i++) {
        float a = f_softplus(f_asinh(slope[i]) + 0.541324855f); // ln(e - 1)
        slope[i] = a;
        log_slope[i] = f_log(a);
    }
}

VEC_KERNEL static void map_forward(int64_t n, const float *restrict shift,
                                   const float *restrict slope, float *restrict x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = f_fma(slope[i], x[i], shift[i]);
}

VEC_KERNEL static void map_back(int64_t n, const float *restrict shift, const float *restrict slope,
                                float *restrict x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - shift[i]) / slope[i];
}

/* Rows of a tile. */
static void map_rows(tensor_t *t, int64_t first, int64_t rows)
{
    int64_t d = t->cols - 1;
    bool inverse = t->attr.i[0] != 0;
    float x[TILE], slope[TILE] = {0}, shift[TILE] = {0}, log_slope[TILE];
    memcpy(x, t->in[0]->value + first * d, (size_t)(rows * d) * sizeof *x);
    for (int64_t r = 0; r < rows; r++) {
        const float *raw = t->in[1]->value + (first + r) * 2 * d;
        for (int64_t j = 0; j < d; j++) {
            slope[r * d + j] = raw[j];
            shift[r * d + j] = raw[d + j];
        }
    }
    make_slopes(rows * d, slope, log_slope);
    (inverse ? map_back : map_forward)(rows * d, shift, slope, x);
    for (int64_t r = 0; r < rows; r++) {
        float *out = t->value + (first + r) * (d + 1), log_det = 0;
        for (int64_t j = 0; j < d; j++) {
            out[j] = x[r * d + j];
            log_det += log_slope[r * d + j];
        }
        out[d] = inverse ? -log_det : log_det;
    }
}

static void forward(tensor_t *t)
{
    int64_t d = t->cols - 1, most = d < TILE ? TILE / d : 1;
    CHECK(d <= TILE, "affine: %ld columns, at most %d", (long)d, TILE);
    for (int64_t r = 0; r < t->rows; r += most)
        map_rows(t, r, t->rows - r < most ? t->rows - r : most);
}

// One entry: gradients by x, by the raw slope and by the shift.
static void backward_entry(bool inverse, double x, const double raw[2], double gy, double gl,
                           double out[3])
{
    double a = slope_of(raw[0]), by_a;
    if (inverse) {
        out[0] = gy / a;
        out[2] = -gy / a;
        by_a = -gy * (x - raw[1]) / (a * a) - gl / a;
    } else {
        out[0] = gy * a;
        out[2] = gy;
        by_a = gy * x + gl / a;
    }
    out[1] = by_a * slope_derivative(raw[0]);
}

static void backward(tensor_t *t)
{
    int64_t d = t->cols - 1;
    float *gx = grad_add(t->in[0]), *graw = grad_add(t->in[1]);
    for (int64_t r = 0; r < t->rows; r++) {
        const float *g = t->grad + r * (d + 1), *raw = t->in[1]->value + r * 2 * d;
        for (int64_t j = 0; j < d; j++) {
            double out[3], pair[2] = {(double)raw[j], (double)raw[d + j]};
            backward_entry(t->attr.i[0] != 0, (double)t->in[0]->value[r * d + j], pair,
                           (double)g[j], (double)g[d], out);
            if (gx)
                gx[r * d + j] += (float)out[0];
            if (graw) {
                graw[r * 2 * d + j] += (float)out[1];
                graw[r * 2 * d + d + j] += (float)out[2];
            }
        }
    }
}

static double flops(const tensor_t *t, bool backward_too)
{
    return (backward_too ? 40.0 : 20.0) * (double)(t->rows * (t->cols - 1));
}

static tensor_t *example(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    int64_t d = gradcheck_shape(c, 1, 4);
    tensor_t *x = gradcheck_input(c, ROWS_DRAWS, 1, d, -2.0, 2.0);
    tensor_t *raw = gradcheck_input(c, ROWS_DRAWS, 1, 2 * d, -1.5, 1.5);
    return op_affine(gradcheck_graph(c), x, raw, variant == 1);
}

const op_kind_t op_kind_affine = {.name = "affine",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward,
                                  .flops = flops,
                                  .example = example};

tensor_t *op_affine(graph_t *g, tensor_t *x, tensor_t *raw, bool inverse)
{
    op_attr_t attr = {.i = {inverse}};
    return graph_record(g, &op_kind_affine, 2, (tensor_t *[]){x, raw}, &attr);
}
