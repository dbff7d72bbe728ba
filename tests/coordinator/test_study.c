// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study.h"

#include "cluster/mem.h"

#include <math.h>
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

static void a_declared_model_takes_all_of_its_bank_and_holds_out_of_it(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(study_parse("study: a\nmodel: {declaration: m.yaml}\n"
                                 "bank: {import: [one.h5, /two.csv, mu=mu.npy]}\n",
                                 "in/a.yaml", &s),
                     OK);
    assert_string_equal(s.model.declaration, "in/m.yaml");
    assert_int_equal(s.bank.rows, 0); // until the bank is looked at
    assert_int_equal(s.train.held_out_rows, s.diagnose.datasets);
    assert_int_equal(s.bank.import.n, 3);
    assert_string_equal(s.bank.import.at[0], "in/one.h5");
    assert_string_equal(s.bank.import.at[1], "/two.csv");
    assert_string_equal(s.bank.import.at[2], "mu=in/mu.npy");
    study_free(&s);
    assert_int_equal(study_parse("study: a\nmodel: {declaration: m.yaml}\nbank: {rows: 5000}\n"
                                 "train: {held_out_rows: 500}\n",
                                 "a.yaml", &s),
                     OK);
    assert_int_equal(s.bank.rows, 5000);
    assert_int_equal(s.train.held_out_rows, 500);
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

static void design_names_columns(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(
        study_parse("study: a\nmodel: {builtin: ddm}\ninfer: {design: {dose: mg}}\n", "a.yaml", &s),
        OK);
    assert_int_equal(s.infer.n_design, 1);
    assert_string_equal(s.infer.design[0].variable, "dose");
    assert_string_equal(s.infer.design[0].column, "mg");
    study_free(&s);
    refused("study: a\nmodel: {builtin: ddm}\ninfer: {design: mg}\n", "mapping");
    refused("study: a\nmodel: {builtin: ddm}\ninfer: {design: {dose: [a, b]}}\n",
            "infer.design.dose: expected the name of a CSV column");
}

static void predictive_checks_want_enough_simulations(void **state)
{
    (void)state;
    study_t s;
    assert_int_equal(study_parse("study: a\nmodel: {builtin: ddm}\n", "a.yaml", &s), OK);
    assert_true(s.infer.predictive == 50 && s.infer.predictive_datasets == 20);
    study_free(&s);
    assert_int_equal(
        study_parse("study: a\nmodel: {builtin: ddm}\ninfer: {predictive: 0}\n", "a.yaml", &s), OK);
    assert_int_equal(s.infer.predictive, 0);
    study_free(&s);
    refused("study: a\nmodel: {builtin: ddm}\ninfer: {predictive: 19}\n",
            "infer.predictive: got 19, expected 0 (no check) or 20 or more");
}

static void a_command_has_words_and_a_timeout(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"500ms", 0.5}, {"30s", 30}, {"1.5m", 90}, {"2h", 7200}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        study_t s;
        char *text = mem_format("study: a\nmodel: {command: [python3, sim.py], timeout: %s, "
                                "on_failure: stop}\n",
                                times[i].text);
        assert_int_equal(study_parse(text, "a.yaml", &s), OK);
        assert_int_equal(s.model.command.n, 2);
        assert_string_equal(s.model.command.at[1], "sim.py");
        assert_true(fabs(s.model.timeout_seconds - times[i].seconds) < 1e-12);
        assert_int_equal(s.model.on_failure, FAILURE_STOP);
        study_free(&s);
        free(text);
    }
    static const char *const no_times[] = {"30", "0s", "-1s", "5 days", "s", "1e400s", "nan"};
    for (size_t i = 0; i < sizeof no_times / sizeof *no_times; i++) {
        char *text = mem_format("study: a\nmodel:\n  command: [x]\n  timeout: %s\n", no_times[i]);
        refused(text, "a.yaml:4: model.timeout: got");
        free(text);
    }
    refused("study: a\nmodel: {builtin: ddm, timeout: 1s}\n", "are for plugins and commands");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rwos: 5}\n", "a.yaml:3");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rwos: 5}\n", "rows");
    refused("study: a\n", "model");
    refused("study: a\nmodel: {}\n",
            "model: expected one of builtin, plugin, command and declaration");
    refused("study: a\nmodel: {builtin: ddm, plugin: x.so}\n",
            "model: expected one of builtin, plugin, command and declaration");
    refused("study: '!!'\nmodel: {builtin: ddm}\n", "no letter");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {shard_rows: 300}\n", "multiple of 256");
    refused("study: a\nmodel: {builtin: ddm}\ntrain: {batch_size: 64, slices: 3}\n",
            "multiple of train.slices (3)");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rows: 1000}\ntrain: {validation_rows: 800}\n",
            "half");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {rows: 1000}\ntrain: {validation_rows: 300, "
            "held_out_rows: 300}\n",
            "300 rows for validation and 300 held out for diagnose");
    refused("study: a\nmodel: {builtin: ddm}\nbank: {import: sims.h5}\n",
            "files are imported for a model that is only declared");
    refused("study: a\nmodel: {declaration: m.yaml}\nparameters: {mu: normal(0, 1)}\n",
            "nothing is drawn from a prior");
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
    simulator_t *simulator = NULL;
    amortizer_config_t network;
    assert_int_equal(study_simulator(&a, &simulator), OK);
    assert_int_equal(study_network(&a, simulator_schema(simulator), &network), OK);
    char *x = study_training_text(&a, &network), *y = study_training_text(&b, &network);
    assert_string_not_equal(x, y);
    assert_non_null(strstr(y, "train.epochs: 7\n"));
    assert_non_null(strstr(y, "network.transform: spline\n"));
    simulator_close(&simulator);
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
    assert_true(config.observables[0].summary.golden && config.inference.golden);
    // DeepSet with 16 summaries and N as the condition of the affine flow: the peer's own counts are near this
    // (peer: DeepSet with 4 summaries 171,078, affine flow of 16 conditions 228,912; here 12 summaries and one condition
    // more)
    int64_t deep_set = 171078 + 12 * (256 + 1), flow = 228912 + 6 * 2 * 128;
    assert_int_equal(params_weights(amortizer_params(amortizer)), deep_set + flow);
    amortizer_destroy(&amortizer);
    simulator_close(&simulator);
    study_free(&s);
}

