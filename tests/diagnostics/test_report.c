// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/report.h"
#include "diagnostics/markup.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char PIXEL[] = "\x89PNG not really";

typedef struct {
    gate_record_t gate;
    text_t html, markdown, json;
} written_t;

static const char *const NAMES[2] = {"<b>drift</b>", "t0|x"};

static gate_record_t judged(double calibration)
{
    parameter_metrics_t p[2] = {
        {.calibration_error = calibration,
         .ecdf_deviation = 0.03,
         .nrmse = 0.12,
         .contraction = 0.99},
        {.calibration_error = 0.02, .ecdf_deviation = 0.03, .nrmse = NAN, .contraction = 0.5}};
    metrics_t m = {.n = 300, .s = 1000, .d = 2, .level = 0.99, .parameter = p};
    gate_limits_t limits = gate_limits_default();
    const gate_subject_t subject = {.study = "study",
                                    .weights = "9f3c21ab",
                                    .bank = "ddm-1-77",
                                    .seed = 7,
                                    .remark = "a and b switch labels"};
    return gate_judge(&m, NAMES, &limits, &subject);
}

static const report_variable_t PARAMETERS[2] = {{"<b>drift</b>", "any number", "normal(0, 1)"},
                                                {"t0|x", "greater than 0", "the simulator's own"}};
static const report_variable_t OBSERVABLES[1] = {{"y", "set of n (20 to 200) × 1", NULL}};
static const report_variable_t DESIGN[1] = {{"n", "whole, 20 to 200", NULL}};
static const report_model_t MODEL = {"ddm", "1",        "a diffusion", 2,     1,
                                     1,     PARAMETERS, OBSERVABLES,   DESIGN};
static const report_simulations_t SIMULATIONS = {.path = "bank",
                                                 .fingerprint = "ddm-1-77",
                                                 .rows = 20000,
                                                 .seconds = 90,
                                                 .n_outcomes = 2,
                                                 .outcome = {{"done", 19990}, {"rejected", 10}},
                                                 .failures = "rejected 10 rows: drift above 3\n"};
static const report_picture_t PICTURE = {"report_test.png", "Recovery", "Read \"it\"."};

static report_training_t trained(void)
{
    static const double loss[2] = {2, 1};
    return (report_training_t){.verdict = history_inspect(2, loss, loss, 1.1),
                               .epochs = 2,
                               .rows = 19000,
                               .validation_rows = 990,
                               .n_weights = 12345,
                               .seconds = 180,
                               .training_loss = 1,
                               .validation_loss = 1,
                               .overfitting = 1.1};
}

static report_t a_report(const gate_record_t *gate, const report_training_t *training)
{
    return (report_t){.study = "A <study> & more",
                      .study_path = "study.yaml",
                      .study_text = "study: A\nmodel: {builtin: ddm} # `a` <i>\n",
                      .created = "today",
                      .weights = "9f3c21ab",
                      .model = &MODEL,
                      .simulations = &SIMULATIONS,
                      .training = training,
                      .gate = gate,
                      .ratings = ratings_default(),
                      .n_pictures = 1,
                      .pictures = &PICTURE,
                      .bank = "ddm-1-77",
                      .software = "infermill 1",
                      .hosts = "2 ranks"};
}

static void written_read(written_t *w)
{
    assert_int_equal(file_read("report.html", &w->html), OK);
    assert_int_equal(file_read("report.md", &w->markdown), OK);
    assert_int_equal(file_read("report.json", &w->json), OK);
}

static written_t write_report(double calibration)
{
    static const double mean[4] = {1.25, 0.3, NAN, NAN}, sd[4] = {0.1, 0.02, NAN, NAN};
    static const double low[4] = {1.05, 0.26, NAN, NAN}, high[4] = {1.45, 0.34, NAN, NAN};
    const ledger_entry_t entries[2] = {
        {0, "p1 & p2", "accepted", 60, false, 0.5, mean, sd, low, high},
        {1, "p3", "17 trials, 50 to 400 trained", 17, true, NAN, mean + 2, sd + 2, low + 2,
         high + 2}};
    ledger_t ledger = ledger_create(2, 2, NAMES, 0.05);
    for (int i = 0; i < 2; i++)
        ledger_add(&ledger, &entries[i]);
    ledger_finish(&ledger);
    const report_inferred_t inferred = {
        .ledger = &ledger, .data = "people.csv", .posterior = "posterior.h5"};
    written_t w = {.gate = judged(calibration)};
    report_training_t training = trained();
    report_t report = a_report(&w.gate, &training);
    report.inferred = &inferred;
    assert_int_equal(file_replace("report_test.png", sizeof PIXEL - 1, PIXEL), OK);
    assert_int_equal(report_write(".", &report), OK);
    ledger_free(&ledger);
    written_read(&w);
    return w;
}

