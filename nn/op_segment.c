// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <math.h>
#include <string.h>

/* Reductions over the rows of each set. The loop of forward and of backward over sets: */
typedef struct {
    int64_t rows, cols;    // of this set's segment
    float *in, *in_grad;   // (rows, cols); in_grad is added to
    float *out, *out_grad; // (result columns)
    int32_t *row;          // keep of this set, or NULL
    const op_attr_t *attr;
} segment_t;

static void each_segment(tensor_t *t, bool backward, void (*work)(const segment_t *s))
{
    tensor_t *a = t->in[0];
    const int64_t *offset = graph_offsets(t->graph, a->rows_class);
    float *in_grad = backward ? grad_add(a) : NULL;
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t begin = offset[i] * a->cols, out = i * t->cols;
        segment_t s = {offset[i + 1] - offset[i],
                       a->cols,
                       a->value + begin,
                       backward ? in_grad + begin : NULL,
                       t->value + out,
                       backward ? t->grad + out : NULL,
                       t->keep != NULL ? (int32_t *)(void *)(t->keep + out) : NULL,
                       &t->attr};
        work(&s);
    }
}

static void check_columns(tensor_t *t, int64_t cols)
{
    const tensor_t *a = t->in[0];
    CHECK(a->rows_class >= ROWS_DRAWS && a->per == 1, "%s: of %ld rows of class %d", t->kind->name,
          (long)a->per, a->rows_class);
    tensor_shape(t, ROWS_SETS, 1, cols);
}

static void check_segment(graph_t *g, tensor_t *t)
{
    (void)g;
    check_columns(t, t->in[0]->cols);
}

static double flops_segment(const tensor_t *t, bool backward)
{
    (void)backward;
    return (double)tensor_size(t->in[0]);
}

/* a, or its class DRAWS, with one column or several: an example's operand. */
static tensor_t *example_operand(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    return gradcheck_input(c, variant == 0 ? ROWS_ELEMENTS : ROWS_DRAWS, 1,
                           gradcheck_shape(c, 1, 20), -1, 1);
}

/* row (cols) of out's gradient times factor, added to each row of the input's. */
static void spread_gradient(const segment_t *s, float factor)
{
    for (int64_t r = 0; r < s->rows; r++)
        vec_scale_put(s->cols, factor, s->out_grad, true, s->in_grad + r * s->cols);
}

static void sum_of(const segment_t *s)
{
    vec_col_sum(s->rows, s->cols, s->in, false, s->out);
}

static void sum_gradient(const segment_t *s)
{
    spread_gradient(s, 1);
}

static void mean_of(const segment_t *s)
{
    sum_of(s);
    if (s->rows > 0)
        vec_affine(s->cols, 1.0f / (float)s->rows, 0, s->out, s->out);
}

static void mean_gradient(const segment_t *s)
{
    spread_gradient(s, 1.0f / (float)s->rows);
}

static void forward_segment_sum(tensor_t *t)
{
    each_segment(t, false, sum_of);
}

static void backward_segment_sum(tensor_t *t)
{
    each_segment(t, true, sum_gradient);
}

static void forward_segment_mean(tensor_t *t)
{
    each_segment(t, false, mean_of);
}

static void backward_segment_mean(tensor_t *t)
{
    each_segment(t, true, mean_gradient);
}

static tensor_t *example_segment_sum(gradcheck_t *c, int variant)
{
    tensor_t *a = example_operand(c, variant);
    return a != NULL ? op_segment_sum(gradcheck_graph(c), a) : NULL;
}

static tensor_t *example_segment_mean(gradcheck_t *c, int variant)
{
    tensor_t *a = example_operand(c, variant);
    return a != NULL ? op_segment_mean(gradcheck_graph(c), a) : NULL;
}

static tensor_t *tangent_segment_sum(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_segment_sum(g, in[0]);
}

static tensor_t *tangent_segment_mean(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    (void)t;
    return op_segment_mean(g, in[0]);
}

const op_kind_t op_kind_segment_sum = {.name = "segment_sum",
                                       .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                       .check = check_segment,
                                       .forward = forward_segment_sum,
                                       .backward = backward_segment_sum,
                                       .flops = flops_segment,
                                       .example = example_segment_sum,
                                       .tangent = tangent_segment_sum};

const op_kind_t op_kind_segment_mean = {.name = "segment_mean",
                                        .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                        .check = check_segment,
                                        .forward = forward_segment_mean,
                                        .backward = backward_segment_mean,
                                        .flops = flops_segment,
                                        .example = example_segment_mean,
                                        .tangent = tangent_segment_mean};

