/* SPDX-License-Identifier: Apache-2.0
 *
 * Array kernels in float32, vectorised at run-time width, same bits at every width: sums run over 16 lanes that are then
 * added along one fixed tree. Arrays may be equal where it says so, else they must not overlap.
 */
#ifndef NN_VEC_H
#define NN_VEC_H

#include <stdbool.h>
#include <stdint.h>

/* y = a o b, by entries; y may be a or b. */
void vec_add(int64_t n, const float *a, const float *b, float *y);
void vec_sub(int64_t n, const float *a, const float *b, float *y);
void vec_mul(int64_t n, const float *a, const float *b, float *y);
void vec_div(int64_t n, const float *a, const float *b, float *y);
void vec_affine(int64_t n, float factor, float shift, const float *x,
                float *y); // y = factor x + shift; y may be x
/* y = factor x, or y += factor x: what a backward function does with grad_put. */
void vec_scale_put(int64_t n, float factor, const float *x, bool add, float *y);
/* y = a b, or y += a b. */
void vec_mul_put(int64_t n, const float *a, const float *b, bool add, float *y);

/* y = y x, and sum (cols) = its column sums or added to it, as vec_col_sum; y, x (rows, cols). */
void vec_mul_col_sum(int64_t rows, int64_t cols, const float *x, float *y, bool add, float *sum);

/* y (rows, cols) += row (cols) in each row */
void vec_add_row(int64_t rows, int64_t cols, const float *row, float *y);
/* sum (cols) = column sums of x (rows, cols), or added to it. In blocks of 64 rows, so the rounding stays small. */
void vec_col_sum(int64_t rows, int64_t cols, const float *x, bool add, float *sum);
/* The same of a b. */
void vec_col_dot(int64_t rows, int64_t cols, const float *a, const float *b, bool add, float *sum);

/* Each row: y = exp(x - max x) / sum exp(x - max x); y may be x. */
void vec_softmax(int64_t rows, int64_t cols, const float *x, float *y);

float vec_sum(int64_t n, const float *x);
float vec_dot(int64_t n, const float *a, const float *b);
/* In float64, over 8 lanes. */
double vec_sum_f64(int64_t n, const float *x);
double vec_sum_squares_f64(int64_t n, const float *x);
double vec_dot_f64(int64_t n, const float *a, const float *b);
bool vec_is_finite(int64_t n, const float *x);

/* c (m, n) = alpha op(a) op(b) + beta c in row-major order, with the depth k; a (m, k), or (k, m) where transpose_a, with
 * rows lda apart; likewise b. m, n, k may be 0. By gemm.h, large ones by cblas_sgemm. */
void vec_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc);

/* y (rows, m) = x (rows, n) w (n, m) + bias (m) in each row, or NULL. */
void vec_linear(int64_t rows, int64_t n, int64_t m, const float *x, const float *w,
                const float *bias, float *y);

#endif