static void written_free(written_t *w)
{
    gate_free(&w->gate);
    text_free(&w->html);
    text_free(&w->markdown);
    text_free(&w->json);
    unlink("report.html");
    unlink("report.md");
    unlink("report.json");
    unlink("report_test.png");
}

static void the_verdict_comes_first(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    const char *verdict =
        "Passed: on 300 simulated data sets the posteriors of all 2 parameters are calibrated";
    const char *in_html = strstr(w.html.data, verdict),
               *in_markdown = strstr(w.markdown.data, verdict);
    assert_non_null(in_html);
    assert_non_null(in_markdown);
    assert_true(in_html < strstr(w.html.data, "<table"));
    assert_true(in_markdown < strstr(w.markdown.data, "|"));
    assert_non_null(strstr(w.html.data, "a and b switch labels"));
    assert_non_null(strstr(w.markdown.data, "a and b switch labels"));
    assert_non_null(strstr(w.json.data, "\"remark\": \"a and b switch labels\""));
    written_free(&w);
}

static void a_parameter_alone_is_named(void **state)
{
    (void)state;
    gate_record_t gate = judged(0.02);
    report_training_t training = trained();
    gate.n_parameters = 1;
    report_t report = a_report(&gate, &training);
    char *words = report_verdict(&report);
    assert_non_null(strstr(words, "data sets the posterior of <b>drift</b> is calibrated within"));
    free(words);
    gate.n_parameters = 2;
    gate_free(&gate);
}

static void a_failure_says_why(void **state)
{
    (void)state;
    written_t w = write_report(0.3);
    assert_non_null(strstr(w.html.data, "Not passed"));
    assert_non_null(strstr(
        w.html.data, "<li>Parameter &lt;b&gt;drift&lt;/b&gt;: calibration error 0.3, at most"));
    assert_non_null(strstr(w.html.data, "overconfident"));
    assert_non_null(strstr(w.markdown.data, "**not passed**"));
    written_free(&w);
}

static void foreign_text_is_escaped(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    assert_non_null(strstr(w.html.data, "<h1>A &lt;study&gt; &amp; more</h1>"));
    assert_null(strstr(w.html.data, "<b>"));
    assert_non_null(strstr(w.html.data, "p1 &amp; p2"));
    assert_non_null(strstr(w.markdown.data, "t0\\|x"));
    assert_null(strstr(w.markdown.data, "<b>"));
    written_free(&w);
}

static void html_holds_its_pictures(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    assert_non_null(strstr(w.html.data, "src=\"data:image/png;base64,iVBORyBub3QgcmVhbGx5\""));
    assert_non_null(strstr(w.html.data, "Read &quot;it&quot;."));
    assert_null(strstr(w.html.data, "<script"));
    written_free(&w);
}

static void real_data_sets_have_their_table(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    assert_non_null(strstr(w.markdown.data, "| p1 & p2 | 1.250 ± 0.100 (1.050 to 1.450) | "
                                            "0.300 ± 0.020 (0.260 to 0.340) | accepted |"));
    assert_non_null(strstr(w.markdown.data, "| p3 | none | none |"));
    assert_non_null(strstr(w.html.data, "17 trials, 50 to 400 trained"));
    written_free(&w);
}

static void json_is_json(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    json_t *root = json_loadb(w.json.data, w.json.length, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_true(json_object_get(json_object_get(root, "verdict"), "passed")));
    json_t *checks = json_object_get(root, "checks");
    json_t *second = json_array_get(json_object_get(checks, "parameters"), 1);
    assert_true(json_is_null(json_object_get(second, "nrmse")));
    assert_true(json_real_value(json_object_get(second, "calibration_error")) == 0.02);
    json_t *first_set =
        json_array_get(json_object_get(json_object_get(root, "inference"), "first"), 0);
    json_t *drift = json_object_get(json_object_get(first_set, "parameters"), NAMES[0]);
    assert_true(json_real_value(json_object_get(drift, "mean")) == 1.25);
    json_decref(root);
    written_free(&w);
}

