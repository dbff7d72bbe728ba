// SPDX-License-Identifier: Apache-2.0
#include "workers/prior.h"

#include "cluster/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static schema_parameter_t three[] = {
    {.name = "beta", .lower = 0, .upper = INFINITY},
    {.name = "gamma", .lower = 0, .upper = 1},
    {.name = "drift", .lower = -INFINITY, .upper = INFINITY},
};
static const schema_t sir = {.name = "sir", .n_parameters = 3, .parameters = three};
static const schema_t pair = {.name = "pair", .n_parameters = 2, .parameters = three};

static err_t read_prior(const char *text, const schema_t *schema, prior_t **out)
{
    err_t err;
    yaml_doc_t *doc = NULL;
    prior_lines_t lines;
    arena_t *arena = arena_create();
    TRY_TO(done, yaml_read_text(text, "study.yaml", &doc));
    TRY_TO(done,
           prior_read(yaml_node_get(yaml_root(doc), "parameters"), "study.yaml", arena, &lines));
    TRY_TO(done, prior_create(&lines, schema, out));
done:
    yaml_close(&doc);
    arena_destroy(&arena);
    return err;
}

static prior_t *prior_of(const char *text, const schema_t *schema)
{
    prior_t *prior = NULL;
    if (read_prior(text, schema, &prior) != OK)
        fail_msg("%s", err_text());
    return prior;
}

static void has(const prior_t *p, int parameter, const char *text, double lower, double upper)
{
    double from, to;
    assert_string_equal(prior_text(p, parameter), text);
    prior_support(p, parameter, &from, &to);
    assert_true(from == lower && to == upper);
}

static void flow_and_block_maps_say_the_same(void **state)
{
    (void)state;
    prior_t *flow = prior_of("parameters: {beta: lognormal(-0.9, 0.5), gamma: uniform(0, 1), "
                             "drift: truncated(student-t(3, 0, 1), -.inf, 2)}",
                             &sir);
    prior_t *block = prior_of("parameters:\n"
                              "  drift: truncated( student_t(3,0,1), -inf, 2.0 )\n"
                              "  gamma: uniform(0, 1e0)\n"
                              "  beta: 'lognormal(-0.90, 0.5)'\n",
                              &sir);
    prior_t *both[] = {flow, block};
    for (int i = 0; i < 2; i++) {
        has(both[i], 0, "lognormal(-0.9, 0.5)", 0, INFINITY);
        has(both[i], 1, "uniform(0, 1)", 0, 1);
        has(both[i], 2, "truncated(student_t(3, 0, 1), -.inf, 2)", -INFINITY, 2);
    }
    for (int i = 0; i < 100; i++) { // the order of the lines is nothing
        double x[3], y[3];
        rng_t r = rng_at(3, RNG_CHECK, (uint64_t)i), same = r;
        prior_draw(flow, &r, x);
        prior_draw(block, &same, y);
        assert_memory_equal(x, y, sizeof x);
        assert_true(prior_log_density(flow, x) == prior_log_density(block, x));
    }
    prior_destroy(&flow);
    prior_destroy(&block);
}

static void a_text_reads_back_as_itself(void **state)
{
    (void)state;
    const char *texts[] = {
        "normal(-0.333333333333333, 0.1)", "half_normal(2)", "exponential(0.3)",
        "gamma(6, 3.33333333333333)",      "beta(0.5, 0.5)", "truncated(normal(0, 1), 0, 2)"};
    schema_parameter_t x = {.name = "x", .lower = -INFINITY, .upper = INFINITY};
    schema_t one = {.name = "one", .n_parameters = 1, .parameters = &x};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *study = mem_format("parameters:\n  x: %s\n", texts[i]);
        prior_t *prior = prior_of(study, &one);
        assert_string_equal(prior_text(prior, 0), texts[i]);
        prior_destroy(&prior);
        free(study);
    }
}

