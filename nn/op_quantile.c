// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"

/* Columns of level k: k * d to (k + 1) * d, d columns of parameters. */

/* in: raw (R, q d), step (1, q); attr.i[0]: the anchor. */
static void check_ordered(graph_t *g, tensor_t *t)
{
    const tensor_t *raw = t->in[0], *step = t->in[1];
    (void)g;
    CHECK(step->rows_class == ROWS_ONE && step->per == 1 && raw->cols % step->cols == 0,
          "ordered: %ld columns for %ld levels", (long)raw->cols, (long)step->cols);
    CHECK(t->attr.i[0] >= 0 && t->attr.i[0] < step->cols, "ordered: anchor %ld of %ld levels",
          (long)t->attr.i[0], (long)step->cols);
    tensor_shape_as(t, raw, raw->cols);
}

static const float SHIFT = 0.541324855f; // ln(e - 1): softplus(SHIFT) = 1

/* to = from + sign step softplus(raw + SHIFT) */
static VEC_KERNEL void move_level(int64_t d, const float *from, float step, const float *raw,
                                  float *to)
{
    for (int64_t j = 0; j < d; j++)
        to[j] = from[j] + step * f_softplus(raw[j] + SHIFT);
}

static void forward_ordered(tensor_t *t)
{
    const float *step = t->in[1]->value;
    int64_t levels = t->in[1]->cols, d = t->cols / levels, anchor = t->attr.i[0];
    for (int64_t r = 0; r < t->rows; r++) {
        const float *raw = t->in[0]->value + r * t->cols;
        float *y = t->value + r * t->cols;
        for (int64_t j = 0; j < d; j++)
            y[anchor * d + j] = step[anchor] + raw[anchor * d + j];
        for (int64_t k = anchor + 1; k < levels; k++)
            move_level(d, y + (k - 1) * d, step[k], raw + k * d, y + k * d);
        for (int64_t k = anchor - 1; k >= 0; k--)
            move_level(d, y + (k + 1) * d, -step[k], raw + k * d, y + k * d);
    }
}

/* Passes the gradient of a level on to its neighbour nearer to the anchor, after the level's own was taken from it. */
static VEC_KERNEL void return_level(int64_t d, float *from, float step, const float *raw, float *to,
                                    float *out)
{
    for (int64_t j = 0; j < d; j++) {
        out[j] += from[j] * step * f_sigmoid(raw[j] + SHIFT);
        to[j] += from[j];
    }
}

static void backward_ordered(tensor_t *t)
{
    const float *step = t->in[1]->value;
    int64_t levels = t->in[1]->cols, d = t->cols / levels, anchor = t->attr.i[0];
    float *out = grad_add(t->in[0]);
    for (int64_t r = 0; out != NULL && r < t->rows; r++, out += t->cols) {
        const float *raw = t->in[0]->value + r * t->cols;
        float *dy = t->grad + r * t->cols;
        for (int64_t k = levels - 1; k > anchor; k--)
            return_level(d, dy + k * d, step[k], raw + k * d, dy + (k - 1) * d, out + k * d);
        for (int64_t k = 0; k < anchor; k++)
            return_level(d, dy + k * d, -step[k], raw + k * d, dy + (k + 1) * d, out + k * d);
        for (int64_t j = 0; j < d; j++)
            out[anchor * d + j] += dy[anchor * d + j];
    }
}

static double flops_ordered(const tensor_t *t, bool backward)
{
    (void)backward;
    return 4 * (double)tensor_size(t);
}

static tensor_t *example_ordered(gradcheck_t *c, int variant)
{
    static const double step[] = {0.5, 0.3, -0.2, 1.5};
    static const int anchor[] = {2, 0, 3, 0};
    static const int64_t levels[] = {4, 4, 4, 1};
    if (variant > 3)
        return NULL;
    int64_t d = gradcheck_shape(c, 1, 5), q = levels[variant];
    return op_ordered(gradcheck_graph(c), gradcheck_input(c, ROWS_DRAWS, 1, q * d, -2, 2),
                      gradcheck_constant(c, q, step), anchor[variant]);
}

