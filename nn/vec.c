// SPDX-License-Identifier: Apache-2.0
#include "nn/vec.h"

#include "nn/fmath.h"
#include "nn/gemm.h"
#include "nn/lanes.h"

#include <cblas.h>

#define LANES_F64 8
#define COL_BLOCK 256 // columns whose partial sums are held at once
#define ROW_BLOCK 64  // rows summed before they join the total

VEC_KERNEL void vec_add(int64_t n, const float *a, const float *b, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

VEC_KERNEL void vec_sub(int64_t n, const float *a, const float *b, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] - b[i];
}

VEC_KERNEL void vec_mul(int64_t n, const float *a, const float *b, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

VEC_KERNEL void vec_div(int64_t n, const float *a, const float *b, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] / b[i];
}

VEC_KERNEL void vec_affine(int64_t n, float factor, float shift, const float *x, float *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = factor * x[i] + shift;
}

VEC_KERNEL void vec_scale_put(int64_t n, float factor, const float *x, bool add, float *y)
{
    if (add)
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            y[i] += factor * x[i];
    else
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            y[i] = factor * x[i];
}

VEC_KERNEL void vec_mul_put(int64_t n, const float *a, const float *b, bool add, float *y)
{
    if (add)
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            y[i] += a[i] * b[i];
    else
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * b[i];
}

VEC_KERNEL void vec_add_row(int64_t rows, int64_t cols, const float *row, float *y)
{
    for (int64_t r = 0; r < rows; r++)
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[r * cols + c] += row[c];
}

/* sum[0 .. width) += the columns of a (times those of b unless NULL); `stride` between rows. */
VEC_INLINE void col_block(int64_t rows, int64_t width, int64_t stride, const float *a,
                          const float *b, float *sum)
{
    float part[COL_BLOCK];
    for (int64_t begin = 0; begin < rows; begin += ROW_BLOCK) {
        int64_t end = begin + ROW_BLOCK < rows ? begin + ROW_BLOCK : rows;
        memset(part, 0, sizeof part);
        for (int64_t r = begin; r < end; r++) {
#pragma GCC ivdep
            for (int64_t c = 0; c < width; c++)
                part[c] += b != NULL ? a[r * stride + c] * b[r * stride + c] : a[r * stride + c];
        }
        for (int64_t c = 0; c < width; c++)
            sum[c] += part[c];
    }
}

VEC_INLINE void col_sums(int64_t rows, int64_t cols, const float *a, const float *b, bool add,
                         float *sum)
{
    if (!add)
        memset(sum, 0, (size_t)cols * sizeof *sum);
    for (int64_t c = 0; c < cols; c += COL_BLOCK)
        col_block(rows, cols - c < COL_BLOCK ? cols - c : COL_BLOCK, cols, a + c,
                  b != NULL ? b + c : NULL, sum + c);
}

VEC_KERNEL void vec_col_sum(int64_t rows, int64_t cols, const float *x, bool add, float *sum)
{
    col_sums(rows, cols, x, NULL, add, sum);
}

VEC_KERNEL void vec_col_dot(int64_t rows, int64_t cols, const float *a, const float *b, bool add,
                            float *sum)
{
    col_sums(rows, cols, a, b, add, sum);
}

VEC_KERNEL void vec_mul_col_sum(int64_t rows, int64_t cols, const float *x, float *y, bool add,
                                float *sum)
{
    for (int64_t begin = 0; begin < rows || begin == 0; begin += ROW_BLOCK) {
        int64_t end = begin + ROW_BLOCK < rows ? begin + ROW_BLOCK : rows;
#pragma GCC ivdep
        for (int64_t i = begin * cols; i < end * cols; i++)
            y[i] *= x[i];
        col_sums(end - begin, cols, y + begin * cols, NULL, add || begin > 0, sum);
    }
}

VEC_KERNEL void vec_softmax(int64_t rows, int64_t cols, const float *x, float *y)
{
    for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
        float most = x[0];
        for (int64_t c = 1; c < cols; c++)
            most = x[c] > most ? x[c] : most;
#pragma GCC ivdep
        for (int64_t c = 0; c < cols; c++)
            y[c] = f_exp(x[c] - most);
        float scale = 1.0f / lanes_sum(cols, y);
        for (int64_t c = 0; c < cols; c++)
            y[c] *= scale;
    }
}

VEC_KERNEL float vec_sum(int64_t n, const float *x)
{
    return lanes_sum(n, x);
}

VEC_KERNEL float vec_dot(int64_t n, const float *a, const float *b)
{
    return lanes_dot(n, a, b);
}

VEC_INLINE double fold_f64(double *lane)
{
    for (int width = LANES_F64 / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

VEC_INLINE double dot_f64(int64_t n, const float *x, const float *y)
{
    double lane[LANES_F64] = {0};
    int64_t i = 0;
    for (; i + LANES_F64 <= n; i += LANES_F64)
        for (int l = 0; l < LANES_F64; l++)
            lane[l] += (double)x[i + l] * (double)y[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i] * (double)y[i];
    return fold_f64(lane);
}

VEC_KERNEL double vec_sum_f64(int64_t n, const float *x)
{
    double lane[LANES_F64] = {0};
    int64_t i = 0;
    for (; i + LANES_F64 <= n; i += LANES_F64)
        for (int l = 0; l < LANES_F64; l++)
            lane[l] += (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i];
    return fold_f64(lane);
}

VEC_KERNEL double vec_sum_squares_f64(int64_t n, const float *x)
{
    return dot_f64(n, x, x);
}

VEC_KERNEL double vec_dot_f64(int64_t n, const float *a, const float *b)
{
    return dot_f64(n, a, b);
}

VEC_KERNEL bool vec_is_finite(int64_t n, const float *x)
{
    int32_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= (f_bits(x[i]) & 0x7f800000) == 0x7f800000;
    return bad == 0;
}

void vec_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc)
{
    gemm_t p = {.m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .c = c, .ldc = ldc};
    p.a = (gemm_matrix_t){a, transpose_a ? 1 : lda, transpose_a ? lda : 1};
    p.b = (gemm_matrix_t){b, transpose_b ? 1 : ldb, transpose_b ? ldb : 1};
    p.base = beta != 0 ? c : NULL;
    p.base_row = ldc;
    if (m == 0 || n == 0 || gemm_run(&p))
        return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha,
                a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

void vec_linear(int64_t rows, int64_t n, int64_t m, const float *x, const float *w,
                const float *bias, float *y)
{
    gemm_t p = {.m = rows, .n = m, .k = n, .alpha = 1, .beta = 1, .base = bias, .c = y, .ldc = m};
    p.a = (gemm_matrix_t){x, n, 1};
    p.b = (gemm_matrix_t){w, m, 1};
    if (rows == 0 || gemm_run(&p))
        return;
    vec_gemm(false, false, rows, m, n, 1, x, n, w, m, 0, y, m);
    if (bias != NULL)
        vec_add_row(rows, m, bias, y);
}
