// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/report.h"
#include "diagnostics/markup.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
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
    const gate_subject_t subject = {"study", "9f3c21ab", "ddm-1-77", 7, 0};
    return gate_judge(&m, NAMES, &limits, &subject);
}

static written_t write_report(double calibration)
{
    static const double mean[4] = {1.25, 0.3, NAN, NAN}, sd[4] = {0.1, 0.02, NAN, NAN};
    static const double low[4] = {1.05, 0.26, NAN, NAN}, high[4] = {1.45, 0.34, NAN, NAN};
    static const char *const ids[2] = {"p1 & p2", "p3"}, *const verdicts[2] = {
                                                             "accepted",
                                                             "17 trials, 50 to 400 trained"};
    const report_inferred_t inferred = {2, 2, ids, NAMES, mean, sd, low, high, verdicts};
    const report_picture_t picture = {"report_test.png", "Recovery", "Read \"it\"."};
    const double loss[2] = {2, 1};
    history_verdict_t training = history_inspect(2, loss, loss);
    written_t w = {.gate = judged(calibration)};
    const report_t report = {.study = "A <study> & more",
                             .model = "ddm 1",
                             .created = "today",
                             .gate = &w.gate,
                             .ratings = ratings_default(),
                             .training = &training,
                             .training_seconds = 90,
                             .training_rows = 20000,
                             .n_pictures = 1,
                             .pictures = &picture,
                             .inferred = &inferred};
    assert_int_equal(file_replace("report_test.png", sizeof PIXEL - 1, PIXEL), OK);
    assert_int_equal(report_write(".", &report), OK);
    assert_int_equal(file_read("report.html", &w.html), OK);
    assert_int_equal(file_read("report.md", &w.markdown), OK);
    assert_int_equal(file_read("report.json", &w.json), OK);
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
    written_free(&w);
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
    assert_non_null(strstr(w.markdown.data, "| p1 & p2 | 1.250 ± 0.100, 1.050 to 1.450 | "
                                            "0.300 ± 0.020, 0.260 to 0.340 | accepted |"));
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
    json_t *second = json_array_get(json_object_get(root, "parameters"), 1);
    assert_true(json_is_null(json_object_get(second, "nrmse")));
    assert_true(json_real_value(json_object_get(second, "calibration_error")) == 0.02);
    json_t *first_set = json_array_get(json_object_get(root, "data_sets"), 0);
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
    const report_t report = {.study = "s",
                             .gate = &gate,
                             .training_seconds = NAN,
                             .n_pictures = 1,
                             .pictures = &picture};
    assert_true(err_is(report_write(".", &report), ERR_MISSING));
    assert_non_null(strstr(err_text(), "no_such.png"));
    assert_int_not_equal(access("report.md", F_OK), 0);
    gate_free(&gate);
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
        cmocka_unit_test(a_failure_says_why),
        cmocka_unit_test(foreign_text_is_escaped),
        cmocka_unit_test(html_holds_its_pictures),
        cmocka_unit_test(real_data_sets_have_their_table),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(a_picture_that_is_not_there_is_named),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