const op_kind_t op_kind_ordered = {.name = "ordered",
                                   .skips = BACKWARD_SKIPS_RESULT,
                                   .check = check_ordered,
                                   .forward = forward_ordered,
                                   .backward = backward_ordered,
                                   .flops = flops_ordered,
                                   .example = example_ordered};

tensor_t *op_ordered(graph_t *g, tensor_t *raw, tensor_t *step, int anchor)
{
    op_attr_t attr = {.i = {anchor}};
    return graph_record(g, &op_kind_ordered, 2, (tensor_t *[]){raw, step}, &attr);
}

/* in: quantiles (R, q d), x (R, d), level (1, q) */
enum { QUANTILES, AT, LEVEL };

static void check_pinball(graph_t *g, tensor_t *t)
{
    const tensor_t *quantiles = t->in[QUANTILES], *x = t->in[AT], *level = t->in[LEVEL];
    (void)g;
    CHECK(level->rows_class == ROWS_ONE && level->per == 1 && tensor_same_rows(quantiles, x) &&
              quantiles->cols == level->cols * x->cols,
          "pinball: %ld columns for %ld levels of %ld numbers", (long)quantiles->cols,
          (long)level->cols, (long)x->cols);
    tensor_shape_as(t, x, 1);
}

static void forward_pinball(tensor_t *t)
{
    int64_t d = t->in[AT]->cols, levels = t->in[LEVEL]->cols;
    for (int64_t r = 0; r < t->rows; r++) {
        const float *q = t->in[QUANTILES]->value + r * levels * d, *x = t->in[AT]->value + r * d;
        double sum = 0;
        for (int64_t k = 0; k < levels; k++)
            for (int64_t j = 0; j < d; j++) {
                float over = q[k * d + j] - x[j];
                sum += (double)(over * ((over > 0 ? 1.0f : 0.0f) - t->in[LEVEL]->value[k]));
            }
        t->value[r] = (float)(sum / (double)(levels * d));
    }
}

static void backward_pinball(tensor_t *t)
{
    int64_t d = t->in[AT]->cols, levels = t->in[LEVEL]->cols;
    float *by_q = grad_add(t->in[QUANTILES]), *by_x = grad_add(t->in[AT]);
    for (int64_t r = 0; r < t->rows; r++) {
        const float *q = t->in[QUANTILES]->value + r * levels * d, *x = t->in[AT]->value + r * d;
        float unit = t->grad[r] / (float)(levels * d);
        for (int64_t k = 0; k < levels; k++)
            for (int64_t j = 0; j < d; j++) {
                int64_t at = k * d + j;
                float slope = unit * ((q[at] > x[j] ? 1.0f : 0.0f) - t->in[LEVEL]->value[k]);
                if (by_q != NULL)
                    by_q[r * levels * d + at] += slope;
                if (by_x != NULL)
                    by_x[r * d + j] -= slope;
            }
    }
}

static double flops_pinball(const tensor_t *t, bool backward)
{
    (void)backward;
    return 4 * (double)tensor_size(t->in[QUANTILES]);
}

/* Quantiles around whole numbers and x around their middles, so that no difference crosses a kink. */
static tensor_t *example_pinball(gradcheck_t *c, int variant)
{
    static const double level[] = {0.1, 0.5, 0.7};
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *low = gradcheck_input(c, ROWS_DRAWS, 1, 2, -0.2, 0.2);
    tensor_t *high = gradcheck_input(c, ROWS_DRAWS, 1, 4, 0.8, 1.2);
    tensor_t *x = gradcheck_input(c, ROWS_DRAWS, 1, 2, 0.4, 0.6);
    return op_pinball(g, op_concat2(g, low, high), x, gradcheck_constant(c, 3, level));
}

const op_kind_t op_kind_pinball = {.name = "pinball",
                                   .skips = BACKWARD_SKIPS_RESULT,
                                   .check = check_pinball,
                                   .forward = forward_pinball,
                                   .backward = backward_pinball,
                                   .flops = flops_pinball,
                                   .example = example_pinball};

tensor_t *op_pinball(graph_t *g, tensor_t *quantiles, tensor_t *x, tensor_t *level)
{
    return graph_record(g, &op_kind_pinball, 3, (tensor_t *[]){quantiles, x, level}, NULL);
}