static err_t network_of(const char *text, const char *builtin, amortizer_config_t *config)
{
    study_t s;
    simulator_t *simulator = NULL;
    char *all = mem_format("study: a\nmodel: {builtin: %s}\nnetwork: %s\n", builtin, text);
    err_t err = study_parse(all, "a.yaml", &s);
    free(all);
    TRY(err);
    TRY(study_simulator(&s, &simulator));
    err = study_network(&s, simulator_schema(simulator), config);
    simulator_close(&simulator);
    study_free(&s);
    return err;
}

static void network_refused(const char *text, const char *words)
{
    amortizer_config_t config;
    err_t err = network_of(text, "location_scale", &config);
    assert_true(err_is(err, ERR_USAGE));
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err_text(), words);
    err_clear();
}

static void networks_are_chosen_and_set(void **state)
{
    (void)state;
    amortizer_config_t c;
    assert_int_equal(network_of("{size: small, ensemble: 2, summary: {width: 48}, "
                                "observables: {y: {summary_dim: 5}}, inference: {bins: 4}}",
                                "location_scale", &c),
                     OK);
    assert_int_equal(c.members, 2);
    assert_int_equal(c.inference.flow.bins, 4);
    assert_int_equal(c.inference.flow.width, 32);
}

static void wrong_networks_are_refused_with_the_cure(void **state)
{
    (void)state;
    network_refused("{sumary: {}}", "summary");
    network_refused("{ensemble: 0}", "1 to 64");
    network_refused("{summary: {type: deepset}}", "deep_set");
    network_refused(
        "{summary: {type: mlp}}",
        "mlp reads none of the observables of model \"location_scale\": \"y\" is a set, "
        "which needs a summary network of its own kind: expected deep_set or "
        "set_transformer, or leave it out");
    network_refused("{summary: {heads: 3}}",
                    "deep_set has no such setting; it is of set_transformer");
    network_refused("{observables: {x: {}}}", "no such observable");
    network_refused(
        "{observables: {y: {type: identity}}}",
        "network.observables.y.type: identity reads a vector, and observable \"y\" is a "
        "set, which needs a summary network of its own kind: expected deep_set or "
        "set_transformer, or leave it out");
    network_refused("{inference: {architecture: flowjax}}", "bayesflow");
    network_refused("{inference: {bin: 3}}", "bins");
    network_refused("{inference: {bins: [3]}}", "bins");
    network_refused("{summary: 3}", "map");
}

