// SPDX-License-Identifier: Apache-2.0
#include "workers/chains.h"

#include "cluster/mem.h"
#include "diagnostics/convergence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { D = 3, SEED = 5 };

/* A Gaussian of scales 1, 0.01 and 30, the first two with correlation 0.9. */
static const double mean[D] = {1.0, -2.0, 50.0}, scale[D] = {1.0, 0.01, 30.0};
static const double correlation = 0.9;

static double gaussian(void *user, const double *x, double *gradient)
{
    (void)user;
    double z[D], rest = 1.0 - correlation * correlation;
    for (int i = 0; i < D; i++)
        z[i] = (x[i] - mean[i]) / scale[i];
    if (gradient != NULL) {
        gradient[0] = -(z[0] - correlation * z[1]) / rest / scale[0];
        gradient[1] = -(z[1] - correlation * z[0]) / rest / scale[1];
        gradient[2] = -z[2] / scale[2];
    }
    return -0.5 *
           ((z[0] * z[0] - 2.0 * correlation * z[0] * z[1] + z[1] * z[1]) / rest + z[2] * z[2]);
}

/* A normal x, and a y whose mean is x^2 - 1: curved, with closed forms for the moments of both. */
static double bent(void *user, const double *x, double *gradient)
{
    (void)user;
    double rest = x[1] - (x[0] * x[0] - 1.0);
    if (gradient != NULL) {
        gradient[0] = -x[0] + 4.0 * rest * 2.0 * x[0];
        gradient[1] = -4.0 * rest;
    }
    return -0.5 * x[0] * x[0] - 2.0 * rest * rest;
}

typedef struct {
    chains_target_t target;
    chains_config_t config;
    double *start, *out;
    chains_report_t report;
} many_t;

// Starts from draws that are shifted by half a standard deviation and half again as wide, as a poor approximation's are.
static many_t run_gaussian(bool gradient, uint64_t seed)
{
    many_t c = {.target = {D, gaussian, NULL, gradient},
                .config = chains_config_default(D, gradient)};
    int n = c.config.chains;
    rng_t rng = rng_at(seed, RNG_CHECK, gradient);
    c.start = MEM_NEW(double, n *D);
    c.out = MEM_NEW(double, n *c.config.draws *D);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < D; i++)
            c.start[k * D + i] =
                mean[i] + scale[i] * (0.5 + 1.5 * rng_normal(&rng)) * (i == 1 ? 0.5 : 1.0);
    c.report = chains_run(&c.target, &c.config, c.start, &rng, c.out);
    return c;
}

static void many_free(many_t *c)
{
    free(c->start);
    free(c->out);
}

// One quantity of all chains, (chains, draws), of draws (chains, draws, d).
static double *column(const many_t *c, int i, int power)
{
    int64_t n = c->config.chains * c->config.draws;
    double *x = MEM_NEW(double, n);
    for (int64_t k = 0; k < n; k++)
        x[k] = pow(c->out[k * c->target.d + i], power);
    return x;
}

// The mean of x within 4.5 standard errors by the effective sample size; R-hat below 1.01, or by chance a little above it.
static void check_mean(const many_t *c, int i, int power, double expected)
{
    int64_t n = c->config.chains * c->config.draws;
    double *x = column(c, i, power), sum = 0.0, squares = 0.0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k] / (double)n;
    for (int64_t k = 0; k < n; k++)
        squares += (x[k] - sum) * (x[k] - sum) / (double)n;
    convergence_t got = convergence(c->config.chains, c->config.draws, x);
    if (!(got.rhat < 1.02) || !(got.bulk > 400.0))
        fail_msg("%s, parameter %d: R-hat %.4f, effective size %.0f, acceptance %.2f, step %.3g",
                 c->target.has_gradient ? "gradient" : "none", i, got.rhat, got.bulk,
                 c->report.acceptance, c->report.step);
    if (!(fabs(sum - expected) < 4.5 * sqrt(squares / fmin(got.bulk, got.tail))))
        fail_msg("parameter %d to the power of %d: mean %.5g, expected %.5g, sd %.3g, effective "
                 "size %.0f",
                 i, power, sum, expected, sqrt(squares), got.bulk);
    free(x);
}

static void check_gaussian(bool gradient)
{
    many_t c = run_gaussian(gradient, SEED);
    for (int i = 0; i < D; i++) {
        check_mean(&c, i, 1, mean[i]);
        check_mean(&c, i, 2, mean[i] * mean[i] + scale[i] * scale[i]);
    }
    assert_true(c.report.acceptance > 0.3 && c.report.acceptance < 0.98);
    many_free(&c);
}

static void hamiltonian_chains_find_a_gaussian(void **state)
{
    (void)state;
    check_gaussian(true);
}

static void stretch_moves_find_a_gaussian(void **state)
{
    (void)state;
    check_gaussian(false);
}

static void check_bent(bool gradient)
{
    many_t c = {.target = {2, bent, NULL, gradient}, .config = chains_config_default(2, gradient)};
    int n = c.config.chains;
    rng_t rng = rng_at(SEED, RNG_CHECK, 100);
    c.config.draws *= 4; // it takes a chain some time to come round the bend
    c.start = MEM_NEW(double, n * 2);
    c.out = MEM_NEW(double, n *c.config.draws * 2);
    for (int k = 0; k < n; k++) {
        c.start[2 * k] = 0.2 + rng_uniform(&rng);
        c.start[2 * k + 1] = rng_normal(&rng);
    }
    c.report = chains_run(&c.target, &c.config, c.start, &rng, c.out);
    check_mean(&c, 0, 1, 0.0);
    check_mean(&c, 0, 2, 1.0);
    check_mean(&c, 1, 1, 0.0);
    check_mean(&c, 1, 2, 2.25); // var x^2 + 1 / 4
    many_free(&c);
}

static void a_bent_target_is_found(void **state)
{
    (void)state;
    check_bent(true);
    check_bent(false);
}

static void the_same_seed_gives_the_same_draws(void **state)
{
    (void)state;
    many_t a = run_gaussian(true, 9), b = run_gaussian(true, 9), c = run_gaussian(true, 10);
    size_t bytes = (size_t)(a.config.chains * a.config.draws * D) * sizeof(double);
    assert_memory_equal(a.out, b.out, bytes);
    assert_true(memcmp(a.out, c.out, bytes) != 0 && a.report.evaluations == b.report.evaluations);
    many_free(&a);
    many_free(&b);
    many_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hamiltonian_chains_find_a_gaussian),
        cmocka_unit_test(stretch_moves_find_a_gaussian),
        cmocka_unit_test(a_bent_target_is_found),
        cmocka_unit_test(the_same_seed_gives_the_same_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
