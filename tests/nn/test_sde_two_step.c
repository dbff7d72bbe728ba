// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/sde_two_step.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int64_t n;
    double bad_beyond; // draw 1 has no drift where x is larger
} problem_t;

// Ornstein-Uhlenbeck: dx = -x dt + sqrt(2) dW
static void pull(void *user, double t, const double *x, double *dx)
{
    const problem_t *p = user;
    (void)t;
    for (int64_t i = 0; i < p->n; i++)
        dx[i] = i == 1 && x[i] > p->bad_beyond ? NAN : -x[i];
}

static double constant(void *user, double t)
{
    (void)user;
    (void)t;
    return sqrt(2.0);
}

static void rest(void *user, double t, const double *x, double *dx)
{
    const problem_t *p = user;
    (void)t;
    (void)x;
    for (int64_t i = 0; i < p->n; i++)
        dx[i] = 0.0;
}

// g^2 integrates to 1 from 0 to 1
static double rising(void *user, double t)
{
    (void)user;
    return sqrt(6.0 / (exp(6.0) - 1.0)) * exp(3.0 * t);
}

static double mean_of(int64_t n, const double *x)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double variance_of(int64_t n, const double *x)
{
    double sum = 0.0, mean = mean_of(n, x);
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)n;
}

// From 3 after a time of 1: N(3 / e, 1 - 1 / e^2). Five standard errors, and the error of the steps.
static void moments_are_those_of_the_process(void **state)
{
    (void)state;
    enum { N = 20000 };
    sde_t *s = sde_create();
    problem_t p = {N, INFINITY};
    sde_problem_t problem = {pull, constant, &p};
    sde_config_t config = {1000, {1e-3, 1e-2, 1.0}};
    double *x = MEM_NEW(double, N), variance = 1.0 - exp(-2.0);
    for (int backward = 0; backward < 2; backward++) {
        rng_t rng = rng_at(1, RNG_CHECK, (uint64_t)backward);
        for (int i = 0; i < N; i++)
            x[i] = 3.0;
        sde_count_t count = sde_solve(s, &config, &problem, N, 1, 0.0, 1.0, &rng, x);
        assert_true(count.steps > 10 && count.steps <= 1000);
        assert_int_equal(count.evaluations, 2 * count.steps + count.refused);
        assert_true(fabs(mean_of(N, x) - 3.0 * exp(-1.0)) < 5.0 * sqrt(variance / N) + 5e-3);
        assert_true(fabs(variance_of(N, x) / variance - 1.0) < 5.0 * sqrt(2.0 / N) + 5e-3);
    }
    assert_true(sde_bytes(s) > 0);
    free(x);
    sde_destroy(&s);
}

// One draw at a time, whose steps are refused where its noise is large: noise that is drawn anew then has too small a variance.
static void refusing_does_not_choose_among_noises(void **state)
{
    (void)state;
    enum { RUNS = 6000 };
    sde_t *s = sde_create();
    problem_t p = {1, INFINITY};
    sde_problem_t problem = {rest, rising, &p};
    sde_config_t config = {1000, {0.02, 0.0, 1.0}};
    double *x = MEM_NEW(double, RUNS);
    int64_t refused = 0, steps = 0;
    for (int i = 0; i < RUNS; i++) {
        rng_t rng = rng_at(2, RNG_CHECK, (uint64_t)i);
        sde_count_t count = sde_solve(s, &config, &problem, 1, 1, 0.0, 1.0, &rng, &x[i]);
        refused += count.refused;
        steps += count.steps;
    }
    assert_true(refused > steps / 5);
    if (!(fabs(variance_of(RUNS, x) - 1.0) < 5.0 * sqrt(2.0 / RUNS)))
        fail_msg("variance %g, expected 1 (%ld refused, %ld taken)", variance_of(RUNS, x),
                 (long)refused, (long)steps);
    assert_true(fabs(mean_of(RUNS, x)) < 5.0 * sqrt(1.0 / RUNS));
    free(x);
    sde_destroy(&s);
}

static void the_same_random_state_gives_the_same_bits(void **state)
{
    (void)state;
    sde_t *s = sde_create();
    problem_t p = {3, INFINITY};
    sde_problem_t problem = {pull, constant, &p};
    sde_config_t config = {1000, {1e-3, 1e-2, 1.0}};
    double x[3] = {1.0, 2.0, 3.0}, y[3] = {1.0, 2.0, 3.0}, z[300] = {0.0};
    rng_t rng = rng_at(3, RNG_CHECK, 0), again = rng, other = rng_at(3, RNG_CHECK, 1);
    sde_solve(s, &config, &problem, 3, 1, 1.0, 0.0, &rng, x);
    p.n = 300;
    sde_solve(s, &config, &problem, 100, 3, 1.0, 0.0, &other, z);
    p.n = 3;
    sde_solve(s, &config, &problem, 3, 1, 1.0, 0.0, &again, y);
    assert_memory_equal(x, y, sizeof x);
    sde_destroy(&s);
}

static void the_most_steps_bound_the_work(void **state)
{
    (void)state;
    sde_t *s = sde_create();
    problem_t p = {3, INFINITY};
    sde_problem_t problem = {pull, constant, &p};
    sde_config_t config = {40, {1e-12, 0.0, 1.0}};
    double x[3] = {1.0, 2.0, 3.0};
    rng_t rng = rng_at(4, RNG_CHECK, 0);
    sde_count_t count = sde_solve(s, &config, &problem, 3, 1, 0.0, 1.0, &rng, x);
    assert_true(count.steps <= 60);
    sde_destroy(&s);
}

static void a_lost_draw_leaves_the_others_alone(void **state)
{
    (void)state;
    sde_t *s = sde_create();
    problem_t p = {3, 1.0};
    sde_problem_t problem = {pull, constant, &p};
    sde_config_t config = {1000, {1e-2, 1e-2, 1.0}};
    double x[3] = {1.0, 2.0, 3.0};
    rng_t rng = rng_at(5, RNG_CHECK, 0);
    sde_count_t count = sde_solve(s, &config, &problem, 3, 1, 0.0, 1.0, &rng, x);
    assert_true(isfinite(x[0]) && isnan(x[1]) && isfinite(x[2]));
    assert_true(count.steps < 500);
    assert_int_equal(sde_solve(s, &config, &problem, 0, 1, 0.0, 1.0, &rng, x).steps, 0);
    sde_destroy(&s);
    sde_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_those_of_the_process),
        cmocka_unit_test(refusing_does_not_choose_among_noises),
        cmocka_unit_test(the_same_random_state_gives_the_same_bits),
        cmocka_unit_test(the_most_steps_bound_the_work),
        cmocka_unit_test(a_lost_draw_leaves_the_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