static void a_picture_that_is_not_there_is_named(void **state)
{
    (void)state;
    const report_picture_t picture = {"no_such.png", "Recovery", NULL};
    gate_record_t gate = judged(0.02);
    report_t report = a_report(&gate, NULL);
    report.pictures = &picture;
    assert_true(err_is(report_write(".", &report), ERR_MISSING));
    assert_non_null(strstr(err_text(), "no_such.png"));
    assert_int_not_equal(access("report.md", F_OK), 0);
    gate_free(&gate);
}

/* Each section's heading, in both pages, and its member of the JSON. */
static void everything_is_told_in_all_three(void **state)
{
    (void)state;
    static const struct {
        const char *member, *words;
    } told[] = {{"model", "normal(0, 1)"},
                {"budget", "19,000 simulations, 990 more for validation: 3.0 min"},
                {"budget", "20,000 in the bank bank: 19,990 done, 10 rejected"},
                {"training", "Best epoch 2 of 2"},
                {"checks", "the largest deviation of the rank ECDF at most 0.1"},
                {"failures", "rejected 10 rows: drift above 3"},
                {"inference", "2 data sets of people.csv: 1 have a posterior"},
                {"reproduce", "infermill run study.yaml"},
                {"reproduce", "ddm-1-77"}};
    written_t w = write_report(0.02);
    json_t *root = json_loadb(w.json.data, w.json.length, 0, NULL);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        assert_non_null(strstr(w.html.data, told[i].words));
        assert_true(json_is_object(json_object_get(root, told[i].member)));
    }
    assert_non_null(strstr(w.markdown.data, "19,990 done, 10 rejected"));
    assert_non_null(strstr(w.markdown.data, "```\nstudy: A\nmodel: {builtin: ddm} # `a` <i>\n```"));
    assert_non_null(strstr(w.html.data, "# `a` &lt;i&gt;"));
    json_decref(root);
    written_free(&w);
}

/* Advice in its order with settings as they stand in a study; what --auto did, and how it ended. */
static void what_to_do_next_and_what_was_tried_are_told(void **state)
{
    (void)state;
    advice_t advice[2] = {{.rule = ADVICE_SUMMARY,
                           .reason = "Few.",
                           .what = "Take more.",
                           .n_settings = 1,
                           .setting = {{"network.summary.summary_dim", "64"}},
                           .automatic = true},
                          {.rule = ADVICE_LABELS,
                           .reason = "They switch.",
                           .what = "Order them:",
                           .n_settings = 1,
                           .setting = {{"adapter", "- ordered: [a, b]"}}}};
    const advice_list_t list = {2, advice};
    json_t *log = json_pack("{s:[{s:i,s:s,s:{s:s},s:f}],s:f,s:s}", "decisions", "round", 1,
                            "reason", "Too few.", "settings", "bank.rows", "1600", "seconds", 7.0,
                            "seconds", 12.0, "end", "the gate passes");
    report_t report = a_report(NULL, NULL);
    report.n_pictures = 0;
    report.advice = &list;
    report.automatic = log;
    written_t w = {0};
    assert_int_equal(report_write(".", &report), OK);
    written_read(&w);
    assert_non_null(strstr(w.markdown.data, "1. Few. Take more.\n\n```\n"
                                            "network: {summary: {summary_dim: 64}}\n```"));
    assert_non_null(strstr(w.markdown.data, "adapter:\n  - ordered: [a, b]\n"));
    assert_non_null(strstr(w.markdown.data, "| 1 | Too few. | bank.rows: 1600 | 7 s |"));
    assert_non_null(strstr(w.html.data, "It ended after 12 s, since the gate passes."));
    json_t *root = json_loadb(w.json.data, w.json.length, 0, NULL);
    const json_t *first = json_array_get(json_object_get(root, "next"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "rule")), "summary");
    json_decref(root);
    json_decref(log);
    written_free(&w);
}

