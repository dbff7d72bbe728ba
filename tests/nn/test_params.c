// SPDX-License-Identifier: Apache-2.0
#include "nn/params.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void tensors_begin_at_multiples_of_16(void **state)
{
    (void)state;
    params_t *p = params_create();
    int a = params_add(p, "a", 3, 5, INIT_ONE, 1), b = params_add(p, "b", 1, 17, INIT_ONE, 1);
    int c = params_add_fixed(p, "c", 1, 2);
    params_seal(p, 1);
    assert_int_equal(params_at(p, a)->offset, 0);
    assert_int_equal(params_at(p, b)->offset, 16);
    assert_int_equal(params_at(p, c)->offset, 48);
    assert_int_equal(params_size(p), 64);
    assert_int_equal(params_weights(p), 32);
    assert_true(params_tensor(p, b) == params_value(p) + 16);
    double sum = 0;
    for (int64_t i = 0; i < params_size(p); i++)
        sum += params_value(p)[i];
    assert_true(sum == 32); // padding and fixed weights are zero
    params_destroy(&p);
    assert_null(p);
}

static void tensors_are_found_by_name(void **state)
{
    (void)state;
    params_t *p = params_create();
    int a = params_add(p, "layer0/weight", 2, 2, INIT_ZERO, 0);
    int b = params_add(p, "layer0/bias", 1, 2, INIT_ZERO, 0);
    assert_int_equal(params_find(p, "layer0/weight"), a);
    assert_int_equal(params_find(p, "layer0/bias"), b);
    assert_int_equal(params_find(p, "layer0"), -1);
    assert_int_equal(params_count(p), 2);
    params_destroy(&p);
}

static void matrices_decay_and_biases_do_not(void **state)
{
    (void)state;
    params_t *p = params_create();
    assert_true(params_at(p, params_add(p, "w", 2, 3, INIT_ZERO, 0))->decay);
    assert_true(params_at(p, params_add(p, "one feature", 1, 3, INIT_HE_NORMAL, 1))->decay);
    assert_true(!params_at(p, params_add(p, "bias", 1, 3, INIT_ZERO, 0))->decay);
    assert_true(!params_at(p, params_add(p, "scale", 1, 3, INIT_ONE, 0))->decay);
    const param_t *fixed = params_at(p, params_add_fixed(p, "order", 1, 3));
    assert_true(!fixed->decay && !fixed->trainable);
    params_destroy(&p);
}

/* Largest entry of q'q - gain^2 I (or q q', for wide q). */
static double orthogonality_error(const float *q, int64_t rows, int64_t cols, double gain)
{
    int64_t n = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    double worst = 0;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b < n; b++) {
            double dot = a == b ? -gain * gain : 0;
            for (int64_t i = 0; i < length; i++)
                dot += rows < cols ? (double)q[a * cols + i] * q[b * cols + i]
                                   : (double)q[i * cols + a] * q[i * cols + b];
            worst = fmax(worst, fabs(dot));
        }
    return worst;
}

static void orthogonal_weights_are_orthogonal(void **state)
{
    (void)state;
    params_t *p = params_create();
    int tall = params_add(p, "tall", 50, 20, INIT_ORTHOGONAL, 1);
    int wide = params_add(p, "wide", 4, 64, INIT_ORTHOGONAL, 2);
    int square = params_add(p, "square", 64, 64, INIT_ORTHOGONAL, 1);
    params_seal(p, 3);
    assert_true(orthogonality_error(params_tensor(p, tall), 50, 20, 1) < 1e-6);
    assert_true(orthogonality_error(params_tensor(p, wide), 4, 64, 2) < 4e-6);
    assert_true(orthogonality_error(params_tensor(p, square), 64, 64, 1) < 1e-6);
    params_destroy(&p);
}

typedef struct {
    double mean, sd, most;
} moments_t;

static moments_t moments(const float *x, int n)
{
    double sum = 0, square = 0, most = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
        square += (double)x[i] * x[i];
        most = fmax(most, fabs((double)x[i]));
    }
    return (moments_t){sum / n, sqrt(square / n), most};
}

/* n = 20000 entries: the standard error of a mean is sd / 141, of a normal sd sd / 200, of a uniform sd sd / 316; five
 * of them are allowed. */
static void random_weights_have_their_spread(void **state)
{
    (void)state;
    params_t *p = params_create();
    int normal = params_add(p, "normal", 100, 200, INIT_NORMAL, 0.05);
    int he = params_add(p, "he", 100, 200, INIT_HE_NORMAL, 1);
    int glorot = params_add(p, "glorot", 100, 200, INIT_GLOROT_UNIFORM, 1);
    params_seal(p, 5);
    moments_t m = moments(params_tensor(p, normal), 20000);
    assert_true(fabs(m.mean) < 5 * 0.05 / 141 && fabs(m.sd / 0.05 - 1) < 5.0 / 200);
    m = moments(params_tensor(p, he), 20000);
    assert_true(fabs(m.mean) < 5 * sqrt(0.02) / 141 && fabs(m.sd / sqrt(0.02) - 1) < 5.0 / 200);
    m = moments(params_tensor(p, glorot), 20000);
    double limit = sqrt(6.0 / 300);
    assert_true(m.most <= limit && m.most > 0.99 * limit);
    assert_true(fabs(m.sd / (limit / sqrt(3)) - 1) < 5.0 / 316);
    params_destroy(&p);
}

static params_t *two_tensors(uint64_t seed)
{
    params_t *p = params_create();
    params_add(p, "a", 4, 4, INIT_NORMAL, 1);
    params_add(p, "b", 4, 4, INIT_NORMAL, 1);
    params_seal(p, seed);
    return p;
}

static void weights_are_a_function_of_seed_and_place(void **state)
{
    (void)state;
    params_t *p = two_tensors(7), *q = two_tensors(7), *r = two_tensors(8);
    assert_memory_equal(params_value(p), params_value(q), 32 * sizeof(float));
    assert_memory_not_equal(params_value(p), params_value(r), 32 * sizeof(float));
    assert_memory_not_equal(params_tensor(p, 0), params_tensor(p, 1), 16 * sizeof(float));
    params_destroy(&p);
    params_destroy(&q);
    params_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_begin_at_multiples_of_16),
        cmocka_unit_test(tensors_are_found_by_name),
        cmocka_unit_test(matrices_decay_and_biases_do_not),
        cmocka_unit_test(orthogonal_weights_are_orthogonal),
        cmocka_unit_test(random_weights_have_their_spread),
        cmocka_unit_test(weights_are_a_function_of_seed_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
