// SPDX-License-Identifier: Apache-2.0
#include "nn/adamw.h"

#include "cluster/err.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define WEIGHTS 23 // a 5 x 4 matrix and a bias of 3, as in tests/golden/adamw.py
#define STEPS   12

static const char *golden_path;

typedef struct {
    params_t *params;
    int matrix, bias, fixed;
} weights_t;

/* Entry i of the 23 in the flat block. */
static float *entry(const weights_t *w, float *block, int i)
{
    int id = i < 20 ? w->matrix : w->bias;
    return block + params_at(w->params, id)->offset + (i < 20 ? i : i - 20);
}

static weights_t weights_create(void)
{
    weights_t w = {.params = params_create()};
    w.matrix = params_add(w.params, "matrix", 5, 4, INIT_ZERO, 0);
    w.bias = params_add(w.params, "bias", 1, 3, INIT_ZERO, 0);
    w.fixed = params_add_fixed(w.params, "fixed", 1, 2);
    params_seal(w.params, 1);
    for (int i = 0; i < WEIGHTS; i++)
        *entry(&w, params_value(w.params), i) = (float)(i % 5 - 2) / 4;
    return w;
}

static void fill_gradient(const weights_t *w, int t, float *gradient)
{
    memset(gradient, 0, (size_t)params_size(w->params) * sizeof *gradient);
    for (int i = 0; i < WEIGHTS; i++)
        *entry(w, gradient, i) = (float)((7 * i + 3 * t) % 11 - 5) / 8 / (float)t;
}

static adamw_config_t golden_config(void)
{
    return (adamw_config_t){.beta1 = 0.9,
                            .beta2 = 0.99,
                            .epsilon = 1e-3,
                            .weight_decay = 0.1,
                            .clip_norm = 1.2,
                            .average_decay = 0.6};
}

/* float32 against float64: some 1e-7 a step, twelve steps. */
static void steps_equal_the_reference(void **state)
{
    (void)state;
    float gradient[256];
    weights_t w = weights_create();
    adamw_config_t config = golden_config();
    adamw_t *o = adamw_create(w.params, &config);
    FILE *f = fopen(golden_path, "r");
    assert_non_null(f);
    assert_true(params_size(w.params) <= 256);
    for (int t = 1; t <= STEPS; t++) {
        double expected;
        fill_gradient(&w, t, gradient);
        double norm = adamw_step(o, 0.02, gradient);
        assert_int_equal(fscanf(f, "%lf,", &expected), 1);
        assert_true(fabs(norm - expected) < 1e-6 * expected);
        for (int i = 0; i < 2 * WEIGHTS; i++) {
            float *block = i < WEIGHTS ? params_value(w.params) : adamw_average(o);
            assert_int_equal(fscanf(f, "%lf,", &expected), 1);
            assert_true(fabs(*entry(&w, block, i % WEIGHTS) - expected) < 3e-6);
        }
    }
    fclose(f);
    assert_int_equal(adamw_steps(o), STEPS);
    adamw_destroy(&o);
    params_destroy(&w.params);
}

static void restored_state_goes_on_alike(void **state)
{
    (void)state;
    float gradient[256];
    weights_t a = weights_create(), b = weights_create();
    adamw_config_t config = golden_config();
    adamw_t *oa = adamw_create(a.params, &config), *ob = adamw_create(b.params, &config);
    size_t bytes = (size_t)params_size(a.params) * sizeof(float);
    for (int t = 1; t <= 6; t++) {
        fill_gradient(&a, t, gradient);
        adamw_step(oa, 0.02, gradient);
        if (t == 3) {
            memcpy(params_value(b.params), params_value(a.params), bytes);
            memcpy(adamw_moment1(ob), adamw_moment1(oa), bytes);
            memcpy(adamw_moment2(ob), adamw_moment2(oa), bytes);
            memcpy(adamw_average(ob), adamw_average(oa), bytes);
            adamw_set_steps(ob, adamw_steps(oa));
        } else if (t > 3) {
            adamw_step(ob, 0.02, gradient);
        }
    }
    assert_memory_equal(params_value(a.params), params_value(b.params), bytes);
    assert_memory_equal(adamw_average(oa), adamw_average(ob), bytes);
    adamw_destroy(&oa);
    adamw_destroy(&ob);
    params_destroy(&a.params);
    params_destroy(&b.params);
}