/* refine.json as the program writes it, with the refined network or the offline one as the result. */
static json_t *refinement(const char *kept, bool passed, double gain)
{
    return json_pack("{s:s,s:b,s:{s:i,s:f,s:f,s:f,s:f},s:[{s:s,s:f,s:f}],s:i,s:i,s:i,s:s,s:f,s:f,s:"
                     "f,s:i,s:f,s:i,"
                     "s:{s:i,s:i,s:f,s:i,s:f,s:f,s:i},s:{s:i,s:f,s:f,s:f},s:{s:i}}",
                     "kept", kept, "gate_passed", passed, "held_out", "data_sets", 300,
                     "offline_loss", 1.5, "refined_loss", 1.5 - gain, "gain", gain, "error", 0.02,
                     "calibration", "parameter", "<b>drift</b>", "offline", 0.04, "refined", 0.015,
                     "rows", 20000, "rows_done", 19990, "rounds", 10, "order", "arrival", "seconds",
                     90.0, "trainer_waiting", 0.25, "workers_waiting", 0.5, "workers", 4,
                     "rows_per_second", 250.0, "bytes_most", 12000000, "reservoir", "taken", 19990,
                     "held", 16384, "uses_mean", 2.0, "uses_most", 9, "once", 0.3, "age_mean",
                     4000.0, "age_most", 17000, "rank_test", "parameters", 2, "p", 0.4, "p_of_all",
                     0.0005, "p_least", 0.0001, "history", "best_round", 10);
}

static void what_refinement_gave_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *kept;
        bool passed;
        double gain;
        const char *words, *number;
    } cases[] = {{"refined", true, 0.25,
                  "The amortizer is the refined network: it passes the gate, and its loss on "
                  "300 held-out data sets is 0.250 nats below that of the offline network.",
                  "0.250 nats, standard error 0.020, on 300 held-out data sets: loss 1.500 "
                  "offline, 1.250 refined |"},
                 {"offline", false, 0.25,
                  "The amortizer is the offline network: the refined one does not pass the gate.",
                  "1.250 refined |"},
                 {"offline", true, -0.03,
                  "The amortizer is the offline network: on 300 held-out data sets its loss is "
                  "not above that of the refined one (gain −0.030 nats).",
                  "1.530 refined; it may be chance |"}};
    assert_int_equal(file_replace("refine.png", sizeof PIXEL - 1, PIXEL), OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *record = refinement(cases[i].kept, cases[i].passed, cases[i].gain);
        report_t report = a_report(NULL, NULL);
        report.n_pictures = 0;
        report.refine = record;
        written_t w = {0};
        assert_int_equal(report_write(".", &report), OK);
        written_read(&w);
        assert_non_null(strstr(w.markdown.data, "## Refinement with fresh simulations"));
        assert_non_null(strstr(w.markdown.data, cases[i].words));
        assert_non_null(strstr(w.html.data, cases[i].words));
        assert_non_null(strstr(w.markdown.data, cases[i].number));
        assert_non_null(strstr(w.html.data, "&lt;b&gt;drift&lt;/b&gt;"));
        assert_non_null(strstr(w.markdown.data, "0.040 | 0.015 | 0.025"));
        assert_non_null(strstr(w.markdown.data, "20,000 in 10 rounds, 19,990 of them done"));
        assert_non_null(strstr(w.markdown.data, "does not follow the prior"));
        assert_non_null(strstr(w.markdown.data,
                               "the trainer waited for rows 25 % of it, workers for work 50 %"));
        assert_non_null(
            strstr(w.markdown.data, "4 at most; 250 rows a second at most; 12.0 MB of rows"));
        json_t *root = json_loadb(w.json.data, w.json.length, 0, NULL);
        assert_true(json_equal(json_object_get(root, "refinement"), record));
        json_decref(root);
        json_decref(record);
        written_free(&w);
    }
    unlink("refine.png");
}

static void a_report_before_the_gate_says_so(void **state)
{
    (void)state;
    report_training_t training = trained();
    report_t report = a_report(NULL, &training);
    written_t w = {0};
    assert_int_equal(file_replace("report_test.png", sizeof PIXEL - 1, PIXEL), OK);
    assert_int_equal(report_write(".", &report), OK);
    written_read(&w);
    assert_non_null(strstr(w.markdown.data, "**Trained, not checked yet"));
    assert_null(strstr(w.markdown.data, "## Checks"));
    assert_non_null(strstr(w.json.data, "\"checks\": null"));
    written_free(&w);
}

