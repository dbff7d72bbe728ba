// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/lanes.h"
#include "nn/tangent.h"
#include "nn/vec.h"

#include <string.h>

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
    t->scratch_floats = 5 * (size_t)t->cols;
}

enum {
    ROW_BLOCK = 64
}; // rows whose gradients by the weights are summed before they join the total

/* y = (x - mean) r scale + shift with r = 1 / sqrt(mean (x - mean)^2 + epsilon), row by row; mean = 0 unless centred (layer
 * norm). scale, shift (cols) or NULL; keep (rows, 2): r, mean; or NULL. */
VEC_INLINE void normalise_rows(int64_t rows, int64_t cols, bool centred, float epsilon,
                               const float *x, const float *scale, const float *shift, float *y,
                               float *keep)
{
    float n = (float)cols;
    for (int64_t i = 0; i < rows; i++, x += cols, y += cols) {
        float mean = centred ? lanes_sum(cols, x) / n : 0.0f;
        float squares = centred ? lanes_squares_from(cols, mean, x) : lanes_dot(cols, x, x);
        float r = 1.0f / sqrtf(squares / n + epsilon);
        if (keep != NULL) {
            keep[2 * i] = r;
            keep[2 * i + 1] = mean;
        }
        if (scale == NULL)
            for (int64_t c = 0; c < cols; c++)
                y[c] = (x[c] - mean) * r;
        else if (shift == NULL)
            for (int64_t c = 0; c < cols; c++)
                y[c] = (x[c] - mean) * r * scale[c];
        else
            for (int64_t c = 0; c < cols; c++)
                y[c] = (x[c] - mean) * r * scale[c] + shift[c];
    }
}

static VEC_KERNEL void normalise(int64_t rows, int64_t cols, bool centred, float epsilon,
                                 const float *x, const float *const weights[2], float *y,
                                 float *keep)
{
    if (centred)
        normalise_rows(rows, cols, true, epsilon, x, weights[0], weights[1], y, keep);
    else
        normalise_rows(rows, cols, false, epsilon, x, weights[0], NULL, y, keep);
}

static bool is_centred(const tensor_t *t)
{
    return t->kind == &op_kind_layer_norm;
}

static void forward_norm(tensor_t *t)
{
    const float *weights[] = {t->n_in > SCALE ? t->in[SCALE]->value : NULL,
                              t->n_in > SHIFT ? t->in[SHIFT]->value : NULL};
    normalise(t->rows, t->cols, is_centred(t), (float)t->attr.f[0], t->in[X]->value, weights,
              t->value, t->keep);
}

/* dx = r (d - mean d - z mean(d z)), without `mean d` in RMS norm; d = d loss / d z. */
VEC_INLINE void slope_row(int64_t cols, bool centred, float r, const float *d, const float *z,
                          bool add, float *dx)
{
    float n = (float)cols;
    float mean = centred ? lanes_sum(cols, d) / n : 0.0f, along = lanes_dot(cols, d, z) / n;
    if (add)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            dx[c] += r * (d[c] - mean - z[c] * along);
    else
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            dx[c] = r * (d[c] - mean - z[c] * along);
}

static VEC_KERNEL void slope(int64_t rows, int64_t cols, bool centred, const float *d,
                             const float *z, const float *keep, float *dx)
{
    for (int64_t i = 0; i < rows; i++)
        slope_row(cols, centred, keep[2 * i], d + i * cols, z + i * cols, false, dx + i * cols);
}

/* What backward works on: a row at a time, and the gradients by the weights of a block of rows. */
typedef struct {
    float *z, *d, *scale, *shift; // (cols)
} row_t;

/* z = (x - mean) r again, d = grad scale; the row's part of the gradients by scale and shift. */
VEC_INLINE void open_row(int64_t cols, const float *x, const float *keep, const float *scale,
                         const float *grad, const row_t *w)
{
    float r = keep[0], mean = keep[1];
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; c++) {
        float z = (x[c] - mean) * r;
        w->z[c] = z;
        w->d[c] = grad[c] * scale[c];
        w->scale[c] += grad[c] * z;
        w->shift[c] += grad[c];
    }
}

static VEC_KERNEL void backward_block(int64_t rows, int64_t cols, bool centred, const float *x,
                                      const float *keep, const float *scale, const float *grad,
                                      const row_t *w, bool add, float *dx)
{
    for (int64_t i = 0; i < rows; i++) {
        open_row(cols, x + i * cols, keep + 2 * i, scale, grad + i * cols, w);
        if (dx == NULL)
            continue;
        if (centred)
            slope_row(cols, true, keep[2 * i], w->d, w->z, add, dx + i * cols);
        else
            slope_row(cols, false, keep[2 * i], w->d, w->z, add, dx + i * cols);
    }
}

/* sum = part, or sum += part */
static void join(int64_t n, const float *part, bool add, float *sum)
{
    if (sum != NULL)
        vec_scale_put(n, 1, part, add, sum);
}

static void backward_norm(tensor_t *t)
{
    int64_t cols = t->cols;
    float *s = graph_scratch(t->graph), *ones = s + 4 * cols;
    row_t w = {s, s + cols, s + 2 * cols, s + 3 * cols};
    const float *scale = t->n_in > SCALE ? t->in[SCALE]->value : ones;
    bool add_x, add_scale = false, add_shift = false;
    float *dx = grad_put(t->in[X], &add_x);
    float *by_scale = t->n_in > SCALE ? grad_put(t->in[SCALE], &add_scale) : NULL;
    float *by_shift = t->n_in > SHIFT ? grad_put(t->in[SHIFT], &add_shift) : NULL;
    for (int64_t c = 0; c < cols; c++)
        ones[c] = 1;
    for (int64_t r = 0; r < t->rows || r == 0; r += ROW_BLOCK) {
        int64_t rows = t->rows - r < ROW_BLOCK ? t->rows - r : ROW_BLOCK;
        memset(w.scale, 0, (size_t)(2 * cols) * sizeof *s);
        backward_block(rows, cols, is_centred(t), t->in[X]->value + r * cols, t->keep + 2 * r,
                       scale, t->grad + r * cols, &w, add_x, dx != NULL ? dx + r * cols : NULL);
        join(cols, w.scale, add_scale || r > 0, by_scale);
        join(cols, w.shift, add_shift || r > 0, by_shift);
    }
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
    const float *none[] = {NULL, NULL};
    normalise(t->rows, t->cols, centred, (float)t->attr.f[0], t->in[0]->value, none, z, keep);
    slope(t->rows, t->cols, centred, t->in[1]->value, z, keep, t->value);
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
