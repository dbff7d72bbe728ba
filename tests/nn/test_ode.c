// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/ode.h"

#include <math.h>
#include <string.h>

enum { N = 3, D = 2 };

typedef struct {
    int64_t n;
    int calls;
    double bad_beyond; // draw 1 has no derivative where x_0 is larger
} problem_t;

// x_0' = x_1 + cos t, x_1' = -x_0: a swing that is driven at its own frequency.
static void field(void *user, double t, const double *x, double *dx)
{
    problem_t *p = user;
    p->calls++;
    for (int64_t i = 0; i < p->n; i++) {
        dx[i * D] = x[i * D + 1] + cos(t);
        dx[i * D + 1] = -x[i * D];
        if (i == 1 && x[i * D] > p->bad_beyond)
            dx[i * D] = NAN;
    }
}

// x_0 = a cos t + b sin t + t cos t / 2 + sin t / 2, x_1 = b cos t - a sin t - t sin t / 2, from (a, b) at 0
static void truth(double t, const double *start, double *x)
{
    double a = start[0], b = start[1];
    x[0] = a * cos(t) + b * sin(t) + 0.5 * t * cos(t) + 0.5 * sin(t);
    x[1] = b * cos(t) - a * sin(t) - 0.5 * t * sin(t);
}

static const double start[N * D] = {1.0, 0.0, -2.0, 0.5, 0.3, 3.0};

// The largest distance from the truth at time `to`, and at 0 after the way back.
static double worst_error(const ode_config_t *config, double to, ode_count_t *count)
{
    ode_t *o = ode_create();
    problem_t p = {.n = N, .bad_beyond = INFINITY};
    double x[N * D], expected[D], worst = 0.0;
    memcpy(x, start, sizeof x);
    *count = ode_solve(o, config, field, &p, N, D, 0.0, to, x);
    assert_int_equal(count->evaluations, p.calls);
    for (int i = 0; i < N; i++) {
        truth(to, start + i * D, expected);
        for (int j = 0; j < D; j++)
            worst = fmax(worst, fabs(x[i * D + j] - expected[j]));
    }
    ode_solve(o, config, field, &p, N, D, to, 0.0, x);
    for (int k = 0; k < N * D; k++)
        worst = fmax(worst, fabs(x[k] - start[k]));
    ode_destroy(&o);
    return worst;
}

// error ~ h^p: halving the step divides it by 2^p, up to terms of the next order.
static void global_errors_have_the_order_of_the_method(void **state)
{
    (void)state;
    for (int m = 0; m < ODE_METHODS; m++) {
        ode_count_t count;
        ode_config_t config = {.method = (ode_method_t)m, .steps = m == ODE_EULER ? 400 : 20};
        double coarse = worst_error(&config, 2.0, &count);
        assert_int_equal(count.steps, config.steps);
        config.steps *= 2;
        double fine = worst_error(&config, 2.0, &count), order = log2(coarse / fine);
        if (!(fabs(order - ode_order((ode_method_t)m)) < 0.3))
            fail_msg("method %d: %g, %g: order %g", m, coarse, fine, order);
    }
}

// The last evaluation of a step is the first of the next.
static void five_four_methods_take_six_evaluations_a_step(void **state)
{
    (void)state;
    ode_count_t count;
    ode_config_t config = {.method = ODE_TSIT5, .steps = 10};
    worst_error(&config, 1.0, &count);
    assert_int_equal(count.evaluations, 61);
    config.method = ODE_RK4;
    worst_error(&config, 1.0, &count);
    assert_int_equal(count.evaluations, 40);
}

static void adaptive_errors_follow_the_tolerance(void **state)
{
    (void)state;
    static const ode_method_t methods[] = {ODE_DOPRI5, ODE_TSIT5};
    for (int m = 0; m < 2; m++) {
        int before = 0;
        for (double tolerance = 1e-3; tolerance > 1e-10; tolerance *= 1e-2) {
            ode_count_t count;
            ode_config_t config = {methods[m], true, 10000, {tolerance, tolerance, 1.0}};
            double error = worst_error(&config, 10.0, &count);
            if (!(error < 50.0 * tolerance))
                fail_msg("tolerance %g: error %g in %d steps", tolerance, error, count.steps);
            assert_true(count.steps > before);
            assert_int_equal(count.evaluations, 1 + 6 * (count.steps + count.refused));
            before = count.steps;
        }
    }
}

