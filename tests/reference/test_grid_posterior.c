// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/grid_posterior.h"

#include "workers/load.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 20 };
typedef struct {
    float y[N];
} set_t;

// Spread around 1; nearly constant, so that sigma hugs its floor; wide.
static set_t make_set(int which)
{
    const double scale[] = {0.8, 0.01, 6.0}, shift[] = {1.0, -0.4, 3.0};
    set_t set;
    for (int i = 0; i < N; i++)
        set.y[i] = (float)(shift[which] + scale[which] * sin(7.3 * i + which));
    return set;
}

static double log_joint_of_simulator(const set_t *set, double mu, double sigma)
{
    const double theta[2] = {mu, sigma}, design[1] = {N};
    const float *const y[1] = {set->y};
    simulator_t *s = NULL;
    assert_int_equal(simulator_load_builtin("location_scale", &s), OK);
    const infermill_simulator_t *table = simulator_table(s);
    double log =
        table->log_prior(NULL, theta, design) + table->log_likelihood(NULL, theta, design, y);
    simulator_close(&s);
    return log;
}

static double sum_of(const grid_posterior_t *g,
                     double (*f)(double mu, double sigma, double log_density))
{
    double sum = 0.0;
    for (int64_t i = 0; i < g->n; i++)
        sum += g->weight[i] * f(g->mu[i], g->sigma[i], g->log_density[i]);
    return sum;
}

static double one(double mu, double sigma, double log_density)
{
    (void)mu, (void)sigma, (void)log_density;
    return 1.0;
}
static double first(double mu, double sigma, double log_density)
{
    (void)sigma, (void)log_density;
    return mu;
}
static double second(double mu, double sigma, double log_density)
{
    (void)mu, (void)log_density;
    return sigma;
}
static double entropy(double mu, double sigma, double log_density)
{
    (void)mu, (void)sigma;
    return -log_density;
}

static void density_is_prior_times_likelihood(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        set_t set = make_set(which);
        grid_posterior_t g;
        assert_int_equal(grid_posterior(N, set.y, 0.5, &g), OK);
        for (int64_t i = 0; i < g.n; i += 97) {
            double expected = log_joint_of_simulator(&set, g.mu[i], g.sigma[i]) - g.log_normaliser;
            double tolerance = 1e-9 * (1.0 + fabs(expected) + N / (g.sigma[i] * g.sigma[i]));
            assert_true(fabs(g.log_density[i] - expected) < tolerance);
            double again = grid_posterior_log_density(&g, N, set.y, g.mu[i], g.sigma[i]);
            assert_true(fabs(again - expected) < tolerance);
        }
        grid_posterior_free(&g);
    }
}

// Simpson's rule on a plain rectangle in (mu, log(sigma - 0.05)), over the simulator's own prior and likelihood.
typedef struct {
    double mass, mu, sigma, entropy;
} moments_t;

static moments_t by_simpson(const set_t *set, const double *box, double log_normaliser)
{
    enum { STEPS = 600 };
    moments_t m = {0};
    const infermill_simulator_t *table = NULL;
    for (int i = 0; i < simulator_builtin_count() && table == NULL; i++)
        if (simulator_builtin(i)->name[0] == 'l')
            table = simulator_builtin(i);
    assert_non_null(table);
    for (int i = 0; i <= STEPS; i++)
        for (int j = 0; j <= STEPS; j++) {
            double mu = box[0] + (box[1] - box[0]) * i / STEPS;
            double s = box[2] + (box[3] - box[2]) * j / STEPS;
            double wi = i == 0 || i == STEPS ? 1.0 : i % 2 ? 4.0 : 2.0;
            double wj = j == 0 || j == STEPS ? 1.0 : j % 2 ? 4.0 : 2.0;
            const double theta[2] = {mu, 0.05 + exp(s)}, design[1] = {N};
            const float *const y[1] = {set->y};
            double log = table->log_prior(NULL, theta, design) +
                         table->log_likelihood(NULL, theta, design, y) - log_normaliser;
            double w = wi * wj * exp(log + s);
            m.mass += w;
            m.mu += w * mu;
            m.sigma += w * theta[1];
            m.entropy -= w > 0.0 ? w * log : 0.0;
        }
    double cell = (box[1] - box[0]) * (box[3] - box[2]) / (9.0 * STEPS * STEPS);
    return (moments_t){m.mass * cell, m.mu * cell, m.sigma * cell, m.entropy * cell};
}

static void sums_agree_with_an_independent_quadrature(void **state)
{
    (void)state;
    const double boxes[3][4] = {
        {-0.6, 2.6, -2.2, 1.2}, {-0.5, -0.3, -14.0, -2.0}, {-6.0, 7.0, 0.3, 3.3}};
    for (int which = 0; which < 3; which++) {
        set_t set = make_set(which);
        grid_posterior_t g;
        assert_int_equal(grid_posterior(N, set.y, 0.5, &g), OK);
        moments_t m = by_simpson(&set, boxes[which], g.log_normaliser);
        assert_true(fabs(m.mass - 1.0) < 1e-6);
        assert_true(fabs(sum_of(&g, one) - 1.0) < 1e-8);
        assert_true(fabs(sum_of(&g, first) - m.mu) < 2e-6);
        assert_true(fabs(sum_of(&g, second) - m.sigma) < 2e-6);
        assert_true(fabs(sum_of(&g, entropy) - m.entropy) < 2e-5);
        assert_in_range(g.n, 200, 10000);
        grid_posterior_free(&g);
    }
}

static void halving_the_step_changes_nothing(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        set_t set = make_set(which);
        grid_posterior_t coarse, fine;
        assert_int_equal(grid_posterior(N, set.y, 0.5, &coarse), OK);
        assert_int_equal(grid_posterior(N, set.y, 0.25, &fine), OK);
        assert_true(fabs(coarse.log_normaliser - fine.log_normaliser) < 1e-8);
        assert_true(fabs(sum_of(&coarse, entropy) - sum_of(&fine, entropy)) < 1e-6);
        grid_posterior_free(&coarse);
        grid_posterior_free(&fine);
    }
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    set_t set = make_set(0);
    grid_posterior_t g;
    set.y[7] = NAN;
    assert_true(err_is(grid_posterior(N, set.y, 0.5, &g), ERR_FORMAT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_is_prior_times_likelihood),
        cmocka_unit_test(sums_agree_with_an_independent_quadrature),
        cmocka_unit_test(halving_the_step_changes_nothing),
        cmocka_unit_test(what_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
