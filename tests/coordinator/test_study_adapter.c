// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "coordinator/study_adapter.h"
#include "storage/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* location_scale: mu (all), sigma (0, inf); design n; y a set of n x 1. */
static err_t read_study(const char *lines, study_t *s)
{
    char *text = mem_format("study: adapted\nmodel: {builtin: location_scale}\n%s", lines);
    err_t err = study_parse(text, "study.yaml", s);
    free(text);
    return err;
}

typedef struct {
    study_t study;
    simulator_t *simulator;
    const schema_t *schema;
    adapter_t *adapter;
} made_t;

static void make(const char *lines, made_t *m)
{
    *m = (made_t){0};
    if (read_study(lines, &m->study) != OK)
        fail_msg("%s", err_text());
    assert_int_equal(study_simulator(&m->study, &m->simulator), OK);
    m->schema = simulator_schema(m->simulator);
    if (study_adapter(&m->study, m->schema, &m->adapter) != OK)
        fail_msg("%s", err_text());
}

static void made_free(made_t *m)
{
    adapter_destroy(&m->adapter);
    simulator_close(&m->simulator);
    study_free(&m->study);
}

static void test_the_networks_have_the_shapes_behind_it(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t network;
    amortizer_t *amortizer;
    make("adapter:\n  - nan_to_mask: [y]\n  - drop: [sigma, n]\n  - subsample: {y: 30}\n", &m);
    assert_int_equal(study_network(&m.study, m.schema, &network), OK);
    assert_int_equal(network.n_parameters, 1);
    assert_int_equal(network.n_design, 0);
    assert_int_equal(network.observables[0].features, 2);
    assert_int_equal(network.observables[0].max_length, 30);
    assert_int_equal(amortizer_create(&network, 1, &amortizer), OK);
    amortizer_set_adapter(amortizer, &m.adapter);
    assert_int_equal(adapter_kept(amortizer_adapter(amortizer), NULL), 1);
    amortizer_destroy(&amortizer);
    made_free(&m);
}

static void test_masked_observables_may_miss_values(void **state)
{
    (void)state;
    made_t m;
    make("adapter:\n  - nan_to_mask: [y]\n", &m);
    assert_true(m.schema->observables[0].missing);
    char *text = schema_text(m.schema);
    schema_t back;
    assert_non_null(strstr(text, "missing: true"));
    assert_int_equal(schema_parse(text, "here", &back), OK);
    assert_true(back.observables[0].missing);
    back.observables[0].missing = false;
    char *difference = schema_difference(m.schema, &back);
    assert_string_equal(difference, "observable y: values may be missing against must not");
    free(difference);
    schema_free(&back);
    free(text);
    made_free(&m);
}

static void test_settings_of_training_name_it(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t network;
    make("adapter:\n  - log: [sigma]\n  - standardize: {y: false}\n", &m);
    assert_int_equal(study_network(&m.study, m.schema, &network), OK);
    char *text = study_training_text(&m.study, &network);
    assert_non_null(strstr(text, "\nadapter: log: [sigma]; standardize: {"));
    free(text);
    made_free(&m);
}

static void test_the_text_of_a_file_makes_the_same_adapter(void **state)
{
    (void)state;
    made_t m;
    adapter_t *again;
    make("adapter:\n  - log: [sigma]\n  - constrain: {mu: [-9, 9]}\n", &m);
    char *text = adapter_config_text(adapter_config(m.adapter));
    assert_int_equal(study_adapter_parse(text, "amortizer.h5", m.schema, &again), OK);
    double u[2], v[2];
    adapter_free(m.adapter, (double[]){0.3, 1.7}, u, NULL);
    adapter_free(again, (double[]){0.3, 1.7}, v, NULL);
    assert_memory_equal(u, v, sizeof u);
    adapter_destroy(&again);
    free(text);
    made_free(&m);
}

static void test_a_network_of_a_joined_observable_is_found_by_its_name(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t network;
    make("adapter:\n  - concatenate: {of: [y], into: joined}\n"
         "network: {observables: {joined: {type: deep_set}}}\n",
         &m);
    assert_int_equal(study_network(&m.study, m.schema, &network), OK);
    made_free(&m);
}

