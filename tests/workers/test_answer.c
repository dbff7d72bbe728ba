// SPDX-License-Identifier: Apache-2.0
#include "workers/answer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char description[] =
    "{\"name\": \"sir\", \"version\": \"2\", \"description\": \"an epidemic\", \"batch\": true,"
    " \"parameters\": [{\"name\": \"beta\", \"lower\": 0, \"unit\": \"1/day\"}, {\"name\": \"p\", "
    "\"lower\": 0, "
    "\"upper\": 1}],"
    " \"observables\": [{\"name\": \"y\", \"kind\": \"series\", \"dims\": [\"n\", 2], \"lower\": "
    "0},"
    "                   {\"name\": \"size\", \"kind\": \"vector\", \"dims\": [1]}],"
    " \"design\": [{\"name\": \"n\", \"lower\": 1, \"upper\": 4}, {\"name\": \"dose\", \"lower\": "
    "0, \"upper\": 1.5}]}";

#define GOOD_PARAMETERS "\"parameters\": {\"beta\": 0.25, \"p\": 0.5}"
#define GOOD_DESIGN     "\"design\": {\"n\": 2, \"dose\": 1}"
#define GOOD_Y          "\"y\": [[1, 2], [3, 4.5]]"
#define GOOD            "{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {" GOOD_Y ", \"size\": 7}}"

typedef struct {
    schema_t schema;
    rows_t rows;
} fixture_t;

static int setup(void **state)
{
    static fixture_t f;
    bool batch = false;
    if (description_read(description, strlen(description), "here", &f.schema, &batch) != OK ||
        !batch)
        return -1;
    f.rows = rows_create(&f.schema, 2);
    f.rows.index[1] = 17;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    rows_destroy(&f->rows);
    schema_free(&f->schema);
    return 0;
}

static answer_t read_text(fixture_t *f, const char *text, bool given)
{
    answer_t answer;
    f->rows.index[1] = 17;
    answer_read(text, strlen(text), given, &f->rows, 1, &answer);
    assert_int_equal(f->rows.index[1], 17);
    assert_int_equal(f->rows.status[1], answer.status);
    return answer;
}

static void a_description_becomes_a_schema(void **state)
{
    const schema_t *s = &((fixture_t *)*state)->schema;
    assert_string_equal(s->name, "sir");
    assert_string_equal(s->version, "2");
    assert_string_equal(s->description, "an epidemic");
    assert_int_equal(s->n_parameters, 2);
    assert_string_equal(s->parameters[0].unit, "1/day");
    assert_true(s->parameters[0].lower == 0 && isinf(s->parameters[0].upper));
    assert_int_equal(s->observables[0].kind, KIND_SERIES);
    assert_int_equal(s->observables[0].length_design, 0);
    assert_int_equal(s->observables[0].dims[0], 4);
    assert_int_equal(s->observables[0].dims[1], 2);
    assert_true(s->design[0].integer); // it is a length
    assert_false(s->design[1].integer);
}

static void a_description_without_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "no JSON"},
        {"hello", "no JSON"},
        {"[]", "got a list, expected an object"},
        {"{\"name\": \"a\"}", "version: got nothing, expected text"},
        {"{\"name\": \"a b\", \"version\": \"1\"}", "named \"a b\""},
        {"{\"name\": \"a\", \"version\": \"1\", \"paramaters\": []}",
         "did you mean \"parameters\"?"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": {}}", "parameters: got an object"},
        {"{\"name\": \"a\", \"version\": \"1\"}", "a model has"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\", \"dims\": 3}]}",
         "dims: got a number, expected a list of 1 to 3 sizes"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\", \"dims\": [2, "
         "0]}]}",
         "dims[1]: expected a whole number from 1"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\", \"dims\": [300, "
         "300]}]}",
         "parameter x: a model has at most 65536 values"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\", \"lower\": 2, "
         "\"upper\": 1}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"vector\", \"dims\": [1]}]}",
         "x"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"vektor\", \"dims\": [1]}]}",
         "kind \"vektor\""},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"set\", \"dims\": [\"m\", 1]}]}",
         "no design variable \"m\""},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"set\", \"dims\": [0.5, 1]}]}",
         "dims[0]"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"image\", \"dims\": [1e12, 1e12, 3]}]}",
         "values are too many"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"set\", \"dims\": [1]}]}",
         "dims: got 1, a set has 2"},
        {"{\"name\": \"a\", \"version\": \"1\", \"parameters\": [{\"name\": \"x\"}, {\"name\": "
         "\"x\"}],"
         "\"observables\": [{\"name\": \"y\", \"kind\": \"vector\", \"dims\": [1]}]}",
         "x"},
        {"{\"name\": \"a\", \"version\": \"1\", \"design\": [{\"name\": \"n\", \"lower\": 2}]}",
         "needs a lower and an upper bound"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        schema_t schema;
        bool batch;
        err_t err = description_read(cases[i].text, strlen(cases[i].text), "here", &schema, &batch);
        if (!err_is(err, ERR_FORMAT) || strncmp(err_text(), "here: ", 6) != 0 ||
            strstr(err_text(), cases[i].words) == NULL)
            fail_msg("%s: got %s \"%s\"", cases[i].text, err_name(err), err_text());
    }
}

