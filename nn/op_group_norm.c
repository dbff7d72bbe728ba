// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"
#include "nn/tangent.h"
#include "nn/vec.h"

#include <math.h>
#include <string.h>

/* in: x, scale[, shift][, added]; attr.i: groups, activation, place of shift, of added (0: none); attr.f[0]: epsilon.
 * keep: mean and 1 / root of each group of each unit. Backward computes the rest again. */
enum { X, SCALE };

#define BLOCK_FLOATS 2048 // stays in the first-level cache between the norm and the activation

static const tensor_t *input_at(const tensor_t *t, int place)
{
    int64_t k = t->attr.i[place];
    return k > 0 ? t->in[k] : NULL;
}

static const tensor_t *shift_of(const tensor_t *t)
{
    return input_at(t, 2);
}

static const tensor_t *added_of(const tensor_t *t)
{
    return input_at(t, 3);
}

static unary_t activation(const tensor_t *t)
{
    return (unary_t)t->attr.i[1];
}

static int64_t block_rows(const tensor_t *t)
{
    return BLOCK_FLOATS / t->cols > 1 ? BLOCK_FLOATS / t->cols : 1;
}

static void check_row(const tensor_t *t, const tensor_t *w)
{
    CHECK(w->rows_class == ROWS_ONE && w->per == 1 && w->cols == t->in[X]->cols,
          "group_norm: %ld columns, weights %ld x %ld", (long)t->in[X]->cols, (long)w->per,
          (long)w->cols);
}

enum { COLUMN_ARRAYS = 6 };

static void check_group_norm(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[X], *added = added_of(t);
    int64_t groups = t->attr.i[0];
    CHECK(groups > 0 && x->cols % groups == 0, "group_norm: %ld groups of %ld columns",
          (long)groups, (long)x->cols);
    CHECK(t->attr.f[0] > 0, "group_norm: epsilon %g", t->attr.f[0]);
    check_row(t, t->in[SCALE]);
    if (shift_of(t) != NULL)
        check_row(t, shift_of(t));
    if (added != NULL)
        CHECK(added->rows_class == x->rows_class && added->per == 1 && added->cols == x->cols,
              "group_norm: added %ld x %ld of class %d", (long)added->per, (long)added->cols,
              added->rows_class);
    tensor_shape_as(t, x, x->cols);
    t->keep_floats = (size_t)(graph_capacity(g, x->rows_class) * groups * 2);
    t->scratch_floats = (size_t)(COLUMN_ARRAYS * t->cols + 2 * block_rows(t) * t->cols);
}

/* What a unit needs, one entry a column (cols); `group` holds two numbers a group. */
typedef struct {
    float *mean, *root, *factor, *term; // u = (x - mean) factor + term
    float *sum, *sum_z;
    float *block, *slope; // (block rows, cols)
} columns_t;

static columns_t columns_of(const tensor_t *t)
{
    columns_t c = {.mean = graph_scratch(t->graph)};
    c.root = c.mean + t->cols;
    c.factor = c.root + t->cols;
    c.term = c.factor + t->cols;
    c.sum = c.term + t->cols;
    c.sum_z = c.sum + t->cols;
    c.block = c.sum_z + t->cols;
    c.slope = c.block + block_rows(t) * t->cols;
    return c;
}

