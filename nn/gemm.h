/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products of the sizes that networks have: many rows times a small matrix of weights, or a few rows times a larger
 * one, where a general library spends as long on packing as on the product. Each entry of a result is a chain of fused
 * multiply-adds over the depth, in blocks of GEMM_DEPTH: it has the same bits at every vector width, and does not depend on
 * how many other rows there are.
 */
#ifndef NN_GEMM_H
#define NN_GEMM_H

#include <stdbool.h>
#include <stdint.h>

enum { GEMM_DEPTH = 256 };

/* A matrix whose entry (i, j) stands at at[i * row + j * col]. */
typedef struct {
    const float *at;
    int64_t row, col;
} gemm_matrix_t;

typedef struct {
    int64_t m, n, k;
    gemm_matrix_t a, b; // (m, k), (k, n)
    float alpha, beta;
    const float *base; // what beta multiplies: row i at base + i * base_row; NULL: zeros
    int64_t base_row;  // columns are contiguous; 0: the same row (a bias) for all
    float *c;          // (m, n), rows ldc apart, columns contiguous; may be base
    int64_t ldc;
} gemm_t;

/* c = alpha a b + beta base. Returns whether it did: false, with c untouched, on a CPU that has no kernel for it, and where
 * the matrices are so large that a library does better. */
bool gemm_run(const gemm_t *p);
/* What it computes with on this CPU: "AVX-512", "AVX2"; NULL where it has no kernel. */
const char *gemm_kernel(void);

#endif
