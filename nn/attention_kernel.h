/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels of one head of attention (op_attention.c). Its matrices are too small for a call of cblas_sgemm each: 50 x 50
 * scores over 16 columns. Same bits at every vector width. A packed matrix of `cols` columns has attention_width(cols) of
 * them, whole vectors, in rows attention_row(cols) apart, which is never a power of two times 512 bytes: such rows would
 * share a few places of the cache.
 */
#ifndef NN_ATTENTION_KERNEL_H
#define NN_ATTENTION_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

enum { ATTENTION_LANES = 8 };

static inline int64_t attention_width(int64_t cols)
{
    return (cols + ATTENTION_LANES - 1) / ATTENTION_LANES * ATTENTION_LANES;
}

static inline int64_t attention_row(int64_t cols)
{
    int64_t width = attention_width(cols);
    return width % 128 == 0 ? width + ATTENTION_LANES : width;
}

/* Entry (r, c) is at[r * row + c * col]. */
typedef struct {
    const float *at;
    int64_t row, col;
} strided_t;

static inline strided_t strided_transpose(strided_t a)
{
    return (strided_t){a.at, a.col, a.row};
}

/* c = a b, or c += a b: a (rows, depth), depth > 0; b (depth, cols) with b.col = 1; c (rows, cols) with rows c_row apart.
 * Each row of b is read up to attention_width(cols). */
void attention_product(int64_t rows, int64_t cols, int64_t depth, strided_t a, strided_t b,
                       bool add, float *c, int64_t c_row);

/* y = a (rows, cols), packed; further columns are zero. */
void attention_pack(int64_t rows, int64_t cols, strided_t a, float *y);

/* w (rows, n), packed, in place: softmax(factor * w) over the columns of each row; further ones come in as numbers and come
 * out as less than 1e-37. factor > 0. */
void attention_softmax(int64_t rows, int64_t n, float factor, float *w);
/* d (rows, n), packed as w, in place: from the slopes by w to those by the scores, factor * w o (d - sum_j w_j d_j); d is
 * zero in further columns. */
void attention_slope(int64_t rows, int64_t n, float factor, const float *w, float *d);

#endif