static void a_whole_answer_fills_the_row(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, GOOD, false).status, ROW_DONE);
    const float *y = f->rows.observables[0] + 8;
    static const float expected[8] = {1, 2, 3, 4.5f};
    assert_memory_equal(y, expected, sizeof expected);
    assert_true(f->rows.parameters[2] == 0.25 && f->rows.parameters[3] == 0.5);
    assert_true(f->rows.design[2] == 2 && f->rows.design[3] == 1);
    assert_int_equal(f->rows.length[2], 2);
    assert_int_equal(f->rows.length[3], 1);
    assert_true(f->rows.observables[1][1] == 7);
    assert_null(f->rows.reason[1]);
}

static void values_may_be_flat(void **state)
{
    fixture_t *f = *state;
    static const float expected[8] = {1, 2, 3, 4};
    answer_t a =
        read_text(f,
                  "{" GOOD_PARAMETERS ", " GOOD_DESIGN
                  ", \"observables\": {\"y\": [1, 2, 3, 4], \"size\": [7]}, \"index\": 17}",
                  false);
    assert_int_equal(a.status, ROW_DONE);
    assert_memory_equal(f->rows.observables[0] + 8, expected, sizeof expected);
}

/* ---- parameters that are arrays ---- */

static const char pictures[] =
    "{\"name\": \"pictures\", \"version\": \"1\", \"parameters\": [{\"name\": \"mu\"},"
    " {\"name\": \"image\", \"dims\": [2, 2], \"lower\": 0, \"upper\": 9}],"
    " \"observables\": [{\"name\": \"y\", \"kind\": \"vector\", \"dims\": [1]}]}";

static void an_array_is_read_nested_or_flat(void **state)
{
    static const char *const texts[] = {
        "{\"parameters\": {\"mu\": 1, \"image\": [[2, 3], [4, 5]]}, \"observables\": {\"y\": 6}}",
        "{\"parameters\": {\"image\": [2, 3, 4, 5], \"mu\": 1}, \"observables\": {\"y\": 6}}"};
    static const double expected[] = {1, 2, 3, 4, 5};
    fixture_t f;
    bool batch;
    (void)state;
    assert_int_equal(description_read(pictures, strlen(pictures), "here", &f.schema, &batch), OK);
    assert_string_equal(f.schema.parameters[4].name, "image[1,1]");
    for (int k = 0; k < 2; k++) {
        f.rows = rows_create(&f.schema, 2);
        answer_t a = read_text(&f, texts[k], false);
        assert_string_equal(a.reason, "");
        assert_int_equal(a.status, ROW_DONE);
        assert_memory_equal(f.rows.parameters + 5, expected, sizeof expected);
        assert_int_equal(read_text(&f, texts[k], true).status, ROW_DONE); // it repeats them
        f.rows.parameters[5 + 3] = 4.5;
        a = read_text(&f, texts[k], true);
        assert_int_equal(a.status, ROW_ERROR);
        assert_non_null(strstr(a.reason, "image[1,0]: got 4, but 4.5 was given"));
        rows_destroy(&f.rows);
    }
    schema_free(&f.schema);
}

static void an_array_that_does_not_fit_is_an_error(void **state)
{
    static const struct {
        const char *image, *words;
    } cases[] = {
        {"[[2, 3], [4]]", "parameter image: a list of 1, expected 2"},
        {"[2, 3, 4]", "parameter image: a list of 3, expected 4"},
        {"7", "parameter image: got a number, expected a list of 4"},
        {"[[2, 3], [4, \"x\"]]", "parameter image: value 3 is text"},
        {"[[2, 3], [4, 10]]", "parameter image[1,1] is 10, declared between 0 and 9"},
    };
    fixture_t f;
    bool batch;
    (void)state;
    assert_int_equal(description_read(pictures, strlen(pictures), "here", &f.schema, &batch), OK);
    f.rows = rows_create(&f.schema, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "{\"parameters\": {\"mu\": 1, \"image\": %s}, \"observables\": {\"y\": 6}}",
                 cases[i].image);
        answer_t a = read_text(&f, text, false);
        assert_int_equal(a.status, ROW_ERROR);
        if (strstr(a.reason, cases[i].words) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", a.reason, cases[i].words);
    }
    rows_destroy(&f.rows);
    schema_free(&f.schema);
}