static VEC_KERNEL void squares(int64_t rows, int64_t cols, const float *x, const float *mean,
                               float *sum)
{
    memset(sum, 0, (size_t)cols * sizeof *sum);
    for (int64_t r = 0; r < rows; r++, x += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            sum[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
}

/* Each column gets the mean over its group of `sums` (cols) times weight (cols, NULL: 1), divided by `count`. */
static void over_group(const tensor_t *t, const float *sums, const float *weight, float count,
                       float *out)
{
    int64_t width = t->cols / t->attr.i[0];
    for (int64_t first = 0; first < t->cols; first += width) {
        float sum = 0;
        for (int64_t c = first; c < first + width; c++)
            sum += weight != NULL ? sums[c] * weight[c] : sums[c];
        for (int64_t c = first; c < first + width; c++)
            out[c] = sum / count;
    }
}

static float entries(const tensor_t *t)
{
    return (float)(t->per * (t->cols / t->attr.i[0]));
}

/* mean and root of a unit's columns from its x (per, cols). Squares are summed in blocks, so the rounding stays small. */
static void measure(const tensor_t *t, const float *x, columns_t *c)
{
    vec_col_sum(t->per, t->cols, x, false, c->sum);
    over_group(t, c->sum, NULL, entries(t), c->mean);
    memset(c->sum, 0, (size_t)t->cols * sizeof(float));
    for (int64_t r = 0; r < t->per; r += block_rows(t)) {
        int64_t rows = t->per - r < block_rows(t) ? t->per - r : block_rows(t);
        squares(rows, t->cols, x + r * t->cols, c->mean, c->sum_z);
        vec_add(t->cols, c->sum, c->sum_z, c->sum);
    }
    over_group(t, c->sum, NULL, entries(t), c->root);
    for (int64_t k = 0; k < t->cols; k++)
        c->root[k] = 1.0f / sqrtf(c->root[k] + (float)t->attr.f[0]);
}

/* factor = root scale, term = shift + added */
static void prepare(const tensor_t *t, int64_t unit, columns_t *c)
{
    const tensor_t *shift = shift_of(t), *added = added_of(t);
    vec_mul(t->cols, c->root, t->in[SCALE]->value, c->factor);
    for (int64_t k = 0; k < t->cols; k++)
        c->term[k] = (shift != NULL ? shift->value[k] : 0) +
                     (added != NULL ? added->value[unit * t->cols + k] : 0);
}

static VEC_KERNEL void apply(int64_t rows, int64_t cols, const float *x, const columns_t *p,
                             float *u)
{
    const float *mean = p->mean, *factor = p->factor, *term = p->term;
    for (int64_t r = 0; r < rows; r++, x += cols, u += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            u[c] = (x[c] - mean[c]) * factor[c] + term[c];
}

/* Columns' numbers <-> what is kept of each group. */
static void store(const tensor_t *t, int64_t unit, const columns_t *c)
{
    int64_t groups = t->attr.i[0], width = t->cols / groups;
    float *keep = t->keep + unit * groups * 2;
    for (int64_t k = 0; k < groups; k++) {
        keep[2 * k] = c->mean[k * width];
        keep[2 * k + 1] = c->root[k * width];
    }
}

static void restore(const tensor_t *t, int64_t unit, columns_t *c)
{
    int64_t groups = t->attr.i[0], width = t->cols / groups;
    const float *keep = t->keep + unit * groups * 2;
    for (int64_t k = 0; k < t->cols; k++) {
        c->mean[k] = keep[2 * (k / width)];
        c->root[k] = keep[2 * (k / width) + 1];
    }
}

static void forward_unit(const tensor_t *t, int64_t unit, columns_t *c)
{
    int64_t begin = unit * t->per * t->cols;
    measure(t, t->in[X]->value + begin, c);
    if (t->keep != NULL)
        store(t, unit, c);
    prepare(t, unit, c);
    for (int64_t r = 0; r < t->per; r += block_rows(t)) {
        int64_t rows = t->per - r < block_rows(t) ? t->per - r : block_rows(t);
        float *y = t->value + begin + r * t->cols;
        apply(rows, t->cols, t->in[X]->value + begin + r * t->cols, c, y);
        if (activation(t) != UNARY_IDENTITY)
            unary_apply(activation(t), rows * t->cols, y, y, NULL);
    }
}

static void forward_group_norm(tensor_t *t)
{
    columns_t c = columns_of(t);
    for (int64_t u = 0; u < t->rows / t->per; u++)
        forward_unit(t, u, &c);
}

/* Column sums of d (rows, cols), and those of d (x - mean), are added to sum and sum_z. */
static void sum_block(const tensor_t *t, int64_t rows, const float *x, const float *d, columns_t *c)
{
    vec_col_sum(rows, t->cols, d, true, c->sum);
    for (int64_t r = 0; r < rows; r++)
        vec_sub(t->cols, x + r * t->cols, c->mean, c->block + r * t->cols);
    vec_col_dot(rows, t->cols, d, c->block, true, c->sum_z);
}

/* grad (rows, cols) becomes d = d loss / d u, and is summed. */
static void slope_block(const tensor_t *t, int64_t rows, const float *x, float *grad, columns_t *c)
{
    int64_t n = rows * t->cols;
    if (activation(t) != UNARY_IDENTITY) {
        apply(rows, t->cols, x, c, c->block);
        unary_apply(activation(t), n, c->block, c->block, c->slope);
        vec_mul(n, grad, c->slope, grad);
    }
    sum_block(t, rows, x, grad, c);
}

/* dx = factor d - even - slant (x - mean) */
static VEC_KERNEL void put_slope(int64_t rows, int64_t cols, const float *x, const float *d,
                                 const columns_t *p, const float *even, const float *slant,
                                 bool add, float *dx)
{
    const float *mean = p->mean, *factor = p->factor;
    for (int64_t r = 0; r < rows; r++, x += cols, d += cols, dx += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            dx[c] = factor[c] * d[c] - even[c] - slant[c] * (x[c] - mean[c]) + (add ? dx[c] : 0.0f);
}

/* With z = (x - mean) root and d_z = d scale:  dx = root (d_z - mean(d_z) - z mean(d_z z)), means over the group. */
static void put_input(const tensor_t *t, int64_t unit, const float *d, columns_t *c, bool add,
                      float *out)
{
    int64_t begin = unit * t->per * t->cols;
    float *even = c->term, *slant = c->block;
    over_group(t, c->sum, c->factor, entries(t), even);
    over_group(t, c->sum_z, c->factor, entries(t), slant);
    vec_mul(t->cols, slant, c->root, slant);
    vec_mul(t->cols, slant, c->root, slant);
    put_slope(t->per, t->cols, t->in[X]->value + begin, d + begin, c, even, slant, add,
              out + begin);
}

/* Where the gradients go; NULL where none is wanted. */
typedef struct {
    float *x, *scale, *shift, *added;
    bool add_x, add_added;
} out_t;

static void backward_unit(const tensor_t *t, int64_t unit, columns_t *c, const out_t *o)
{
    int64_t begin = unit * t->per * t->cols;
    restore(t, unit, c);
    prepare(t, unit, c);
    memset(c->sum, 0, (size_t)(2 * t->cols) * sizeof(float)); // and sum_z, which follows
    for (int64_t r = 0; r < t->per; r += block_rows(t)) {
        int64_t rows = t->per - r < block_rows(t) ? t->per - r : block_rows(t);
        int64_t at = begin + r * t->cols;
        slope_block(t, rows, t->in[X]->value + at, t->grad + at, c);
    }
    if (o->scale != NULL)
        vec_mul_put(t->cols, c->sum_z, c->root, true, o->scale);
    if (o->shift != NULL)
        vec_add(t->cols, o->shift, c->sum, o->shift);
    if (o->added != NULL)
        vec_scale_put(t->cols, 1, c->sum, o->add_added, o->added + unit * t->cols);
    if (o->x != NULL)
        put_input(t, unit, t->grad, c, o->add_x, o->x);
}

static void backward_group_norm(tensor_t *t)
{
    columns_t c = columns_of(t);
    int64_t shift = t->attr.i[2], added = t->attr.i[3];
    out_t o = {.scale = grad_add(t->in[SCALE])};
    o.x = grad_put(t->in[X], &o.add_x);
    o.shift = shift > 0 ? grad_add(t->in[shift]) : NULL;
    o.added = added > 0 ? grad_put(t->in[added], &o.add_added) : NULL;
    for (int64_t u = 0; u < t->rows / t->per; u++)
        backward_unit(t, u, &c, &o);
}

/* act'(u) (f' dx scale + z dscale + dshift + dadded), u the activation's argument and z = f(x). Zeros normalised are zeros,
 * which spreads dadded, one row a unit, over the rows of its unit. */
static tensor_t *tangent_group_norm(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    int64_t groups = t->attr.i[0], shift = t->attr.i[2], added = t->attr.i[3];
    double epsilon = t->attr.f[0];
    tensor_t *x = t->in[X], *scale = t->in[SCALE], *sum = NULL;
    if (in[X] != NULL)
        sum = op_mul(g, op_group_norm_tangent(g, x, in[X], groups, epsilon), scale);
    if (in[SCALE] != NULL)
        sum = tangent_sum(
            g, sum, op_group_norm(g, x, groups, in[SCALE], NULL, NULL, epsilon, UNARY_IDENTITY));
    if (shift > 0 && in[shift] != NULL)
        sum = op_add(g, tangent_or_zero(g, x, sum), in[shift]);
    if (added > 0 && in[added] != NULL)
        sum = tangent_sum(g, sum,
                          op_group_norm(g, op_scale(g, x, 0, 0), groups, scale, NULL, in[added],
                                        epsilon, UNARY_IDENTITY));
    if (activation(t) == UNARY_IDENTITY)
        return sum;
    tensor_t *argument = op_group_norm(g, x, groups, scale, shift > 0 ? t->in[shift] : NULL,
                                       added > 0 ? t->in[added] : NULL, epsilon, UNARY_IDENTITY);
    return op_mul(g, sum, op_unary_slope(g, argument, activation(t)));
}

static tensor_t *example_group_norm(gradcheck_t *c, int variant)
{
    static const struct {
        int rows_class, groups;
        bool shift, added;
        unary_t activation;
    } of[] = {{ROWS_SETS, 2, true, true, UNARY_SILU},
              {ROWS_ELEMENTS, 1, true, false, UNARY_IDENTITY},
              {ROWS_DRAWS, 3, false, true, UNARY_TANH},
              {ROWS_ONE, 2, false, false, UNARY_MISH}};
    if (variant >= (int)(sizeof of / sizeof *of))
        return NULL;
    int64_t cols = of[variant].groups * gradcheck_shape(c, 2, 9);
    int rows_class = of[variant].rows_class;
    tensor_t *x = gradcheck_input(c, rows_class, 4, cols, -1, 2);
    tensor_t *scale = gradcheck_input(c, ROWS_ONE, 1, cols, 0.5, 1.5);
    tensor_t *shift = of[variant].shift ? gradcheck_input(c, ROWS_ONE, 1, cols, -1, 1) : NULL;
    tensor_t *added = of[variant].added ? gradcheck_input(c, rows_class, 1, cols, -1, 1) : NULL;
    return op_group_norm(gradcheck_graph(c), x, of[variant].groups, scale, shift, added, 1e-1,
                         of[variant].activation);
}

const op_kind_t op_kind_group_norm = {.name = "group_norm",
                                      .skips = BACKWARD_SKIPS_RESULT,
                                      .check = check_group_norm,
                                      .forward = forward_group_norm,
                                      .backward = backward_group_norm,
                                      .example = example_group_norm,
                                      .tangent = tangent_group_norm};

tensor_t *op_group_norm(graph_t *g, tensor_t *x, int64_t groups, tensor_t *scale, tensor_t *shift,
                        tensor_t *added, double epsilon, unary_t kind)
{
    op_attr_t attr = {.i = {groups, kind}, .f = {epsilon}};
    tensor_t *in[4] = {x, scale};
    int n = 2;
    if (shift != NULL) {
        attr.i[2] = n;
        in[n++] = shift;
    }
    if (added != NULL) {
        attr.i[3] = n;
        in[n++] = added;
    }
    return graph_record(g, &op_kind_group_norm, n, in, &attr);
}

/* in: x, the direction; attr as above without shift and added. The Jacobian of the normalised numbers is symmetric, so that
 * its product with a direction is what backward does to a gradient. */
static void check_tangent(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[0], *along = t->in[1];
    int64_t groups = t->attr.i[0];
    (void)g;
    CHECK(tensor_same_rows(x, along) && x->cols == along->cols && groups > 0 &&
              x->cols % groups == 0,
          "group_norm_tangent: %ld columns in %ld groups, a direction of %ld", (long)x->cols,
          (long)groups, (long)along->cols);
    tensor_shape_as(t, x, x->cols);
    t->scratch_floats = (size_t)(COLUMN_ARRAYS * t->cols + 2 * block_rows(t) * t->cols);
}

static void tangent_unit(const tensor_t *t, int64_t unit, columns_t *c)
{
    int64_t begin = unit * t->per * t->cols;
    const float *x = t->in[0]->value + begin, *along = t->in[1]->value + begin;
    measure(t, x, c);
    memcpy(c->factor, c->root, (size_t)t->cols * sizeof(float));
    memset(c->sum, 0, (size_t)(2 * t->cols) * sizeof(float)); // and sum_z, which follows
    for (int64_t r = 0; r < t->per; r += block_rows(t)) {
        int64_t rows = t->per - r < block_rows(t) ? t->per - r : block_rows(t);
        sum_block(t, rows, x + r * t->cols, along + r * t->cols, c);
    }
    put_input(t, unit, t->in[1]->value, c, false, t->value);
}

static void forward_tangent(tensor_t *t)
{
    columns_t c = columns_of(t);
    for (int64_t u = 0; u < t->rows / t->per; u++)
        tangent_unit(t, u, &c);
}

/* As example_stop: it is constant in x. */
static tensor_t *example_tangent(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input(c, ROWS_SETS, 2, 4, -1, 1), *fixed = op_scale(g, x, 0, 0.5);
    return op_mul(g, x, op_group_norm_tangent(g, fixed, fixed, 2, 1e-2));
}

const op_kind_t op_kind_group_norm_tangent = {.name = "group_norm_tangent",
                                              .skips =
                                                  BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                              .check = check_tangent,
                                              .forward = forward_tangent,
                                              .example = example_tangent};

tensor_t *op_group_norm_tangent(graph_t *g, tensor_t *x, tensor_t *along, int64_t groups,
                                double epsilon)
{
    op_attr_t attr = {.i = {groups, UNARY_IDENTITY}, .f = {epsilon}};
    return graph_record(g, &op_kind_group_norm_tangent, 2, (tensor_t *[]){x, along}, &attr);
}