static void nothing_is_routed_by_hand(void **state)
{
    (void)state;
    refused("study: a\nmodel: {builtin: location_scale}\nnetwork:\n  conditions: [y]\n",
            "a.yaml:4: network.conditions: there is nothing to route, leave it out: parameters are "
            "inferred, design variables are conditions, and a set, a series or an image is read by "
            "a summary network of its own, never as a condition");
    refused("study: a\nmodel: {builtin: location_scale}\nnetwork: {summary: {y: {type: mlp}}}\n",
            "a.yaml:3: network.summary: no setting of all summary networks is a map; one of "
            "observable y stands below network.observables: {y: {...}}");
}

static int summaries_of(const char *network, const char *model)
{
    study_t s;
    simulator_t *simulator = NULL;
    amortizer_config_t c;
    char *all = mem_format("study: a\nmodel: {builtin: %s}\nnetwork: %s\n", model, network);
    assert_int_equal(study_parse(all, "a.yaml", &s), OK);
    assert_int_equal(study_simulator(&s, &simulator), OK);
    assert_int_equal(study_network(&s, simulator_schema(simulator), &c), OK);
    int dim = c.observables[0].summary.summary_dim;
    simulator_close(&simulator);
    study_free(&s);
    free(all);
    return dim;
}

static void there_are_summaries_for_all_parameters(void **state)
{
    (void)state;
    network_refused("{summary: {summary_dim: 1}}",
                    "network.summary.summary_dim: 1 learned summaries in all for 2 parameters, "
                    "expected at least as many, and two a parameter are usual: leave it out");
    network_refused("{observables: {y: {summary_dim: 1}}}",
                    "network.observables.y.summary_dim: 1 learned summaries in all");
    assert_int_equal(summaries_of("{summary: {summary_dim: 2}}", "location_scale"), 2);
    assert_int_equal(summaries_of("{}", "location_scale"), 32);
    assert_int_equal(summaries_of("{summary: {type: mlp, size: small}}", "gaussian_linear"), 20);
}

#define WITH_PRIORS                                                                                \
    "study: a\nmodel: {builtin: ddm}\n"                                                            \
    "parameters: {v: normal(0, 1), a: uniform(0.5, 2), t0: truncated(normal(0, 1), 0, .inf)}\n"

static void priors_of_the_study_replace_the_simulators(void **state)
{
    (void)state;
    study_t s;
    simulator_t *simulator = NULL;
    enum { ROWS = 20 };
    assert_int_equal(study_parse(WITH_PRIORS, "a.yaml", &s), OK);
    assert_int_equal(study_simulator(&s, &simulator), OK);
    const schema_t *schema = simulator_schema(simulator);
    assert_string_equal(schema->parameters[1].prior, "uniform(0.5, 2)");
    assert_true(schema->parameters[1].lower == 0.5 && schema->parameters[1].upper == 2);
    rows_t rows = rows_create(schema, ROWS);
    for (int i = 0; i < ROWS; i++) {
        const double *x = &rows.parameters[3 * i];
        assert_int_equal(simulator_row(simulator, 5, RNG_BANK, i, &rows, i), OK);
        assert_int_equal(rows.status[i], ROW_DONE);
        assert_true(x[1] > 0.5 && x[1] < 2 && x[2] > 0);
        double expected =
            -0.5 * (x[0] * x[0] + x[2] * x[2]) - log(2 * M_PI) - log(1.5) + log(2); // by hand
        double got = simulator_log_prior(simulator, x, &rows.design[i]);
        assert_true(fabs(got - expected) < 1e-12);
    }
    rows_destroy(&rows);
    simulator_close(&simulator);
    study_free(&s);
}

