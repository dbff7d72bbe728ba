// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/lanes.h"
#include "nn/tangent.h"
#include "nn/vec.h"

/* in: x[, scale[, shift]]; attr.f[0]: epsilon. keep: 1 / root of each row; layer norm: and its mean. */
enum { X, SCALE, SHIFT };

extern const op_kind_t op_kind_layer_norm;

static void check_weights(const tensor_t *t, int k)
{
    if (t->n_in > k)
        CHECK(t->in[k]->rows_class == ROWS_ONE && t->in[k]->per == 1 &&
                  t->in[k]->cols == t->in[X]->cols,
              "%s: %ld columns, weights %ld x %ld", t->kind->name, (long)t->in[X]->cols,
              (long)t->in[k]->per, (long)t->in[k]->cols);
}

static void check_norm(graph_t *g, tensor_t *t)
{
    check_weights(t, SCALE);
    check_weights(t, SHIFT);
    CHECK(t->attr.f[0] > 0, "%s: epsilon %g", t->kind->name, t->attr.f[0]);
    tensor_shape_as(t, t->in[X], t->in[X]->cols);
    t->keep_floats = 2 * graph_full_floats(g, t) / (size_t)t->cols;
    t->scratch_floats = graph_full_floats(g, t);
}

/* y = (x - mean) r with r = 1 / sqrt(mean (x - mean)^2 + epsilon), row by row; mean = 0 unless centred (layer norm).
 * keep (rows, 2): r, mean; or NULL. */
static VEC_KERNEL void normalise(int64_t rows, int64_t cols, bool centred, float epsilon,
                                 const float *x, float *y, float *keep)
{
    float n = (float)cols;
    for (int64_t i = 0; i < rows; i++, x += cols, y += cols) {
        float mean = centred ? lanes_sum(cols, x) / n : 0.0f;
        for (int64_t c = 0; c < cols; c++)
            y[c] = x[c] - mean;
        float r = 1.0f / sqrtf(lanes_dot(cols, y, y) / n + epsilon);
        for (int64_t c = 0; c < cols; c++)
            y[c] *= r;
        if (keep != NULL) {
            keep[2 * i] = r;
            keep[2 * i + 1] = mean;
        }
    }
}