static void numbers_that_are_not_finite_make_the_row_so(void **state)
{
    fixture_t *f = *state;
    static const char *const values[] = {"null", "NaN", "Infinity", "-Infinity", "1e39"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "{" GOOD_PARAMETERS ", " GOOD_DESIGN
                 ", \"observables\": {\"y\": [[1, 2], [3, %s]], \"size\": 7}}",
                 values[i]);
        assert_int_equal(read_text(f, text, false).status, ROW_NONFINITE);
        assert_non_null(strstr(f->rows.reason[1], "observable y: value 3"));
        assert_true(f->rows.parameters[2] == 0.25);
    }
    answer_t a = read_text(f,
                           "{\"parameters\": {\"beta\": 0, \"p\": 0.5}, " GOOD_DESIGN
                           ", \"observables\": {" GOOD_Y ", \"size\": 7}}",
                           false);
    assert_int_equal(a.status, ROW_NONFINITE);
    assert_non_null(strstr(a.reason, "the edge of its open support"));
}

static void a_value_that_may_be_missing_is_no_failure(void **state)
{
    fixture_t *f = *state;
    const char *text = "{" GOOD_PARAMETERS ", " GOOD_DESIGN
                       ", \"observables\": {\"y\": [[1, NaN], [3, 4]], \"size\": 7}}";
    f->schema.observables[0].missing = true;
    assert_int_equal(read_text(f, text, false).status, ROW_DONE);
    assert_true(isnan(f->rows.observables[0][9]));
    f->schema.observables[0].missing = false;
    assert_int_equal(read_text(f, text, false).status, ROW_NONFINITE);
}