static void names_share_a_dirichlet(void **state)
{
    schema_parameter_t parameters[] = {{.name = "a", .lower = 0, .upper = 1},
                                       {.name = "x", .lower = -INFINITY, .upper = INFINITY},
                                       {.name = "b", .lower = -1, .upper = 2}};
    schema_t schema = {.name = "m", .n_parameters = 3, .parameters = parameters};
    const char *texts[] = {"parameters: {a, b: dirichlet(2, 3), x: normal(0, 1)}",
                           "parameters:\n  b, a: dirichlet(3, 2)\n  x: normal(0, 1)\n",
                           "parameters: {x: normal(0, 1), 'a, b': dirichlet(2, 3)}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        prior_t *prior = prior_of(texts[i], &schema);
        has(prior, 0, "dirichlet(2, 3) of a, b", 0, 1);
        has(prior, 2, "dirichlet(2, 3) of a, b", 0, 1);
        rng_t r = rng_at(3, RNG_CHECK, 0);
        double x[3];
        prior_draw(prior, &r, x);
        assert_true(fabs(x[0] + x[2] - 1) < 1e-15);
        prior_destroy(&prior);
    }
    prior_t *rest = prior_of("parameters: {b, a: dirichlet(3, 2, 9), x: normal(0, 1)}", &schema);
    has(rest, 0, "dirichlet(2, 3, 9) of a, b", 0, 1);
    prior_destroy(&rest);
}

static void a_dirichlet_of_all_its_shares_lies_on_a_plane(void **state)
{
    (void)state;
    char *names[] = {"a", "b"};
    prior_line_t at[] = {{.n_names = 1, .names = names, .text = "normal(0, 1)"},
                         {.n_names = 2, .names = names, .text = "dirichlet(1, 2, 3)"},
                         {.n_names = 2, .names = names, .text = "dirichlet(1, 2)"}};
    assert_ptr_equal(prior_on_a_plane(&(prior_lines_t){.n = 3, .at = at}), &at[2]);
    assert_null(prior_on_a_plane(&(prior_lines_t){.n = 2, .at = at}));
}

static void no_lines_are_no_prior(void **state)
{
    (void)state;
    yaml_doc_t *doc;
    prior_lines_t lines;
    arena_t *arena = arena_create();
    assert_int_equal(yaml_read_text("study: s\nparameters:\n", "study.yaml", &doc), OK);
    assert_int_equal(
        prior_read(yaml_node_get(yaml_root(doc), "parameters"), "study.yaml", arena, &lines), OK);
    assert_int_equal(lines.n, 0);
    assert_int_equal(prior_read(yaml_node_get(yaml_root(doc), "no"), "study.yaml", arena, &lines),
                     OK);
    assert_int_equal(lines.n, 0);
    yaml_close(&doc);
    arena_destroy(&arena);
}

static void refused(const char *lines, const char *words)
{
    prior_t *prior = NULL;
    char *study = mem_format("study: s\nparameters: {%s}\n", lines);
    err_t err = read_prior(study, &pair, &prior);
    if (!err_is(err, ERR_USAGE) || strstr(err_text(), words) == NULL ||
        strncmp(err_text(), "study.yaml:2: parameters", 24) != 0)
        fail_msg("%s gave %s: %s", lines, err_name(err), err_text());
    assert_null(prior);
    free(study);
}

static void wrong_names_are_told(void **state)
{
    (void)state;
    refused("beta: exponential(1), gama: uniform(0, 1)",
            "parameters.gama: model pair has no parameter \"gama\"; did you mean \"gamma\"?");
    refused("beta: exponential(1), k: uniform(0, 1)",
            "has no parameter \"k\", expected one of beta, gamma");
    refused("beta: exponential(1)", "there is no prior for gamma: expected one for each parameter");
    refused("gamma: uniform(0, 1), beta", "there is no prior for beta");
    refused("beta: exponential(1), gamma, beta: dirichlet(1, 2)",
            "the key \"beta\" stands here again");
    refused("beta: exponential(1), 'gamma, beta': dirichlet(1, 2, 3)", "beta has a prior already");
    refused("beta, gamma: uniform(0, 1)", "uniform is of one parameter, got 2 names");
}