static VEC_KERNEL void scale_rows(int64_t rows, int64_t cols, const float *scale, float *y)
{
    for (int64_t i = 0; i < rows; i++, y += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[c] *= scale[c];
}

static bool is_centred(const tensor_t *t)
{
    return t->kind == &op_kind_layer_norm;
}

static void forward_norm(tensor_t *t)
{
    normalise(t->rows, t->cols, is_centred(t), (float)t->attr.f[0], t->in[X]->value, t->value,
              t->keep);
    if (t->n_in > SCALE)
        scale_rows(t->rows, t->cols, t->in[SCALE]->value, t->value);
    if (t->n_in > SHIFT)
        vec_add_row(t->rows, t->cols, t->in[SHIFT]->value, t->value);
}

/* z = (x - mean) r again, from what forward kept */
static VEC_KERNEL void restore(int64_t rows, int64_t cols, const float *x, const float *keep,
                               float *z)
{
    for (int64_t i = 0; i < rows; i++, x += cols, z += cols)
        for (int64_t c = 0; c < cols; c++)
            z[c] = (x[c] - keep[2 * i + 1]) * keep[2 * i];
}

/* dx = r (d - mean d - z mean(d z)), without `mean d` in RMS norm; d = d loss / d z. */
static VEC_KERNEL void slope(int64_t rows, int64_t cols, bool centred, const float *d,
                             const float *z, const float *keep, bool add, float *dx)
{
    float n = (float)cols;
    for (int64_t i = 0; i < rows; i++, d += cols, z += cols, dx += cols) {
        float mean = centred ? lanes_sum(cols, d) / n : 0.0f, along = lanes_dot(cols, d, z) / n;
        float r = keep[2 * i];
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            dx[c] = r * (d[c] - mean - z[c] * along) + (add ? dx[c] : 0.0f);
    }
}

static void backward_norm(tensor_t *t)
{
    float *z = graph_scratch(t->graph), *out;
    bool add;
    restore(t->rows, t->cols, t->in[X]->value, t->keep, z);
    if (t->n_in > SHIFT && (out = grad_put(t->in[SHIFT], &add)) != NULL)
        vec_col_sum(t->rows, t->cols, t->grad, add, out);
    if (t->n_in > SCALE && (out = grad_put(t->in[SCALE], &add)) != NULL)
        vec_col_dot(t->rows, t->cols, t->grad, z, add, out);
    if (t->n_in > SCALE)
        scale_rows(t->rows, t->cols, t->in[SCALE]->value, t->grad);
    if ((out = grad_put(t->in[X], &add)) != NULL)
        slope(t->rows, t->cols, is_centred(t), t->grad, z, t->keep, add, out);
}

/* f' dx * scale + z dscale + dshift, z = f(x) */
static tensor_t *tangent_norm(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    double epsilon = t->attr.f[0];
    bool scaled = t->n_in > SCALE, centred = is_centred(t);
    tensor_t *sum = in[X] != NULL ? op_norm_tangent(g, t->in[X], in[X], centred, epsilon) : NULL;
    if (sum != NULL && scaled)
        sum = op_mul(g, sum, t->in[SCALE]);
    if (scaled && in[SCALE] != NULL) {
        tensor_t *z = centred ? op_layer_norm(g, t->in[X], NULL, NULL, epsilon)
                              : op_rms_norm(g, t->in[X], NULL, epsilon);
        sum = tangent_sum(g, sum, op_mul(g, z, in[SCALE]));
    }
    if (t->n_in > SHIFT && in[SHIFT] != NULL)
        sum = op_add(g, tangent_or_zero(g, t, sum), in[SHIFT]);
    return sum;
}

/* x and weights for variants 0 (with weights) and 1 (without). */
static bool example_inputs(gradcheck_t *c, int variant, tensor_t *x[3])
{
    int64_t cols = gradcheck_shape(c, 2, 40);
    if (variant > 1)
        return false;
    x[X] = gradcheck_input(c, ROWS_SETS, 2, cols, -1, 2);
    for (int k = SCALE; k <= SHIFT; k++)
        x[k] = variant == 0 ? gradcheck_input(c, ROWS_ONE, 1, cols, 0.5, 1.5) : NULL;
    return true;
}

static tensor_t *example_rms_norm(gradcheck_t *c, int variant)
{
    tensor_t *x[3];
    if (variant == 0)
        return op_rms_norm(gradcheck_graph(c), gradcheck_input(c, ROWS_SETS, 2, 17, -1, 2),
                           gradcheck_input(c, ROWS_ONE, 1, 17, 0.5, 1.5), 1e-2);
    return example_inputs(c, variant, x) ? op_rms_norm(gradcheck_graph(c), x[X], NULL, 1e-2) : NULL;
}

static tensor_t *example_layer_norm(gradcheck_t *c, int variant)
{
    tensor_t *x[3];
    return example_inputs(c, variant, x)
               ? op_layer_norm(gradcheck_graph(c), x[X], x[SCALE], x[SHIFT], 1e-1)
               : NULL;
}

const op_kind_t op_kind_rms_norm = {.name = "rms_norm",
                                    .skips = BACKWARD_SKIPS_RESULT,
                                    .check = check_norm,
                                    .forward = forward_norm,
                                    .backward = backward_norm,
                                    .example = example_rms_norm,
                                    .tangent = tangent_norm};

const op_kind_t op_kind_layer_norm = {.name = "layer_norm",
                                      .skips = BACKWARD_SKIPS_RESULT,
                                      .check = check_norm,
                                      .forward = forward_norm,
                                      .backward = backward_norm,
                                      .example = example_layer_norm,
                                      .tangent = tangent_norm};

tensor_t *op_rms_norm(graph_t *g, tensor_t *x, tensor_t *scale, double epsilon)
{
    op_attr_t attr = {.f = {epsilon}};
    return graph_record(g, &op_kind_rms_norm, scale != NULL ? 2 : 1, (tensor_t *[]){x, scale},
                        &attr);
}

tensor_t *op_layer_norm(graph_t *g, tensor_t *x, tensor_t *scale, tensor_t *shift, double epsilon)
{
    op_attr_t attr = {.f = {epsilon}};
    CHECK((scale == NULL) == (shift == NULL), "layer_norm: one of scale and shift");
    return graph_record(g, &op_kind_layer_norm, scale != NULL ? 3 : 1,
                        (tensor_t *[]){x, scale, shift}, &attr);
}

/* in: x, the direction; attr.f[0]: epsilon, attr.i[0]: centred. The Jacobian of the normalised numbers is symmetric, so
 * that its product with a direction is what `slope` computes. */
static void check_tangent(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[0], *along = t->in[1];
    CHECK(tensor_same_rows(x, along) && x->cols == along->cols,
          "norm_tangent: %ld columns, a direction of %ld", (long)x->cols, (long)along->cols);
    tensor_shape_as(t, x, x->cols);
    t->scratch_floats = graph_full_floats(g, t) / (size_t)t->cols * (size_t)(t->cols + 2);
}

static void forward_tangent(tensor_t *t)
{
    float *keep = graph_scratch(t->graph), *z = keep + 2 * t->rows;
    bool centred = t->attr.i[0] != 0;
    normalise(t->rows, t->cols, centred, (float)t->attr.f[0], t->in[0]->value, z, keep);
    slope(t->rows, t->cols, centred, t->in[1]->value, z, keep, false, t->value);
}

/* As example_stop: it is constant in x. */
static tensor_t *example_tangent(gradcheck_t *c, int variant)
{
    if (variant > 1)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input(c, ROWS_SETS, 2, 5, -1, 1);
    tensor_t *fixed = op_scale(g, x, 0, 0.5);
    return op_mul(g, x, op_norm_tangent(g, fixed, op_scale(g, x, 0, 2), variant == 1, 1e-2));
}

const op_kind_t op_kind_norm_tangent = {.name = "norm_tangent",
                                        .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                        .check = check_tangent,
                                        .forward = forward_tangent,
                                        .example = example_tangent};

tensor_t *op_norm_tangent(graph_t *g, tensor_t *x, tensor_t *along, bool centred, double epsilon)
{
    op_attr_t attr = {.f = {epsilon}, .i = {centred}};
    return graph_record(g, &op_kind_norm_tangent, 2, (tensor_t *[]){x, along}, &attr);
}