static void infinite_gradient_changes_nothing(void **state)
{
    (void)state;
    float gradient[256], before[256];
    weights_t w = weights_create();
    adamw_config_t config = golden_config();
    adamw_t *o = adamw_create(w.params, &config);
    size_t bytes = (size_t)params_size(w.params) * sizeof(float);
    memcpy(before, params_value(w.params), bytes);
    fill_gradient(&w, 1, gradient);
    *entry(&w, gradient, 7) = INFINITY;
    assert_true(!isfinite(adamw_step(o, 0.02, gradient)));
    *entry(&w, gradient, 7) = NAN;
    assert_true(!isfinite(adamw_step(o, 0.02, gradient)));
    assert_memory_equal(before, params_value(w.params), bytes);
    assert_memory_equal(before, adamw_average(o), bytes);
    assert_int_equal(adamw_steps(o), 0);
    adamw_destroy(&o);
    params_destroy(&w.params);
}

static void fixed_weights_stay_and_stand_in_the_average(void **state)
{
    (void)state;
    float gradient[256];
    weights_t w = weights_create();
    adamw_config_t config = golden_config();
    adamw_t *o = adamw_create(w.params, &config);
    float *fixed = params_tensor(w.params, w.fixed);
    fixed[0] = 1;
    fill_gradient(&w, 1, gradient);
    gradient[params_at(w.params, w.fixed)->offset] = 3;
    adamw_step(o, 0.02, gradient);
    assert_true(fixed[0] == 1 && fixed[1] == 0);
    assert_true(adamw_average(o)[params_at(w.params, w.fixed)->offset] == 1);
    adamw_destroy(&o);
    params_destroy(&w.params);
}

static void without_average_it_is_the_weights(void **state)
{
    (void)state;
    float gradient[256];
    weights_t w = weights_create();
    adamw_config_t config = golden_config();
    config.average_decay = 0;
    adamw_t *o = adamw_create(w.params, &config);
    fill_gradient(&w, 1, gradient);
    adamw_step(o, 0.02, gradient);
    assert_memory_equal(adamw_average(o), params_value(w.params),
                        (size_t)params_size(w.params) * sizeof(float));
    adamw_destroy(&o);
    params_destroy(&w.params);
}

static void schedule_rises_then_falls(void **state)
{
    (void)state;
    schedule_t s = {.peak = 2, .floor = 0.5, .warmup = 10, .total = 110};
    assert_true(fabs(schedule_rate(&s, 0) - 0.2) < 1e-12);
    assert_true(fabs(schedule_rate(&s, 5) - 1.1) < 1e-12);
    assert_true(fabs(schedule_rate(&s, 10) - 2) < 1e-12);
    assert_true(fabs(schedule_rate(&s, 60) - 1.25) < 1e-12);
    assert_true(fabs(schedule_rate(&s, 35) - (0.5 + 0.75 * (1 + sqrt(0.5)))) < 1e-12);
    assert_true(schedule_rate(&s, 110) == 0.5 && schedule_rate(&s, 1000) == 0.5);
    s.warmup = 0;
    assert_true(schedule_rate(&s, 0) == 2);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2, "usage: test_adamw tests/golden/adamw.csv");
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_equal_the_reference),
        cmocka_unit_test(restored_state_goes_on_alike),
        cmocka_unit_test(infinite_gradient_changes_nothing),
        cmocka_unit_test(fixed_weights_stay_and_stand_in_the_average),
        cmocka_unit_test(without_average_it_is_the_weights),
        cmocka_unit_test(schedule_rises_then_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