static void the_most_steps_bound_the_work(void **state)
{
    (void)state;
    ode_count_t count;
    ode_config_t config = {ODE_TSIT5, true, 30, {1e-14, 1e-14, 1.0}};
    double error = worst_error(&config, 10.0, &count);
    assert_true(count.steps <= 30 && error < 1e-2);
}

static void easy_ways_take_few_steps(void **state)
{
    (void)state;
    ode_count_t count;
    ode_config_t config = {ODE_TSIT5, true, 10000, {1e-2, 1e-2, 1.0}};
    worst_error(&config, 1.0, &count);
    assert_true(count.steps <= 5);
}

// Draw 1 has no derivative beyond x_0 = -1.5, which it meets: it is lost, the others arrive as if it were not there.
static void a_lost_draw_leaves_the_others_alone(void **state)
{
    (void)state;
    ode_t *o = ode_create();
    problem_t p = {.n = N, .bad_beyond = -1.5};
    ode_config_t config = {ODE_TSIT5, true, 1000, {1e-8, 1e-8, 1.0}};
    double x[N * D], expected[D];
    memcpy(x, start, sizeof x);
    ode_count_t count = ode_solve(o, &config, field, &p, N, D, 0.0, 2.0, x);
    assert_true(isnan(x[D]));
    assert_true(count.steps < 100 && count.refused < 100);
    for (int i = 0; i < N; i += 2) {
        truth(2.0, start + i * D, expected);
        for (int j = 0; j < D; j++)
            assert_true(fabs(x[i * D + j] - expected[j]) < 1e-6);
    }
    ode_destroy(&o);
}

// The error of a draw that starts far away is larger; a quantile below its place does not see it.
static void a_quantile_leaves_the_worst_draws_out(void **state)
{
    (void)state;
    ode_t *o = ode_create();
    problem_t p = {.n = N, .bad_beyond = INFINITY};
    ode_config_t config = {ODE_TSIT5, true, 1000, {1e-6, 0.0, 1.0}};
    int steps[2];
    for (int k = 0; k < 2; k++) {
        double x[N * D] = {1.0, 0.0, 1e5, 0.0, 0.3, 1.0};
        config.tolerance.quantile = k == 0 ? 1.0 : 0.6; // the second of three
        steps[k] = ode_solve(o, &config, field, &p, N, D, 0.0, 5.0, x).steps;
    }
    assert_true(2 * steps[1] < steps[0]);
    ode_destroy(&o);
}

static void no_draws_and_no_way_are_fine(void **state)
{
    (void)state;
    ode_t *o = ode_create();
    problem_t p = {.n = 0, .bad_beyond = INFINITY};
    ode_config_t config = {ODE_TSIT5, true, 1000, {1e-6, 1e-6, 1.0}};
    double x[D] = {1.0, 2.0};
    assert_int_equal(ode_solve(o, &config, field, &p, 0, D, 0.0, 5.0, x).evaluations, 0);
    p.n = 1;
    assert_int_equal(ode_solve(o, &config, field, &p, 1, D, 5.0, 5.0, x).evaluations, 0);
    assert_true(x[0] == 1.0 && x[1] == 2.0);
    ode_destroy(&o);
    ode_destroy(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(global_errors_have_the_order_of_the_method),
        cmocka_unit_test(five_four_methods_take_six_evaluations_a_step),
        cmocka_unit_test(adaptive_errors_follow_the_tolerance),
        cmocka_unit_test(the_most_steps_bound_the_work),
        cmocka_unit_test(easy_ways_take_few_steps),
        cmocka_unit_test(a_lost_draw_leaves_the_others_alone),
        cmocka_unit_test(a_quantile_leaves_the_worst_draws_out),
        cmocka_unit_test(no_draws_and_no_way_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