/* A later stage knows neither the bank nor the real data; of other weights nothing is kept. */
static void what_was_said_of_the_same_weights_stays(void **state)
{
    (void)state;
    written_t w = write_report(0.02);
    report_training_t training = trained();
    report_t report = a_report(&w.gate, &training);
    report.simulations = NULL;
    text_free(&w.html);
    text_free(&w.markdown);
    text_free(&w.json);
    assert_int_equal(report_write(".", &report), OK);
    written_read(&w);
    assert_non_null(strstr(w.html.data, "19,990 done, 10 rejected"));
    assert_non_null(strstr(w.html.data, "2 data sets of people.csv"));
    report.weights = "another";
    text_free(&w.html);
    text_free(&w.markdown);
    text_free(&w.json);
    assert_int_equal(report_write(".", &report), OK);
    written_read(&w);
    assert_null(strstr(w.html.data, "people.csv"));
    assert_null(strstr(w.html.data, "19,990 done"));
    written_free(&w);
}

/* 1,000 data sets: every second one refused for its own length, the p-values falling. */
static void a_long_ledger_counts_and_shows_the_first_and_the_most_unusual(void **state)
{
    (void)state;
    enum { N = 1000 };
    ledger_t ledger = ledger_create(N, 1, NAMES, 0.05);
    for (int i = 0; i < N; i++) {
        char id[16], verdict[64];
        bool refused = i % 2 == 1;
        double value = refused ? (double)NAN : i;
        snprintf(id, sizeof id, "s%d", i);
        snprintf(verdict, sizeof verdict,
                 refused ? "no posterior: n = %d, outside 20 to 200" : "accepted", i);
        const ledger_entry_t entry = {
            i,      id,     verdict, i,     refused, refused ? (double)NAN : 1 - i / 1000.0,
            &value, &value, &value,  &value};
        ledger_add(&ledger, &entry);
    }
    ledger_finish(&ledger);
    const report_inferred_t inferred = {.ledger = &ledger, .data = "d.csv", .posterior = "p.h5"};
    report_t report = a_report(NULL, NULL);
    report.n_pictures = 0;
    report.inferred = &inferred;
    written_t w = {0};
    assert_int_equal(report_write(".", &report), OK);
    written_read(&w);
    assert_non_null(strstr(w.markdown.data, "1,000 data sets of d.csv: 500 have a posterior, 24 of "
                                            "them unusual for this model (p \\< 0.05); 500 were"));
    assert_non_null(strstr(w.markdown.data, "n = 1, outside 20 to 200 | 500 | s1 |"));
    json_t *root = json_loadb(w.json.data, w.json.length, 0, NULL);
    json_t *inference = json_object_get(root, "inference");
    assert_int_equal(json_array_size(json_object_get(inference, "first")), 50);
    json_t *unusual = json_object_get(inference, "most_unusual");
    assert_int_equal(json_array_size(unusual), 24);
    assert_string_equal(json_string_value(json_object_get(json_array_get(unusual, 0), "id")),
                        "s998");
    assert_true(ledger.n_first == 50 && ledger.n_most == 24 && ledger.n_refusals == 1);
    assert_true(ledger.most[23].p <= 0.05 && ledger.most[22].p < ledger.most[23].p);
    json_decref(root);
    ledger_free(&ledger);
    written_free(&w);
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (int i = 0; i < 7; i++) {
        text_t t = text_create();
        text_add_base64(&t, strlen(plain[i]), plain[i]);
        assert_string_equal(t.data, coded[i]);
        text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_comes_first),
        cmocka_unit_test(a_parameter_alone_is_named),
        cmocka_unit_test(a_failure_says_why),
        cmocka_unit_test(foreign_text_is_escaped),
        cmocka_unit_test(html_holds_its_pictures),
        cmocka_unit_test(real_data_sets_have_their_table),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(a_picture_that_is_not_there_is_named),
        cmocka_unit_test(everything_is_told_in_all_three),
        cmocka_unit_test(what_to_do_next_and_what_was_tried_are_told),
        cmocka_unit_test(what_refinement_gave_is_told),
        cmocka_unit_test(a_report_before_the_gate_says_so),
        cmocka_unit_test(what_was_said_of_the_same_weights_stays),
        cmocka_unit_test(a_long_ledger_counts_and_shows_the_first_and_the_most_unusual),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