tensor_t *op_segment_sum(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_segment_sum, 1, &a, NULL);
}

tensor_t *op_segment_mean(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_segment_mean, 1, &a, NULL);
}

/* keep: for each entry the row of its set that was largest (the first of equal ones), as int32. */
static void check_max(graph_t *g, tensor_t *t)
{
    check_segment(g, t);
    t->keep_floats = graph_full_floats(g, t);
}

static void max_of(const segment_t *s)
{
    for (int64_t c = 0; c < s->cols; c++) {
        int64_t best = 0;
        for (int64_t r = 1; r < s->rows; r++)
            if (s->in[r * s->cols + c] > s->in[best * s->cols + c])
                best = r;
        s->out[c] = s->rows > 0 ? s->in[best * s->cols + c] : 0;
        if (s->row != NULL)
            s->row[c] = (int32_t)best;
    }
}

static void max_gradient(const segment_t *s)
{
    for (int64_t c = 0; c < s->cols && s->rows > 0; c++)
        s->in_grad[s->row[c] * s->cols + c] += s->out_grad[c];
}

static void forward_segment_max(tensor_t *t)
{
    each_segment(t, false, max_of);
}

static void backward_segment_max(tensor_t *t)
{
    each_segment(t, true, max_gradient);
}

static tensor_t *example_segment_max(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    tensor_t *a = gradcheck_input_apart(c, ROWS_ELEMENTS, 1, gradcheck_shape(c, 1, 5), 0.1);
    return op_segment_max(gradcheck_graph(c), a);
}

const op_kind_t op_kind_segment_max = {.name = "segment_max",
                                       .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                       .check = check_max,
                                       .forward = forward_segment_max,
                                       .backward = backward_segment_max,
                                       .flops = flops_segment,
                                       .example = example_segment_max};

tensor_t *op_segment_max(graph_t *g, tensor_t *a)
{
    return graph_record(g, &op_kind_segment_max, 1, &a, NULL);
}

/* attr.f[0]: epsilon. The result's columns: means, then halves of log variances. */
static void check_moments(graph_t *g, tensor_t *t)
{
    (void)g;
    CHECK(t->attr.f[0] > 0, "segment_moments: epsilon %g", t->attr.f[0]);
    check_columns(t, 2 * t->in[0]->cols);
}

/* Two passes in float64: sets are long and their means may be far from zero. */
static void moments_of(const segment_t *s)
{
    if (s->rows == 0) {
        memset(s->out, 0, (size_t)(2 * s->cols) * sizeof *s->out);
        return;
    }
    for (int64_t c = 0; c < s->cols; c++) {
        double mean = 0, square = 0, n = (double)s->rows;
        for (int64_t r = 0; r < s->rows; r++)
            mean += s->in[r * s->cols + c] / n;
        for (int64_t r = 0; r < s->rows; r++)
            square += (s->in[r * s->cols + c] - mean) * (s->in[r * s->cols + c] - mean);
        s->out[c] = (float)mean;
        s->out[s->cols + c] = (float)(0.5 * log(square / n + s->attr->f[0]));
    }
}

/* d mean / dx = 1 / n; d (1/2 ln(v + eps)) / dx = (x - mean) / (n (v + eps)) */
static void moments_gradient(const segment_t *s)
{
    for (int64_t c = 0; c < s->cols && s->rows > 0; c++) {
        double n = (double)s->rows, mean = s->out[c];
        double slope = s->out_grad[s->cols + c] * exp(-2.0 * s->out[s->cols + c]) / n;
        for (int64_t r = 0; r < s->rows; r++)
            s->in_grad[r * s->cols + c] +=
                (float)(s->out_grad[c] / n + slope * (s->in[r * s->cols + c] - mean));
    }
}

static void forward_segment_moments(tensor_t *t)
{
    each_segment(t, false, moments_of);
}

static void backward_segment_moments(tensor_t *t)
{
    each_segment(t, true, moments_gradient);
}

static tensor_t *example_segment_moments(gradcheck_t *c, int variant)
{
    tensor_t *a = example_operand(c, variant);
    return a != NULL ? op_segment_moments(gradcheck_graph(c), a, 0.5) : NULL;
}

const op_kind_t op_kind_segment_moments = {.name = "segment_moments",
                                           .check = check_moments,
                                           .forward = forward_segment_moments,
                                           .backward = backward_segment_moments,
                                           .flops = flops_segment,
                                           .example = example_segment_moments};

tensor_t *op_segment_moments(graph_t *g, tensor_t *a, double epsilon)
{
    op_attr_t attr = {.f = {epsilon}};
    return graph_record(g, &op_kind_segment_moments, 1, &a, &attr);
}