static void wrong_priors_are_told(void **state)
{
    (void)state;
    const char *wrong[][2] = {
        {"lognorml(0, 1)", "there is no prior \"lognorml\"; did you mean \"lognormal\"?"},
        {"cauchy(0, 1)", "there is no prior \"cauchy\", expected one of truncated, dirichlet"},
        {"lognormal(0)", "lognormal takes 2 arguments (mean, sd), got 1"},
        {"exponential(1, 2)", "exponential takes 1 argument (rate), got 2"},
        {"lognormal(0, -1)", "lognormal(mean, sd): argument 2 is -1, expected more than 0"},
        {"gamma(0, 1)", "gamma(shape, rate): argument 1 is 0, expected more than 0"},
        {"normal(inf, 1)", "argument 1 is not a finite number"},
        {"uniform(1, 0)", "uniform(lower, upper): got 1 and 0, expected the lower one first"},
        {"truncated(lognormal(0, 1), 3, 2)", "truncated to 3 and 2, expected the lower one first"},
        {"truncated(beta(1, 1), 2, 3)", "beta, which lies between 0 and 1, has nothing"},
        {"truncated(lognormal(0, 1), 3)", "expected truncated(normal(0, 1), 0, 2)"},
        {"truncated(1, 2, 3)", "expected truncated(normal(0, 1), 0, 2)"},
        {"normal(normal(0, 1), 1)", "normal takes numbers, not a prior"},
        {"truncated(truncated(normal(0, 1), 0, 3), 0, 2)", "expected a number"},
        {"truncated(dirichlet(1, 2), 0, 3)", "a dirichlet can not be truncated"},
        {"truncated(gamma(1e7, 1), 0, 3)", "argument 1 is 1e+07, expected at most 1e+06"},
        {"dirichlet(1, 2, 3)", "got 3 for 1"},
        {"dirichlet(1, 0)", "dirichlet: number 2 is 0, expected more than 0"},
        {"0.4", "at \"0.4\", expected a prior such as lognormal(-0.9, 0.5)"},
        {"lognormal(0, 1", "\"lognormal(0\" and what follows: expected a closing \")\""},
        {"'lognormal(0, 1'", "ends too early: expected \",\" or \")\""},
        {"lognormal(0, 1) x", "at \"x\", expected nothing more"},
        {"lognormal(0; 1)", "at \"0; 1)\", expected a number"},
        {"lognormal", "ends too early: expected \"(\""},
        {"[1, 2]", "got a sequence, expected a prior such as"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *lines = mem_format("gamma: uniform(0, 1), beta: %s", wrong[i][0]);
        refused(lines, wrong[i][1]);
        free(lines);
    }
}

static void a_prior_beyond_the_bounds_is_refused_with_the_cure(void **state)
{
    (void)state;
    refused("beta: normal(0, 1), gamma: uniform(0, 1)",
            "parameters.beta: normal(0, 1) reaches from -inf to inf, but pair declares beta from 0 "
            "to inf; cut it: truncated(normal(0, 1), 0, .inf)");
    refused("gamma: lognormal(0, 1), beta: exponential(1)",
            "cut it: truncated(lognormal(0, 1), 0, 1)");
    refused("gamma: uniform(2, 3), beta: exponential(1)", "but pair declares gamma from 0 to 1");
    prior_t *prior = prior_of("parameters: {beta: truncated(normal(0, 1), 0, .inf), gamma: "
                              "uniform(0.2, 0.4)}",
                              &pair);
    has(prior, 0, "truncated(normal(0, 1), 0, .inf)", 0, INFINITY);
    has(prior, 1, "uniform(0.2, 0.4)", 0.2, 0.4); // the support becomes the prior's
    prior_destroy(&prior);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_and_block_maps_say_the_same),
        cmocka_unit_test(a_text_reads_back_as_itself),
        cmocka_unit_test(names_share_a_dirichlet),
        cmocka_unit_test(a_dirichlet_of_all_its_shares_lies_on_a_plane),
        cmocka_unit_test(no_lines_are_no_prior),
        cmocka_unit_test(wrong_names_are_told),
        cmocka_unit_test(wrong_priors_are_told),
        cmocka_unit_test(a_prior_beyond_the_bounds_is_refused_with_the_cure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