/* Rows: 0 fine, 1 outside a constraint, 2 with a value that log can not take. */
static void test_rows_that_can_not_go_through_are_named(void **state)
{
    (void)state;
    made_t m;
    make("adapter:\n  - log: [y]\n  - constrain: {mu: [0, 10]}\n", &m);
    rows_t rows = rows_create(m.schema, 3);
    adapted_rows_t *adapted = adapted_rows_create(m.adapter);
    first_pass_shape_t shape = adapted_rows_shape(adapted);
    rows.n = 3;
    for (int i = 0; i < 3; i++) {
        rows.index[i] = 40 + i;
        rows.parameters[2 * i] = i == 1 ? -1 : 2;
        rows.parameters[2 * i + 1] = 1;
        rows.design[i] = rows.length[i] = 20;
        for (int k = 0; k < 20; k++)
            rows.observables[0][i * schema_size(&m.schema->observables[0]) + k] =
                i == 2 && k == 3 ? -5.0f : 2.0f;
    }
    double parameters[2], design[1];
    const float *values[1];
    int64_t counts[1];
    first_pass_row_t out = {parameters, design, values, counts};
    assert_int_equal(shape.n_parameters, 2);
    assert_int_equal(adapted_rows_transform(adapted, &rows, 0, &out), OK);
    assert_true(fabs(parameters[0] - log(2.0 / 8.0)) < 1e-15);
    assert_true(design[0] == 20 && counts[0] == 20 && values[0][7] == logf(2.0f));
    assert_true(err_is(adapted_rows_transform(adapted, &rows, 1, &out), ERR_USAGE));
    assert_string_equal(err_text(), "adapter: row 41 of the bank: mu = -1, expected a number above "
                                    "0 and below 10");
    assert_true(err_is(adapted_rows_check(adapted, &rows, 2), ERR_USAGE));
    assert_string_equal(err_text(), "adapter: row 42 of the bank: y[3] = -5, expected a number "
                                    "above 0 (log)");
    adapted_rows_destroy(&adapted);
    rows_destroy(&rows);
    made_free(&m);
}

static void test_wrong_lists_are_told_with_their_line(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"adapter:\n  - logg: [sigma]\n",
         "study.yaml:4: adapter[0]: unknown transform \"logg\"; did "
         "you mean \"log\"?"},
        {"adapter: log\n", "study.yaml:3: adapter: expected a list of transforms"}};
    for (int k = 0; k < 2; k++) {
        study_t s;
        assert_true(err_is(read_study(forms[k][0], &s), ERR_USAGE));
        if (!strstr(err_text(), forms[k][1]))
            fail_msg("\"%s\" is not in: %s", forms[k][1], err_text());
    }
    study_t s;
    simulator_t *simulator = NULL;
    assert_int_equal(read_study("adapter:\n  - log: [sgima]\n", &s), OK);
    assert_true(err_is(study_simulator(&s, &simulator), ERR_USAGE));
    assert_non_null(strstr(err_text(), "study.yaml:4: adapter.log: there is no \"sgima\" here; did "
                                       "you mean \"sigma\"?"));
    study_free(&s);
}

/* A Dirichlet over all its shares, of a model whose parameters are w1, w2. */
static void test_a_prior_on_a_plane_needs_its_simplex(void **state)
{
    (void)state;
    schema_parameter_t parameters[] = {{.name = "w1", .lower = 0, .upper = 1},
                                       {.name = "w2", .lower = 0, .upper = 1}};
    schema_observable_t y = {.name = "y",
                             .kind = KIND_SET,
                             .n_dims = 2,
                             .dims = {10, 1},
                             .length_design = -1,
                             .lower = -INFINITY,
                             .upper = INFINITY};
    schema_t schema = {.name = "shares",
                       .version = "1",
                       .n_parameters = 2,
                       .n_observables = 1,
                       .parameters = parameters,
                       .observables = &y};
    static const char *const lines[] = {
        "parameters:\n  w1, w2: dirichlet(1, 2)\n",
        "parameters:\n  w1, w2: dirichlet(1, 2)\nadapter:\n  - simplex: [w2, w1]\n"};
    for (int k = 0; k < 2; k++) {
        study_t s;
        adapter_t *a = NULL;
        assert_int_equal(read_study(lines[k], &s), OK);
        err_t err = study_adapter(&s, &schema, &a);
        assert_true(k == 1 ? err == OK : err_is(err, ERR_USAGE));
        if (k == 0)
            assert_non_null(strstr(err_text(), "study.yaml:4: parameters.w1, w2: dirichlet(1, 2): "
                                               "these parameters sum to 1"));
        adapter_destroy(&a);
        study_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_networks_have_the_shapes_behind_it),
        cmocka_unit_test(test_masked_observables_may_miss_values),
        cmocka_unit_test(test_settings_of_training_name_it),
        cmocka_unit_test(test_the_text_of_a_file_makes_the_same_adapter),
        cmocka_unit_test(test_a_network_of_a_joined_observable_is_found_by_its_name),
        cmocka_unit_test(test_rows_that_can_not_go_through_are_named),
        cmocka_unit_test(test_wrong_lists_are_told_with_their_line),
        cmocka_unit_test(test_a_prior_on_a_plane_needs_its_simplex)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
