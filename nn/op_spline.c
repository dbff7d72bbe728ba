// SPDX-License-Identifier: Apache-2.0
#include "nn/op_flow.h"

#include "cluster/err.h"
#include "nn/spline_many.h"

#include <math.h>

enum { MAX_RAW = 3 * SPLINE_MAX_BINS + 3 };

static spline_t spline_of(const tensor_t *t)
{
    return (spline_t){(int)t->attr.i[1], t->attr.f[0], t->attr.f[1]};
}

static void check(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[0], *raw = t->in[1];
    spline_t s = spline_of(t);
    (void)g;
    CHECK(raw->rows_class == x->rows_class && raw->per == x->per &&
              raw->cols == x->cols * spline_raw_count(&s),
          "spline: %ld columns of raw parameters for %ld columns and %d bins", (long)raw->cols,
          (long)x->cols, s.bins);
    t->rows_class = x->rows_class;
    t->per = x->per;
    t->cols = x->cols + 1;
}

static void forward(tensor_t *t)
{
    spline_t s = spline_of(t);
    int64_t d = t->cols - 1, m = spline_raw_count(&s), all = t->rows * d;
    bool inverse = t->attr.i[0] != 0;
    double moved[SPLINE_TILE], log_slope[SPLINE_TILE], sum = 0.0;
    for (int64_t begin = 0; begin < all; begin += SPLINE_TILE) {
        int64_t n = all - begin < SPLINE_TILE ? all - begin : SPLINE_TILE;
        spline_tile(&s, inverse, n, t->in[1]->value + begin * m, t->in[0]->value + begin, moved,
                    log_slope);
        for (int64_t l = 0; l < n; l++) {
            int64_t r = (begin + l) / d, j = (begin + l) % d;
            t->value[r * (d + 1) + j] = (float)moved[l];
            sum = (j == 0 ? 0.0 : sum) + log_slope[l];
            if (j == d - 1)
                t->value[r * (d + 1) + d] = (float)(inverse ? -sum : sum);
        }
    }
}

// Of x = f^-1(y), l = -ln f'(x): dx = (dy - f_raw draw) / f', so with G = gx - gl (ln f')_x the gradient by y is G / f',
// and that by raw is the forward map's at (x; gy = -G / f', gl = -gl).
static double inverse_backward(const spline_t *s, const float *raw, double y, double gx, double gl,
                               float *graw)
{
    double log_slope, x = spline_inverse(s, raw, y, &log_slope);
    double bend = spline_backward(s, raw, x, 0.0, 1.0, NULL);
    double gy = (gx - gl * bend) * exp(-log_slope);
    spline_backward(s, raw, x, -gy, -gl, graw);
    return gy;
}

static void backward(tensor_t *t)
{
    spline_t s = spline_of(t);
    int64_t d = t->cols - 1, m = spline_raw_count(&s);
    float *gx = grad_add(t->in[0]), *graw = grad_add(t->in[1]), entry[MAX_RAW];
    for (int64_t r = 0; r < t->rows * d; r++) {
        const float *g = t->grad + r / d * (d + 1), *raw = t->in[1]->value + r * m;
        double x = (double)t->in[0]->value[r], gy = (double)g[r % d], gl = (double)g[d];
        double by_x = t->attr.i[0] ? inverse_backward(&s, raw, x, gy, gl, entry)
                                   : spline_backward(&s, raw, x, gy, gl, entry);
        if (gx)
            gx[r] += (float)by_x;
        for (int64_t k = 0; graw && k < m; k++)
            graw[r * m + k] += entry[k];
    }
}

static double flops(const tensor_t *t, bool backward_too)
{
    double each = 30.0 * (double)t->attr.i[1] + 100.0; // two exponentials a bin, about ten each
    return (backward_too ? 3.0 : 1.0) * each * (double)(t->rows * (t->cols - 1));
}

// ln f' has a kink at each knot, so the points stay away from where a step in any raw parameter could move a knot.
static tensor_t *example(gradcheck_t *c, int variant)
{
    static const double low[] = {-5.0, -0.95, 0.6, 3.7};
    if (variant > 3)
        return NULL;
    spline_t s = spline_make(4, 3.0);
    if (variant >= 2)
        s.size_offset -= 0.05;
    tensor_t *part[4];
    for (int k = 0; k < 4; k++)
        part[k] = gradcheck_input(c, ROWS_DRAWS, 1, 1, low[k], low[k] + 0.35);
    tensor_t *x = op_concat(gradcheck_graph(c), 4, part);
    tensor_t *raw = gradcheck_input(c, ROWS_DRAWS, 1, 4 * spline_raw_count(&s), -0.1, 0.1);
    return op_spline(gradcheck_graph(c), x, raw, &s, variant % 2 == 1);
}

const op_kind_t op_kind_spline = {.name = "spline",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward,
                                  .flops = flops,
                                  .example = example};

tensor_t *op_spline(graph_t *g, tensor_t *x, tensor_t *raw, const spline_t *spline, bool inverse)
{
    op_attr_t attr = {.i = {inverse, spline->bins}, .f = {spline->half_width, spline->size_offset}};
    return graph_record(g, &op_kind_spline, 2, (tensor_t *[]){x, raw}, &attr);
}
