// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

/* attr.i: kernel, stride. Rows of a set lie one after another, so a window is one run of the input with zeros around it. */
enum { KERNEL, STRIDE };

static void check_window(graph_t *g, tensor_t *t)
{
    const tensor_t *a = t->in[0];
    CHECK(a->rows_class >= ROWS_ELEMENTS && a->per == 1, "window: over %ld rows of class %d",
          (long)a->per, a->rows_class);
    CHECK(t->attr.i[KERNEL] > 0 && t->attr.i[STRIDE] > 0, "window: kernel %ld, stride %ld",
          (long)t->attr.i[KERNEL], (long)t->attr.i[STRIDE]);
    tensor_shape(t, graph_derive(g, a->rows_class, t->attr.i[STRIDE], 0), 1,
                 t->attr.i[KERNEL] * a->cols);
}

/* The part of one window that lies inside its set: floats [from, from + n) of the input, [at, at + n) of the result. */
typedef struct {
    int64_t from, at, n;
} run_t;

/* Row j of a set of n elements that begin with row `first`: elements [j stride - left, j stride - left + kernel). */
static run_t run_of(const tensor_t *t, int64_t first, int64_t n, int64_t left, int64_t j)
{
    int64_t kernel = t->attr.i[KERNEL], begin = j * t->attr.i[STRIDE] - left, end = begin + kernel;
    int64_t inside = begin > 0 ? begin : 0, last = end < n ? end : n, cols = t->in[0]->cols;
    return (run_t){(first + inside) * cols, (inside - begin) * cols, (last - inside) * cols};
}

static int64_t left_padding(const tensor_t *t, int64_t n, int64_t rows)
{
    int64_t all = (rows - 1) * t->attr.i[STRIDE] + t->attr.i[KERNEL] - n;
    return all > 0 ? all / 2 : 0;
}

static void each_run(tensor_t *t, float *grad,
                     void (*work)(tensor_t *t, float *grad, int64_t r, run_t run))
{
    const int64_t *in = graph_offsets(t->graph, t->in[0]->rows_class);
    const int64_t *out = graph_offsets(t->graph, t->rows_class);
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = in[i + 1] - in[i], rows = out[i + 1] - out[i], left = left_padding(t, n, rows);
        for (int64_t j = 0; j < rows; j++)
            work(t, grad, out[i] + j, run_of(t, in[i], n, left, j));
    }
}

static void copy_run(tensor_t *t, float *grad, int64_t r, run_t run)
{
    float *row = t->value + r * t->cols;
    (void)grad;
    for (int64_t k = 0; k < run.at; k++)
        row[k] = 0;
    for (int64_t k = 0; k < run.n; k++)
        row[run.at + k] = t->in[0]->value[run.from + k];
    for (int64_t k = run.at + run.n; k < t->cols; k++)
        row[k] = 0;
}

static void add_run(tensor_t *t, float *grad, int64_t r, run_t run)
{
    vec_add(run.n, grad + run.from, t->grad + r * t->cols + run.at, grad + run.from);
}

static void forward_window(tensor_t *t)
{
    each_run(t, NULL, copy_run);
}

static void backward_window(tensor_t *t)
{
    float *grad = grad_add(t->in[0]);
    if (grad != NULL)
        each_run(t, grad, add_run);
}

static tensor_t *example_window(gradcheck_t *c, int variant)
{
    static const int kernel[] = {3, 4, 1, 2, 5}, stride[] = {1, 4, 1, 3, 2};
    if (variant > 4)
        return NULL;
    tensor_t *a = gradcheck_input(c, ROWS_ELEMENTS, 1, gradcheck_shape(c, 1, 5), -1, 1);
    return op_window(gradcheck_graph(c), a, kernel[variant], stride[variant]);
}

const op_kind_t op_kind_window = {.name = "window",
                                  .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                  .check = check_window,
                                  .forward = forward_window,
                                  .backward = backward_window,
                                  .example = example_window};

tensor_t *op_window(graph_t *g, tensor_t *a, int64_t kernel, int64_t stride)
{
    op_attr_t attr = {.i = {kernel, stride}};
    return graph_record(g, &op_kind_window, 1, &a, &attr);
}
