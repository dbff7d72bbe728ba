// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void refused(const char *text, const char *words)
{
    study_t study;
    err_t err = study_parse(text, "a.yaml", &study);
    assert_true(err_is(err, ERR_USAGE));
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
}

static void defaults_are_filled(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(
        study_parse("study: Reaction times, 2nd\nmodel: {builtin: ddm}\n", "in/a.yaml", &s), OK);
    assert_string_equal(s.slug, "reaction-times-2nd");
    assert_string_equal(s.folder, "in");
    assert_string_equal(s.bank.path, "in/bank");
    assert_int_equal(s.bank.rows, 20000);
    assert_int_equal(s.train.slices, s.train.batch_size / 16);
    assert_int_equal(s.diagnose.minimum_datasets, 300);
    assert_null(s.infer.data);
    study_free(&s);
}

static void columns_have_three_forms(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(
        study_parse(
            "study: a\nmodel: {builtin: ddm}\n"
            "infer: {data: /d.csv, columns: {y: {value: rt, sign: response}, x: [a, b], z: c}}\n",
            "a.yaml", &s),
        OK);
    assert_string_equal(s.infer.data, "/d.csv");
    assert_int_equal(s.infer.n_columns, 3);
    assert_string_equal(s.infer.columns[0].columns[0], "rt");
    assert_string_equal(s.infer.columns[0].sign, "response");
    assert_int_equal(s.infer.columns[1].n_columns, 2);
    assert_string_equal(s.infer.columns[1].columns[1], "b");
    assert_null(s.infer.columns[2].sign);
    study_free(&s);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rwos: 5}\n", "a.yaml:3");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rwos: 5}\n", "rows");
    refused("study: a\n", "model");
    refused("study: a\nmodel: {}\n", "expected one of builtin, plugin and command");
    refused("study: a\nmodel: {builtin: ddm, plugin: x.so}\n", "expected one of builtin, plugin and command");
    refused("study: '!!'\nmodel: {builtin: ddm}\n", "no letter");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {shard_rows: 300}\n", "multiple of 256");
    refused("study: a\nmodel: {builtin: ddm}\ntrain: {batch_size: 64, slices: 3}\n",
            "multiple of train.slices (3)");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rows: 1000}\ntrain: {validation_rows: 800}\n",
            "half");
    refused("study: a\nmodel: {builtin: ddm}\ntrain: {learning_rate: fast}\n", "learning_rate");
    refused("study: a\nmodel: {builtin: ddm}\nnetwork: {inference: {transform: splines}}\n",
            "spline");
    refused("study: a\nmodel: {builtin: ddm}\ninfer: {columns: {y: {valu: rt}}}\n", "value");
    refused("study: a\nmodel: {builtin: ddm}\ninfer: {columns: y}\n", "mapping");
}

static void training_text_tells_settings_apart(void **state)
{
    (void)state;
    study_t a, b;
    assert_int_equal(study_parse("study: a\nmodel: {builtin: ddm}\n", "a.yaml", &a), OK);
    assert_int_equal(
        study_parse("study: a\nmodel: {builtin: ddm}\ntrain: {epochs: 7}\n", "a.yaml", &b), OK);
    char *x = study_training_text(&a), *y = study_training_text(&b);
    assert_string_not_equal(x, y);
    assert_non_null(strstr(y, "train.epochs: 7\n"));
    assert_non_null(strstr(y, "network.inference.transform: spline\n"));
    free(x);
    free(y);
    study_free(&a);
    study_free(&b);
}

static void the_peers_architecture_has_its_sizes(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(study_parse("study: a\nmodel: {builtin: location_scale}\nnetwork:\n"
                                 "  summary: {architecture: bayesflow}\n"
                                 "  inference: {architecture: bayesflow, transform: affine}\n",
                                 "a.yaml", &s),
                     OK);
    simulator_t *simulator = NULL;
    amortizer_config_t config;
    amortizer_t *amortizer = NULL;
    assert_int_equal(study_simulator(&s, &simulator), OK);
    assert_int_equal(study_network(&s, simulator_schema(simulator), &config), OK);
    assert_int_equal(amortizer_create(&config, 1, &amortizer), OK);
    assert_true(config.summary.golden && config.inference.golden);
    // DeepSet with 16 summaries and N as the condition of the affine flow: the peer's own counts are near this
    // (peer: DeepSet with 4 summaries 171,078, affine flow of 16 conditions 228,912; here 12 summaries and one condition
    // more)
    int64_t deep_set = 171078 + 12 * (256 + 1), flow = 228912 + 6 * 2 * 128;
    assert_int_equal(params_weights(amortizer_params(amortizer)), deep_set + flow);
    amortizer_destroy(&amortizer);
    simulator_close(&simulator);
    study_free(&s);
}

static void sets_are_the_only_kind_read(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(study_parse("study: a\nmodel: {builtin: ddm}\n", "a.yaml", &s), OK);
    schema_observable_t image = {.name = (char *)"picture",
                                 .kind = KIND_IMAGE,
                                 .n_dims = 3,
                                 .dims = {8, 8, 1},
                                 .length_design = -1};
    schema_parameter_t parameter = {.name = (char *)"p", .lower = 0, .upper = 1};
    schema_t schema = {.name = (char *)"m",
                       .version = (char *)"1",
                       .n_parameters = 1,
                       .n_observables = 1,
                       .parameters = &parameter,
                       .observables = &image};
    amortizer_config_t config;
    assert_true(err_is(study_network(&s, &schema, &config), ERR_USAGE));
    assert_non_null(strstr(err_text(), "picture"));
    study_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled),
        cmocka_unit_test(columns_have_three_forms),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(training_text_tells_settings_apart),
        cmocka_unit_test(the_peers_architecture_has_its_sizes),
        cmocka_unit_test(sets_are_the_only_kind_read),
    };
    return cmocka_run_group_tests_name("study", tests, NULL, NULL);
}