static void the_simulators_own_prior_tells_its_density(void **state)
{
    (void)state;
    simulator_t *simulator = NULL;
    double inside[] = {0.5, 1.5, 0.3}, outside[] = {0.5, -1, 0.3}, n = 100;
    assert_int_equal(simulator_load_builtin("ddm", &simulator), OK);
    assert_true(isfinite(simulator_log_prior(simulator, inside, &n)));
    assert_true(simulator_log_prior(simulator, outside, &n) == -INFINITY);
    simulator_close(&simulator);
}

static void wrong_priors_name_file_and_line(void **state)
{
    (void)state;
    const char *wrong[][2] = {
        {"{v: normal(0, 1), a: uniform(0.5, 2)}", "a.yaml:3: parameters: there is no prior for t0"},
        {"{v: normal(0, 1), a: normal(0, 1), t0: uniform(0, 1)}",
         "a.yaml:3: parameters.a: normal(0, 1) reaches from -inf to inf"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        study_t s;
        simulator_t *simulator = NULL;
        char *text = mem_format("study: a\nmodel: {builtin: ddm}\nparameters: %s\n", wrong[i][0]);
        assert_int_equal(study_parse(text, "a.yaml", &s), OK);
        assert_true(err_is(study_simulator(&s, &simulator), ERR_USAGE));
        assert_ptr_equal(strstr(err_text(), wrong[i][1]), err_text());
        assert_null(simulator);
        study_free(&s);
        free(text);
    }
}

static void shares_that_sum_to_one_are_not_learned(void **state)
{
    (void)state;
    study_t s;
    simulator_t *simulator = NULL;
    amortizer_config_t config;
    const char *form = "study: a\nmodel: {builtin: ddm}\nparameters: {v: normal(0, 1), a, t0: "
                       "dirichlet(1, 2%s)}\n";
    for (int i = 0; i < 2; i++) {
        char *text = mem_format(form, i == 0 ? "" : ", 3");
        assert_int_equal(study_parse(text, "a.yaml", &s), OK);
        assert_int_equal(study_simulator(&s, &simulator), OK);
        err_t err = study_network(&s, simulator_schema(simulator), &config);
        assert_true(i == 0 ? err_is(err, ERR_USAGE) : err == OK);
        if (err != OK)
            assert_non_null(strstr(err_text(), "a.yaml:3: parameters.a, t0: dirichlet(1, 2): "));
        simulator_close(&simulator);
        study_free(&s);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled),
        cmocka_unit_test(a_declared_model_takes_all_of_its_bank_and_holds_out_of_it),
        cmocka_unit_test(columns_have_three_forms),
        cmocka_unit_test(design_names_columns),
        cmocka_unit_test(predictive_checks_want_enough_simulations),
        cmocka_unit_test(a_command_has_words_and_a_timeout),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(training_text_tells_settings_apart),
        cmocka_unit_test(the_peers_architecture_has_its_sizes),
        cmocka_unit_test(networks_are_chosen_and_set),
        cmocka_unit_test(wrong_networks_are_refused_with_the_cure),
        cmocka_unit_test(nothing_is_routed_by_hand),
        cmocka_unit_test(there_are_summaries_for_all_parameters),
        cmocka_unit_test(priors_of_the_study_replace_the_simulators),
        cmocka_unit_test(the_simulators_own_prior_tells_its_density),
        cmocka_unit_test(wrong_priors_name_file_and_line),
        cmocka_unit_test(shares_that_sum_to_one_are_not_learned),
    };
    return cmocka_run_group_tests_name("study", tests, NULL, NULL);
}
