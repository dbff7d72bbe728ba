// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/fmath.h"
#include "nn/tangent.h"
#include "nn/vec.h"

/* in: u, beta[, gamma] */
enum { U, BETA, GAMMA };

static void check_terms(const tensor_t *t, int k)
{
    const tensor_t *a = t->in[k];
    CHECK(a->rows_class == ROWS_SETS && a->per == 1 && a->cols == t->in[U]->cols,
          "film: %ld columns, terms %ld x %ld of class %d", (long)t->in[U]->cols, (long)a->per,
          (long)a->cols, a->rows_class);
}

static void check_film(graph_t *g, tensor_t *t)
{
    (void)g;
    CHECK(t->in[U]->rows_class != ROWS_ONE, "film: of rows that belong to no data set");
    for (int k = BETA; k < t->n_in; k++)
        check_terms(t, k);
    tensor_shape_as(t, t->in[U], t->in[U]->cols);
}

static VEC_KERNEL void modulate(int64_t rows, int64_t cols, const float *u, const float *gamma,
                                const float *beta, float *y)
{
    for (int64_t r = 0; r < rows; r++, u += cols, y += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[c] = u[c] * (1.0f + gamma[c]) + beta[c];
}

static VEC_KERNEL void shift(int64_t rows, int64_t cols, const float *u, const float *beta,
                             float *y)
{
    for (int64_t r = 0; r < rows; r++, u += cols, y += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[c] = u[c] + beta[c];
}

/* The rows of data set i: [*first, *first + result) */
static int64_t rows_of(const tensor_t *t, int64_t i, int64_t *first)
{
    const int64_t *offset = graph_offsets(t->graph, t->rows_class);
    *first = offset[i] * t->per;
    return (offset[i + 1] - offset[i]) * t->per;
}

static void forward_film(tensor_t *t)
{
    int64_t cols = t->cols, first;
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = rows_of(t, i, &first);
        const float *u = t->in[U]->value + first * cols, *beta = t->in[BETA]->value + i * cols;
        if (t->n_in > GAMMA)
            modulate(n, cols, u, t->in[GAMMA]->value + i * cols, beta, t->value + first * cols);
        else
            shift(n, cols, u, beta, t->value + first * cols);
    }
}

/* d (1 + gamma), into y or added to it */
static VEC_KERNEL void slope(int64_t rows, int64_t cols, const float *d, const float *gamma,
                             bool add, float *y)
{
    for (int64_t r = 0; r < rows; r++, d += cols, y += cols)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[c] = d[c] * (1.0f + gamma[c]) + (add ? y[c] : 0.0f);
}

static void backward_terms(tensor_t *t)
{
    int64_t cols = t->cols, first;
    bool add_beta, add_gamma = false;
    float *beta = grad_put(t->in[BETA], &add_beta);
    float *gamma = t->n_in > GAMMA ? grad_put(t->in[GAMMA], &add_gamma) : NULL;
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = rows_of(t, i, &first);
        const float *d = t->grad + first * cols;
        if (beta != NULL)
            vec_col_sum(n, cols, d, add_beta, beta + i * cols);
        if (gamma != NULL)
            vec_col_dot(n, cols, d, t->in[U]->value + first * cols, add_gamma, gamma + i * cols);
    }
}

static void backward_film(tensor_t *t)
{
    int64_t cols = t->cols, first;
    bool add;
    backward_terms(t);
    float *out = grad_put(t->in[U], &add);
    if (out == NULL)
        return;
    if (t->n_in <= GAMMA) {
        vec_scale_put(tensor_size(t), 1, t->grad, add, out);
        return;
    }
    for (int64_t i = 0; i < graph_sets(t->graph); i++) {
        int64_t n = rows_of(t, i, &first);
        slope(n, cols, t->grad + first * cols, t->in[GAMMA]->value + i * cols, add,
              out + first * cols);
    }
}

static double flops_film(const tensor_t *t, bool backward)
{
    return (t->n_in > GAMMA ? 2.0 : 1.0) * (backward ? 2.0 : 1.0) * (double)tensor_size(t);
}

static tensor_t *example_film(gradcheck_t *c, int variant)
{
    static const int classes[] = {ROWS_DRAWS, ROWS_SETS, ROWS_ELEMENTS};
    if (variant > 5)
        return NULL;
    int64_t cols = gradcheck_shape(c, 1, 20);
    tensor_t *u = gradcheck_input(c, classes[variant / 2], 1 + variant / 2, cols, -1, 1);
    tensor_t *beta = gradcheck_input(c, ROWS_SETS, 1, cols, -1, 1);
    tensor_t *gamma = variant % 2 ? NULL : gradcheck_input(c, ROWS_SETS, 1, cols, -1, 1);
    return op_film(gradcheck_graph(c), u, gamma, beta);
}

/* du (1 + gamma) + u dgamma + dbeta; u dgamma is written as u (1 + (dgamma - 1)). */
static tensor_t *tangent_film(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *dgamma = t->n_in > GAMMA ? in[GAMMA] : NULL, *sum = NULL;
    tensor_t *dbeta = tangent_or_zero(g, t->in[BETA], in[BETA]);
    if (dgamma != NULL)
        sum = op_film(g, t->in[U], op_scale(g, dgamma, 1, -1), dbeta);
    if (sum != NULL && in[U] == NULL)
        return sum;
    tensor_t *gamma = t->n_in > GAMMA ? t->in[GAMMA] : NULL;
    tensor_t *du = tangent_or_zero(g, t->in[U], in[U]);
    tensor_t *shift = sum != NULL ? tangent_or_zero(g, t->in[BETA], NULL) : dbeta;
    return tangent_sum(g, sum, op_film(g, du, gamma, shift));
}

const op_kind_t op_kind_film = {.name = "film",
                                .skips = BACKWARD_SKIPS_RESULT,
                                .check = check_film,
                                .forward = forward_film,
                                .backward = backward_film,
                                .flops = flops_film,
                                .example = example_film,
                                .tangent = tangent_film};

tensor_t *op_film(graph_t *g, tensor_t *u, tensor_t *gamma, tensor_t *beta)
{
    return graph_record(g, &op_kind_film, gamma != NULL ? 3 : 2, (tensor_t *[]){u, beta, gamma},
                        NULL);
}
