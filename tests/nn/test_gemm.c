// SPDX-License-Identifier: Apache-2.0
#include "nn/gemm.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A chain of k rounded operations on numbers of size 1 errs by less than k 2^-24 of the sum of their sizes (Higham 2002),
 * which is at most k here. */
static double bound(int64_t k)
{
    return (double)(k + 2) * (double)(k + 2) * ldexp(1, -24);
}

static float *uniform(int64_t n, uint64_t stream)
{
    float *x = MEM_NEW(float, n + 1);
    rng_t rng = rng_at(5, RNG_CHECK, stream);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2 * rng_uniform(&rng) - 1);
    return x;
}

static void check_product(bool turn_a, bool turn_b, int64_t m, int64_t n, int64_t k, float beta)
{
    int64_t lda = (turn_a ? m : k) + 1, ldb = (turn_b ? k : n) + 2, ldc = n + 3;
    float *a = uniform((turn_a ? k : m) * lda, 1), *b = uniform((turn_b ? n : k) * ldb, 2);
    float *c = uniform(m * ldc, 3), *before = uniform(m * ldc, 3);
    vec_gemm(turn_a, turn_b, m, n, k, 0.5f, a, lda, b, ldb, beta, c, ldc);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            double sum = 0;
            for (int64_t p = 0; p < k && j < n; p++)
                sum += (double)a[turn_a ? p * lda + i : i * lda + p] *
                       (double)b[turn_b ? j * ldb + p : p * ldb + j];
            double old = (double)before[i * ldc + j];
            double expected = j < n ? 0.5 * sum + (double)beta * old : old;
            if (!(fabs((double)c[i * ldc + j] - expected) <= bound(k)))
                fail_msg("%d %d, %ld x %ld x %ld, entry %ld, %ld: got %g, expected %g", turn_a,
                         turn_b, (long)m, (long)n, (long)k, (long)i, (long)j,
                         (double)c[i * ldc + j], expected);
        }
    free(a);
    free(b);
    free(c);
    free(before);
}

static void products_are_those_of_the_definition(void **state)
{
    static const int64_t rows[] = {1, 2, 5, 16, 50}, cols[] = {1, 2, 3, 4, 7, 8, 9, 16, 40},
                         depths[] = {1, 3, 8, 13, 64, 300};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof cols / sizeof *cols; j++)
            for (size_t k = 0; k < sizeof depths / sizeof *depths; k++)
                for (int turned = 0; turned < 4; turned++)
                    check_product(turned & 1, turned & 2, rows[i], cols[j], depths[k],
                                  (float)((i + j + k) % 3) * 0.5f);
}

static void nothing_times_nothing_leaves_what_beta_leaves(void **state)
{
    (void)state;
    check_product(false, false, 3, 2, 0, 0);
    check_product(false, false, 3, 2, 0, 1);
    check_product(false, false, 0, 2, 4, 0);
    check_product(false, false, 3, 0, 4, 0);
}

static void a_large_product_is_right_too(void **state)
{
    (void)state;
    check_product(false, false, 1030, 130, 257, 1);
}

static void a_row_does_not_depend_on_the_others(void **state)
{
    enum { M = 40, K = 300 };
    static const int64_t cols[] = {2, 6, 16, 37};
    float *x = uniform(M * K, 1), *w = uniform(K * 37, 2);
    (void)state;
    for (size_t j = 0; j < sizeof cols / sizeof *cols; j++)
        for (int turned = 0; turned < 2; turned++) {
            int64_t n = cols[j], ldb = turned ? K : n;
            float all[M * 37], one[37];
            vec_gemm(false, turned, M, n, K, 1, x, K, w, ldb, 0, all, n);
            for (int64_t i = 0; i < M; i++) {
                vec_gemm(false, turned, 1, n, K, 1, x + i * K, K, w, ldb, 0, one, n);
                assert_memory_equal(one, all + i * n, (size_t)n * sizeof *one);
            }
        }
    free(x);
    free(w);
}

// Whatever the width of the registers: the chain of fused multiply-adds of the definition, bit for bit.
static void each_entry_is_one_chain(void **state)
{
    enum { M = 29, N = 37, K = 200 };
    float *x = uniform(M * K, 1), *w = uniform(K * N, 2), c[M * N];
    (void)state;
    gemm_t p = {
        .m = M, .n = N, .k = K, .a = {x, K, 1}, .b = {w, N, 1}, .alpha = 1, .c = c, .ldc = N};
    if (!gemm_run(&p))
        skip();
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum = fmaf(x[i * K + k], w[k * N + j], sum);
            assert_memory_equal(&sum, &c[i * N + j], sizeof sum);
        }
    free(x);
    free(w);
}

static void a_linear_layer_adds_its_bias(void **state)
{
    enum { M = 7, N = 21, K = 270 };
    float *x = uniform(M * K, 1), *w = uniform(K * N, 2), *bias = uniform(N, 3);
    float with[M * N], without[M * N];
    (void)state;
    vec_linear(M, K, N, x, w, bias, with);
    vec_linear(M, K, N, x, w, NULL, without);
    for (int i = 0; i < M * N; i++) // the bias joins the sum of the first 256: two more roundings
        assert_true(fabsf(with[i] - without[i] - bias[i % N]) <= 4e-6f * (1 + fabsf(without[i])));
    free(x);
    free(w);
    free(bias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_the_definition),
        cmocka_unit_test(nothing_times_nothing_leaves_what_beta_leaves),
        cmocka_unit_test(a_large_product_is_right_too),
        cmocka_unit_test(a_row_does_not_depend_on_the_others),
        cmocka_unit_test(each_entry_is_one_chain),
        cmocka_unit_test(a_linear_layer_adds_its_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