static void what_makes_no_sense_is_an_error_with_its_reason(void **state)
{
    fixture_t *f = *state;
    static const struct {
        const char *text, *words;
        bool broken;
    } cases[] = {
        {"", "no JSON", true},
        {"hello", "no JSON", true},
        {"{\"parameters\": {\"beta\":", "no JSON", true},
        {GOOD GOOD, "no JSON", true},
        {"{\"error\": \"a\", \"error\": \"b\"}", "no JSON", true},
        {"{\"seed\": 1e999}", "no JSON", true},
        {"[]", "got a list, expected an object", false},
        {"{}", "parameters: got nothing", false},
        {"{\"observable\": 1}", "unknown key \"observable\"", false},
        {"{" GOOD_PARAMETERS "}", "design: got nothing", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN "}", "observables: got nothing", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {\"size\": 7}}", "y is missing",
         false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {" GOOD_Y
         ", \"z\": 1, \"size\": 7}}",
         "\"z\" is not declared", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {\"y\": [[1, 2]], \"size\": 7}}",
         "a list of 1, expected 2", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {\"y\": [1, 2, 3], \"size\": 7}}",
         "a list of 3, expected 4", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN
         ", \"observables\": {\"y\": [[1, 2], 3], \"size\": 7}}",
         "got a number, expected a list of 2", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN
         ", \"observables\": {\"y\": [1, 2, 3, \"4\"], \"size\": 7}}",
         "value 3 is text", false},
        {"{" GOOD_PARAMETERS ", " GOOD_DESIGN ", \"observables\": {\"y\": 3, \"size\": 7}}",
         "got a number", false},
        {"{\"parameters\": {\"beta\": 1, \"p\": 2}, " GOOD_DESIGN ", \"observables\": {" GOOD_Y
         ", \"size\": 7}}",
         "p is 2, declared between 0 and 1", false},
        {"{\"parameters\": {\"beta\": true, \"p\": 0.5}, " GOOD_DESIGN "}",
         "beta: got true or false", false},
        {"{\"parameters\": {\"beta\": 1}, " GOOD_DESIGN "}", "p is missing", false},
        {"{" GOOD_PARAMETERS ", \"design\": {\"n\": 5, \"dose\": 1}}", "n is 5", false},
        {"{" GOOD_PARAMETERS ", \"design\": {\"n\": 1.5, \"dose\": 1}}", "whole number", false},
        {"{" GOOD_PARAMETERS ", \"design\": {\"n\": null, \"dose\": 1}}", "n is nan", false},
        {"{\"index\": 18, \"error\": \"a\"}", "about row 18, asked for 17", false},
        {"{\"error\": \"it \\\"broke\\\"\"}", "it \"broke\"", false},
        {"{\"error\": 5}", "error", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer_t a = read_text(f, cases[i].text, false);
        if (a.status != ROW_ERROR || a.broken != cases[i].broken || a.stop ||
            strstr(a.reason, cases[i].words) == NULL || f->rows.reason[1] == NULL)
            fail_msg("%s: got status %d \"%s\"", cases[i].text, (int)a.status, a.reason);
    }
}

// Text as a reason: one line, UTF-8 up to its end, whatever came.
static void reasons_are_clean_text(void **state)
{
    fixture_t *f = *state;
    answer_t a = read_text(f, "ab\xff\xc3(\x01\xc3\xa9", false);
    assert_non_null(strstr(a.reason, ": ab?"
                                     "?( \xc3\xa9"));
    char text[600] = "{\"error\": \"";
    for (int i = 0; i < 150; i++)
        strcat(text, "\xe2\x82\xac"); // three bytes a character
    strcat(text, "\"}");
    a = read_text(f, text, false);
    assert_int_equal(strlen(a.reason), (ROW_REASON_CAP - 1) / 3 * 3);
}

static void a_failed_row_keeps_what_is_known(void **state)
{
    fixture_t *f = *state;
    answer_t a = read_text(f, "{\"rejected\": \"too cold\", " GOOD_PARAMETERS "}", false);
    assert_int_equal(a.status, ROW_REJECTED);
    assert_string_equal(f->rows.reason[1], "too cold");
    assert_true(f->rows.parameters[2] == 0.25 && isnan(f->rows.design[2]));
    assert_int_equal(f->rows.length[2], 0);
    read_text(f, GOOD, false);
    read_text(f, "nonsense", false);
    assert_true(isnan(f->rows.parameters[2]));
    for (int k = 0; k < 8; k++)
        assert_true(f->rows.observables[0][8 + k] == 0);
}

static void a_stop_is_told(void **state)
{
    answer_t a = read_text(*state, "{\"stop\": \"no licence\"}", false);
    assert_true(a.stop);
    assert_string_equal(a.reason, "no licence");
}

static void given_parameters_are_kept_and_compared(void **state)
{
    fixture_t *f = *state;
    static const double parameters[2] = {0.25, 0.5}, design[2] = {2, 1};
    memcpy(&f->rows.parameters[2], parameters, sizeof parameters);
    memcpy(&f->rows.design[2], design, sizeof design);
    assert_int_equal(read_text(f, "{\"observables\": {" GOOD_Y ", \"size\": 7}}", true).status,
                     ROW_DONE);
    assert_int_equal(read_text(f, GOOD, true).status, ROW_DONE);
    answer_t a =
        read_text(f,
                  "{\"parameters\": {\"beta\": 0.26, \"p\": 0.5}, \"observables\": {" GOOD_Y
                  ", \"size\": 7}}",
                  true);
    assert_int_equal(a.status, ROW_ERROR);
    assert_string_equal(a.reason, "parameters: beta: got 0.26, but 0.25 was given");
    assert_int_equal(read_text(f, "oops", true).status, ROW_ERROR);
    assert_memory_equal(&f->rows.parameters[2], parameters, sizeof parameters);
}

static void a_list_is_read_row_by_row(void **state)
{
    fixture_t *f = *state;
    answer_t a[2];
    static const char text[] = "[" GOOD ", {\"error\": \"b\"}]";
    f->rows.index[0] = 16;
    answer_read_list(text, sizeof text - 1, false, &f->rows, 0, 2, a);
    assert_true(a[0].status == ROW_DONE && a[1].status == ROW_ERROR && !a[1].broken);
    assert_string_equal(f->rows.reason[1], "b");
    static const char *const wrong[] = {"{}", "[]", "[" GOOD "]", "[" GOOD ","};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        answer_read_list(wrong[i], strlen(wrong[i]), false, &f->rows, 0, 2, a);
        assert_true(a[0].broken && a[1].broken && f->rows.status[0] == ROW_ERROR);
    }
}

static void an_answer_is_below_the_limit(void **state)
{
    fixture_t *f = *state;
    assert_true(answer_limit(&f->schema) > sizeof GOOD);
    assert_true(answer_limit(&f->schema) < 1 << 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_becomes_a_schema),
        cmocka_unit_test(a_description_without_sense_is_refused),
        cmocka_unit_test(a_whole_answer_fills_the_row),
        cmocka_unit_test(values_may_be_flat),
        cmocka_unit_test(an_array_is_read_nested_or_flat),
        cmocka_unit_test(an_array_that_does_not_fit_is_an_error),
        cmocka_unit_test(numbers_that_are_not_finite_make_the_row_so),
        cmocka_unit_test(a_value_that_may_be_missing_is_no_failure),
        cmocka_unit_test(what_makes_no_sense_is_an_error_with_its_reason),
        cmocka_unit_test(reasons_are_clean_text),
        cmocka_unit_test(a_failed_row_keeps_what_is_known),
        cmocka_unit_test(a_stop_is_told),
        cmocka_unit_test(given_parameters_are_kept_and_compared),
        cmocka_unit_test(a_list_is_read_row_by_row),
        cmocka_unit_test(an_answer_is_below_the_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
