// SPDX-License-Identifier: Apache-2.0
#include "workers/question.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workers/question_case.h"

typedef struct {
    bool fine;
    question_t q;
    char why[QUESTION_WHY];
    rows_t rows;
    question_case_t c;
} read_t;

static read_t *ask(const char *text)
{
    read_t *r = MEM_NEW(read_t, 1);
    r->c = question_case_make();
    r->rows = rows_create(&r->c.schema, 2);
    r->fine =
        question_read(text, strlen(text), &r->c.schema, r->c.adapter, &r->rows, 1, &r->q, r->why);
    return r;
}

static void done(read_t *r)
{
    question_free(&r->q);
    rows_destroy(&r->rows);
    question_case_free(&r->c);
    free(r);
}

#define Z "\"z\": [[1, 2], [3, 4]]"

static void a_data_set_is_read(void **state)
{
    (void)state;
    read_t *r = ask(
        "{\"id\": 7, \"observables\": {\"y\": [[1, 2], [3, null], [5, 6]], \"z\": [1, 2, 3, 4]}, "
        "\"design\": {\"t\": 2.5}, \"draws\": 12}");
    assert_true(r->fine);
    assert_int_equal(json_integer_value(r->q.id), 7);
    assert_int_equal(r->q.draws, 12);
    assert_string_equal(r->q.problem, "");
    assert_true(r->rows.design[2] == 3 && r->rows.design[3] == 2.5);
    assert_int_equal(r->rows.length[2], 3);
    assert_int_equal(r->rows.length[3], 2);
    const float *y = r->rows.observables[0] + 8, *z = r->rows.observables[1] + 4;
    assert_true(y[0] == 1 && y[2] == 3 && isnan(y[3]) && y[5] == 6 && y[6] == 0 && z[3] == 4);
    done(r);
}

/* The same data give the same draws, whatever is told of them; other data or another seed others. */
static void draws_are_a_function_of_data_and_seed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"observables\": {\"y\": [1, 2], " Z "}, \"design\": {\"t\": 1}}",
        "{\"id\": \"a\", \"draws\": 3, \"seed\": 0, \"design\": {\"n\": 1, \"t\": 1}, "
        "\"observables\": {" Z ", \"y\": [[1, 2]]}}",
        "{\"observables\": {\"y\": [1, 2.5], " Z "}, \"design\": {\"t\": 1}}",
        "{\"observables\": {\"y\": [1, 2], " Z "}, \"design\": {\"t\": 2}}",
        "{\"observables\": {\"y\": [1, 2], " Z "}, \"design\": {\"t\": 1}, \"seed\": 1}"};
    int64_t index[5];
    for (int i = 0; i < 5; i++) {
        read_t *r = ask(texts[i]);
        assert_true(r->fine);
        index[i] = r->rows.index[1];
        assert_true(index[i] >= 0);
        done(r);
    }
    assert_true(index[0] == index[1]);
    for (int i = 2; i < 5; i++)
        for (int k = 0; k < i; k++)
            assert_true(index[i] != index[k] || (i == 1 && k == 0));
}

static void what_can_not_be_answered_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no JSON"},
        {"{\"observables\": {\"y\": [1, 2], " Z "}}", "design: t is missing"},
        {"{\"observables\": {" Z "}, \"design\": {\"t\": 1}}", "observables: y is missing"},
        {"{\"observables\": {\"y\": [1, 2, 3], " Z "}, \"design\": {\"t\": 1}}",
         "3 numbers, expected a multiple of 2"},
        {"{\"observables\": {\"y\": [[1, 2], 3], " Z "}, \"design\": {\"t\": 1}}",
         "got a number of 0, expected a list of 2"},
        {"{\"observables\": {\"y\": 3, " Z "}, \"design\": {\"t\": 1}}",
         "y: got a number, expected a list"},
        {"{\"observables\": {\"y\": [true, 1], " Z "}, \"design\": {\"t\": 1}}",
         "value 0 is true or false"},
        {"{\"observables\": [], \"design\": {\"t\": 1}}",
         "observables: got a list, expected an object"},
        {"{\"observables\": {}, \"design\": 3}", "design: got a number, expected an object"},
        {"{\"observables\": {}, \"design\": {\"t\": \"1\"}}", "t: got text, expected a number"},
        {"{\"draws\": 1e300, \"observables\": {}}", "draws: expected a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_t *r = ask(cases[i].text);
        if (r->fine || strstr(r->why, cases[i].why) == NULL)
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i].text, r->why, cases[i].why);
        done(r);
    }
}

/* Read, but not what the network was trained for: the verdict says so. */
static void problems_of_the_values_are_kept_for_the_verdict(void **state)
{
    (void)state;
    read_t *r = ask("{\"observables\": {\"y\": [1, 2], \"z\": [1, 2]}, \"design\": {\"t\": 1}}");
    assert_true(r->fine && strstr(r->q.problem, "z has 1 elements, expected 2") != NULL);
    done(r);
    r = ask("{\"observables\": {\"y\": [1, 2], " Z "}, \"design\": {\"t\": 1, \"n\": 1.5}}");
    assert_true(r->fine && strstr(r->q.problem, "n is 1.5, expected a whole number") != NULL);
    done(r);
    r = ask("{\"observables\": {\"y\": [1,2,3,4,5,6,7,8,9,10,11,12], " Z
            "}, \"design\": {\"t\": 1}}");
    assert_true(r->fine && r->rows.design[2] == 6 &&
                r->rows.length[2] == 4); // outside the trained range
    done(r);
}

static void answers_are_json(void **state)
{
    (void)state;
    read_t *r = ask("{\"id\": \"p\\u00e4r\", \"observables\": {\"y\": [1, 2], " Z
                    "}, \"design\": {\"t\": 1}, \"draws\": 9}");
    answers_t a = {&r->c.schema, "abcd", "a look", 2};
    posterior_verdict_t verdict = {.accepted = true, .n = 1, .distance = NAN};
    char *text = answer_posterior(&a, &r->q, (const double[]){1, 2, 3, 2, 4, 7}, &verdict);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    json_t *draws = json_object_get(json, "draws"), *summary = json_object_get(json, "summary");
    assert_int_equal(json_array_size(json_object_get(draws, "a")), 2);
    assert_true(
        json_number_value(json_array_get(json_array_get(json_object_get(draws, "b"), 1), 1)) == 7);
    assert_true(json_number_value(json_object_get(json_object_get(summary, "a"), "mean")) == 1.5);
    assert_true(json_number_value(json_array_get(
                    json_object_get(json_object_get(summary, "b"), "mean"), 1)) == 5);
    assert_string_equal(json_string_value(json_object_get(json, "unverified")), "a look");
    assert_true(json_is_null(json_object_get(json_object_get(json, "verdict"), "distance")));
    json_decref(json);
    free(text);
    text = answer_busy(&r->q, 50);
    assert_non_null(strstr(text, "\"busy\":true,\"retry_ms\":50"));
    free(text);
    done(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_set_is_read),
        cmocka_unit_test(draws_are_a_function_of_data_and_seed),
        cmocka_unit_test(what_can_not_be_answered_is_told),
        cmocka_unit_test(problems_of_the_values_are_kept_for_the_verdict),
        cmocka_unit_test(answers_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
