// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/exact_case.h"
#include "workers/prior.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { P = 6, ROWS = 5 };

static const float *data_of(const exact_case_t *c)
{
    return c->rows.observables[0];
}

static void the_density_is_prior_times_likelihood(void **state)
{
    (void)state;
    exact_case_t c = exact_case_make("iat_ddm", 0);
    const infermill_simulator_t *t = simulator_table(c.simulator);
    const float *y[] = {data_of(&c)};
    double theta[P];
    memcpy(theta, c.rows.parameters, sizeof theta);
    double expected = t->log_prior(NULL, theta, NULL) + t->log_likelihood(NULL, theta, NULL, y);
    assert_true(exact_log_density(c.exact, theta) == expected);
    theta[2] = -0.1;
    assert_true(exact_log_density(c.exact, theta) == -INFINITY);
    theta[2] = NAN;
    assert_true(exact_log_density(c.exact, theta) == -INFINITY);
    exact_case_free(&c);
}

/* All parameters are positive: free numbers are logarithms, and |d theta / du| is the product of theta. */
static void free_numbers_carry_their_jacobian(void **state)
{
    (void)state;
    exact_case_t c = exact_case_make("iat_ddm", 1);
    chains_target_t target = exact_target(c.exact);
    double u[P], back[P], sum = 0.0;
    const double *theta = c.rows.parameters;
    assert_int_equal(target.d, P);
    exact_to_free(c.exact, theta, u);
    exact_from_free(c.exact, u, back);
    for (int p = 0; p < P; p++) {
        assert_true(fabs(u[p] - log(theta[p])) < 1e-12);
        assert_true(fabs(back[p] - theta[p]) < 1e-12);
        sum += log(theta[p]);
    }
    double expected = exact_log_density(c.exact, theta) + sum;
    assert_true(fabs(target.density(target.user, u, NULL) - expected) < 1e-9 * fabs(expected));
    exact_case_free(&c);
}

static double shifted(const chains_target_t *target, const double *u, int p, double by)
{
    double at[P];
    memcpy(at, u, sizeof at);
    at[p] += by;
    return target->density(target->user, at, NULL);
}

/* Five points: the error is the fifth derivative times step^4 / 30, and 1e-13 of the value (some hundreds) / step. The
 * density bends within a thousandth where the fastest answer leaves little time for a decision. */
static double slope(const chains_target_t *target, const double *u, int p)
{
    const double step = 1e-5;
    return (8.0 * (shifted(target, u, p, step) - shifted(target, u, p, -step)) -
            (shifted(target, u, p, 2.0 * step) - shifted(target, u, p, -2.0 * step))) /
           (12.0 * step);
}

static void assert_gradient(const exact_case_t *c)
{
    chains_target_t target = exact_target(c->exact);
    double u[P], gradient[P];
    assert_true(target.has_gradient);
    exact_to_free(c->exact, c->rows.parameters, u);
    double value = target.density(target.user, u, gradient);
    assert_true(value == shifted(&target, u, 0, 0.0));
    for (int p = 0; p < P; p++) {
        double expected = slope(&target, u, p);
        assert_true(fabs(gradient[p] - expected) < 1e-5 * (1.0 + fabs(expected)));
    }
}

static void the_gradient_is_that_of_the_density(void **state)
{
    (void)state;
    for (int64_t i = 0; i < ROWS; i++) {
        exact_case_t c = exact_case_make("iat_ddm", i);
        assert_gradient(&c);
        exact_case_free(&c);
    }
}

static prior_t *study_prior(const schema_t *schema)
{
    static char *const texts[P] = {"truncated(normal(1, 2), 0, inf)",
                                   "uniform(0, 9)",
                                   "lognormal(0, 0.5)",
                                   "gamma(6, 0.15)",
                                   "beta(2, 3)",
                                   "exponential(2)"};
    prior_line_t line[P];
    prior_t *prior;
    for (int p = 0; p < P; p++)
        line[p] = (prior_line_t){1, &schema->parameters[p].name, texts[p], "here"};
    prior_lines_t lines = {P, line, "here"};
    err_t err = prior_create(&lines, schema, &prior);
    CHECK(err == OK, "%s", err_text());
    return prior;
}

/* The study's priors tell no gradient, and give the parameters other bounds. */
static void so_it_is_under_the_priors_of_a_study(void **state)
{
    (void)state;
    simulator_t *simulator;
    assert_int_equal(simulator_load_builtin("iat_ddm", &simulator), OK);
    simulator_set_prior(simulator, study_prior(simulator_schema(simulator)));
    exact_case_t c = exact_case_of(simulator, 2);
    double theta[P];
    assert_false(simulator_prior_gradient(simulator, c.rows.parameters, NULL, theta));
    assert_gradient(&c);
    exact_case_free(&c);
}

static void what_tells_no_density_is_refused(void **state)
{
    (void)state;
    exact_case_t c = exact_case_make("iat_ddm", 0);
    adapter_item_t item = {.name = "a1"};
    adapter_transform_t drop = {.kind = ADAPTER_DROP, .n = 1, .items = &item};
    adapter_config_t config = {.n = 1, .transforms = &drop};
    adapter_t *adapter = exact_case_adapter(simulator_schema(c.simulator), &config);
    exact_t *exact = NULL;
    assert_true(err_is(exact_create(c.simulator, adapter, &exact), ERR_USAGE));
    assert_non_null(strstr(err_text(), "drops 1 of 6"));
    adapter_destroy(&adapter);
    schema_t copy = schema_copy(simulator_schema(c.simulator));
    simulator_t *declared = simulator_declared(copy, "model.yaml");
    assert_true(err_is(exact_create(declared, c.adapter, &exact), ERR_USAGE));
    assert_non_null(strstr(err_text(), "model.yaml: a command, or a model that is only declared"));
    assert_false(simulator_has_gradient(declared));
    assert_true(isnan(simulator_log_likelihood(declared, c.rows.parameters, NULL, NULL, NULL)));
    simulator_close(&declared);
    assert_null(exact);
    exact_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_density_is_prior_times_likelihood),
        cmocka_unit_test(free_numbers_carry_their_jacobian),
        cmocka_unit_test(the_gradient_is_that_of_the_density),
        cmocka_unit_test(so_it_is_under_the_priors_of_a_study),
        cmocka_unit_test(what_tells_no_density_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
