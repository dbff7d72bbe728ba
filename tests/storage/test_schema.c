// SPDX-License-Identifier: Apache-2.0
#include "storage/schema.h"

#include "cluster/mem.h"
#include "storage/rows.h"
#include "storage/schema_array.h"
#include "tests/storage/sample_array.h"
#include "tests/storage/sample_bank.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void text_comes_back_equal(void **state)
{
    schema_t a = sample_schema(), b;
    char *text = schema_text(&a);
    (void)state;
    a.parameters[0].lower = -1.0 / 3.0; // needs all its digits
    free(text);
    text = schema_text(&a);
    assert_int_equal(schema_parse(text, "text", &b), OK);
    assert_null(schema_difference(&a, &b));
    assert_string_equal(a.description, b.description);
    assert_true(b.parameters[0].lower == a.parameters[0].lower);
    assert_true(isinf(b.parameters[1].upper));
    char *again = schema_text(&b);
    assert_string_equal(text, again);
    free(again);
    free(text);
    schema_free(&a);
    schema_free(&b);
}

static void units_and_priors_are_kept_where_they_are_given(void **state)
{
    schema_t a = sample_schema(), b;
    (void)state;
    char *bare = schema_text(&a);
    assert_null(strstr(bare, "unit"));
    assert_null(strstr(bare, "prior"));
    free(bare);
    a.parameters[0].unit = mem_copy_text("m/s");
    a.parameters[1].prior = mem_copy_text("lognormal(-0.9, 0.5)");
    a.design[0].unit = mem_copy_text("trials");
    a.observables[1].unit = mem_copy_text("s");
    schema_t copy = schema_copy(&a);
    char *text = schema_text(&copy);
    assert_int_equal(schema_parse(text, "text", &b), OK);
    assert_string_equal(b.parameters[0].unit, "m/s");
    assert_null(b.parameters[0].prior);
    assert_null(b.parameters[1].unit);
    assert_string_equal(b.parameters[1].prior, "lognormal(-0.9, 0.5)");
    assert_string_equal(b.design[0].unit, "trials");
    assert_null(b.observables[0].unit);
    assert_string_equal(b.observables[1].unit, "s");
    free(text);
    schema_free(&copy);
    schema_free(&a);
    schema_free(&b);
}

static void missing_values_are_told_only_where_they_may_be(void **state)
{
    schema_t a = sample_schema(), b;
    (void)state;
    char *bare = schema_text(&a), *before = schema_fingerprint(&a);
    assert_null(strstr(bare, "missing"));
    a.observables[1].missing = true;
    char *text = schema_text(&a), *after = schema_fingerprint(&a);
    assert_string_not_equal(before, after);
    assert_int_equal(schema_parse(text, "text", &b), OK);
    assert_true(b.observables[1].missing && !b.observables[0].missing);
    free(after);
    free(text);
    free(before);
    free(bare);
    schema_free(&a);
    schema_free(&b);
}

static void an_array_is_one_item_of_the_text_and_many_values(void **state)
{
    schema_t a = sample_array_schema(), b;
    (void)state;
    char *text = schema_text(&a);
    assert_non_null(strstr(text, "  - name: image\n    dims: [2, 3]\n    lower: -.inf\n"));
    assert_null(strstr(text, "image["));
    assert_int_equal(schema_parse(text, "text", &b), OK);
    assert_null(schema_difference(&a, &b));
    assert_int_equal(b.n_parameters, 1 + 6 + 1);
    assert_string_equal(b.parameters[0].name, "mu");
    assert_string_equal(b.parameters[1].name, "image[0,0]");
    assert_string_equal(b.parameters[6].name, "image[1,2]");
    assert_string_equal(b.parameters[6].array, "image");
    assert_int_equal(b.parameters[6].place, 5);
    assert_string_equal(b.parameters[7].name, "sigma");
    assert_null(b.parameters[7].array);
    char *again = schema_text(&b);
    assert_string_equal(text, again);
    free(again);
    free(text);
    schema_free(&a);
    schema_free(&b);
}

static void parameters_are_found_as_they_are_declared(void **state)
{
    schema_t a = sample_array_schema(), plain = sample_schema();
    (void)state;
    assert_int_equal(schema_variable_count(&a), 3);
    schema_variable_t image = schema_variable(&a, 1), sigma = schema_variable(&a, 2);
    assert_string_equal(image.name, "image");
    assert_true(image.first == 1 && image.n == 6 && image.n_dims == 2 && image.dims[1] == 3);
    assert_true(sigma.first == 7 && sigma.n == 1 && sigma.n_dims == 0);
    assert_int_equal(schema_variable_named(&a, "sigma").first, 7);
    assert_int_equal(schema_variable_named(&a, "image[0,0]").n, 0);
    assert_int_equal(schema_find_parameter(&a, "image[0,2]"), 3);
    assert_true(schema_has_arrays(&a) && !schema_has_arrays(&plain));
    char *dims = schema_variable_dims(&image);
    assert_string_equal(dims, "2 x 3");
    free(dims);
    schema_free(&plain);
    schema_free(&a);
}

static void scalars_are_written_as_before_there_were_arrays(void **state)
{
    schema_t s = sample_schema();
    (void)state;
    char *text = schema_text(&s);
    assert_non_null(strstr(text, "parameters:\n"
                                 "  - name: mu\n    lower: -.inf\n    upper: .inf\n"
                                 "  - name: sigma\n    lower: 0.05\n    upper: .inf\n"
                                 "design:\n"));
    free(text);
    schema_free(&s);
}

static void other_dims_are_another_model(void **state)
{
    schema_t a = sample_array_schema(), b = sample_array_schema_of(3, 2);
    (void)state;
    char *difference = schema_difference(&a, &b), *x = schema_fingerprint(&a),
         *y = schema_fingerprint(&b);
    assert_non_null(difference);
    assert_string_not_equal(x, y);
    free(y);
    free(x);
    free(difference);
    schema_free(&b);
    schema_free(&a);
}

static void dims_that_are_none_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[0, 3]", "0 is not a size"},
        {"[2.5]", "2.5 is not a size"},
        {"[1, 2, 3, 4]", "got 4 sizes"},
        {"[300, 300]", "at most 65536 values"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = mem_format("name: m\nversion: \"1\"\nparameters:\n  - name: a\n    dims: %s\n"
                                "observables:\n  - {name: y, kind: vector, dims: [1]}\n",
                                cases[i][0]);
        schema_t s;
        assert_int_not_equal(schema_parse(text, "text", &s), OK);
        if (strstr(err_text(), cases[i][1]) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", err_text(), cases[i][1]);
        free(text);
    }
}

static void two_parameters_of_one_name_are_refused_arrays_too(void **state)
{
    schema_t s = sample_array_schema();
    (void)state;
    free(s.parameters[7].name);
    s.parameters[7].name = mem_copy_text("image");
    assert_int_equal(schema_check(&s, "here"), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "\"image\" comes twice"));
    schema_free(&s);
}

static void a_part_of_a_schema_keeps_what_is_named(void **state)
{
    schema_t a = sample_schema();
    (void)state;
    schema_t sigma = schema_with_parameters(&a, 1, (int[]){1}),
             z = schema_with_observables(&a, 1, (int[]){1}),
             all = schema_with_observables(&a, 2, (int[]){0, 1});
    assert_int_equal(sigma.n_parameters, 1);
    assert_string_equal(sigma.parameters[0].name, "sigma");
    assert_int_equal(sigma.n_observables, 2);
    assert_int_equal(z.n_observables, 1);
    assert_string_equal(z.observables[0].name, "z");
    assert_null(schema_difference(&a, &all));
    schema_free(&all);
    schema_free(&z);
    schema_free(&sigma);
    schema_free(&a);
}

static void names_are_quoted_where_they_must_be(void **state)
{
    schema_t a = sample_schema(), b;
    (void)state;
    free(a.parameters[0].name);
    a.parameters[0].name = mem_copy_text("- #: 'odd', {name}");
    char *text = schema_text(&a);
    assert_int_equal(schema_parse(text, "text", &b), OK);
    assert_string_equal(b.parameters[0].name, a.parameters[0].name);
    free(text);
    schema_free(&a);
    schema_free(&b);
}

static void fingerprint_follows_the_model_and_not_its_description(void **state)
{
    schema_t a = sample_schema();
    (void)state;
    char *first = schema_fingerprint(&a);
    assert_ptr_equal(strstr(first, "sample-1-"), first);
    assert_int_equal(strlen(first), strlen("sample-1-") + 16);
    a.description[0] = 'R';
    char *second = schema_fingerprint(&a);
    assert_string_equal(first, second);
    a.design[0].upper = 8;
    char *third = schema_fingerprint(&a);
    assert_string_not_equal(first, third);
    free(first);
    free(second);
    free(third);
    schema_free(&a);
}

static void another_prior_is_another_model_and_another_unit_is_not(void **state)
{
    schema_t a = sample_schema();
    (void)state;
    char *bare = schema_fingerprint(&a);
    a.parameters[0].unit = mem_copy_text("m/s");
    a.design[0].unit = mem_copy_text("trials");
    a.observables[0].unit = mem_copy_text("s");
    char *units = schema_fingerprint(&a);
    assert_string_equal(bare, units);
    a.parameters[0].prior = mem_copy_text("normal(0, 1)");
    char *prior = schema_fingerprint(&a);
    assert_string_not_equal(bare, prior);
    free(bare);
    free(units);
    free(prior);
    schema_free(&a);
}

// Fingerprints stand in banks and amortizers: the text that they are made of may not change.
static void the_fingerprint_of_a_model_stays_what_it_was(void **state)
{
    schema_t a = sample_schema();
    (void)state;
    char *fingerprint = schema_fingerprint(&a);
    assert_string_equal(fingerprint, "sample-1-41de6315b4eb294a");
    free(fingerprint);
    schema_free(&a);
}

static void differ(schema_t *a, const schema_t *b, const char *words)
{
    char *difference = schema_difference(a, b);
    assert_non_null(difference);
    assert_string_equal(difference, words);
    free(difference);
    schema_free(a);
    *a = schema_copy(b);
}

static void the_first_difference_is_said(void **state)
{
    schema_t b = sample_schema(), a = schema_copy(&b);
    (void)state;
    assert_null(schema_difference(&a, &b));
    a.version[0] = '2';
    differ(&a, &b, "model sample: version 2 against 1");
    a.parameters[1].name[0] = 'S';
    differ(&a, &b, "parameter 2: Sigma against sigma");
    a.parameters[1].lower = 0;
    differ(&a, &b, "parameter sigma: bounds (0, inf) against (0.05, inf)");
    a.parameters[0].prior = mem_copy_text("normal(0, 1)");
    differ(&a, &b, "parameter mu: prior normal(0, 1) against the simulator's own");
    a.design[0].lower = 2;
    differ(&a, &b, "design variable n: [2, 7] whole against [3, 7] whole");
    a.observables[0].kind = KIND_SERIES;
    differ(&a, &b, "observable y: a series against a set");
    a.observables[0].dims[1] = 1;
    differ(&a, &b, "observable y: dims[1] is 1 against 2");
    a.observables[0].length_design = -1;
    differ(&a, &b, "observable y: its length varies with another design variable");
    free(a.observables[1].name);
    a.n_observables = 1;
    differ(&a, &b, "1 observables against 2");
    schema_free(&a);
    schema_free(&b);
}

static void refused(const char *text, err_code_t code, const char *words)
{
    schema_t s;
    assert_true(err_is(schema_parse(text, "model.yaml", &s), code));
    if (strstr(err_text(), words) == NULL)
        print_error("%s\n", err_text());
    assert_non_null(strstr(err_text(), words));
    assert_non_null(strstr(err_text(), "model.yaml"));
    assert_null(s.name);
}

#define HEAD "name: m\nversion: 1\n"
#define MU   "parameters:\n  - name: mu\n"
#define Y    "observables:\n  - name: y\n    kind: set\n    dims: [5, 1]\n"

static void nonsense_is_refused_with_its_place(void **state)
{
    (void)state;
    refused(HEAD MU "    lower: 1\n    upper: 0\n" Y, ERR_FORMAT, "mu: lower 1 and upper 0");
    refused(HEAD MU "  - name: mu\n" Y, ERR_FORMAT, "parameter 2: the name \"mu\" comes twice");
    refused(HEAD "parameters:\n  - name: a/b\n" Y, ERR_FORMAT, "\"a/b\" is not a name");
    refused(HEAD MU Y "    length: n\n", ERR_USAGE, "no design variable \"n\"");
    refused(HEAD MU "observables:\n  - name: y\n    kind: bag\n    dims: [5]\n", ERR_USAGE, "bag");
    refused(HEAD MU "observables:\n  - name: y\n    kind: set\n    dims: [0, 1]\n", ERR_USAGE,
            "dims");
    refused(HEAD MU "observables:\n  - name: y\n    kind: set\n    dims: [2, 2, 2, 2]\n", ERR_USAGE,
            "4 sizes");
    refused(HEAD MU "observables: []\n", ERR_FORMAT, "observables");
    refused("name: m\n" MU Y, ERR_USAGE, "version");
}

static void sizes_follow_the_dims(void **state)
{
    schema_t s = sample_schema();
    (void)state;
    assert_int_equal(schema_size(&s.observables[0]), 14);
    assert_int_equal(schema_stride(&s.observables[0]), 2);
    assert_int_equal(schema_stride(&s.observables[1]), 1);
    assert_int_equal(schema_find_parameter(&s, "sigma"), 1);
    assert_int_equal(schema_find_observable(&s, "z"), 1);
    assert_int_equal(schema_find_design(&s, "n"), 0);
    assert_int_equal(schema_find_design(&s, "m"), -1);
    schema_free(&s);
}

/* ---- rows ---- */

static void packed_rows_come_back(void **state)
{
    schema_t s = sample_schema();
    rows_t a = rows_create(&s, 3), b = rows_create(&s, 2);
    (void)state;
    sample_rows(1, 10, 13, &a);
    size_t bytes = rows_bytes(&s);
    assert_int_equal(bytes, 8 + 1 + 8 + 2 * 8 + 8 + 2 * 4 + 14 * 4 + 3 * 4);
    void *packed = mem_alloc(bytes, 1);
    rows_pack(&a, 2, packed);
    rows_unpack(packed, &b, 1);
    assert_false(sample_differs(&a, 2, &b, 1, 1));
    rows_append(&a, 0, &b);
    assert_int_equal(b.n, 1);
    assert_false(sample_differs(&a, 0, &b, 0, 1));
    free(packed);
    rows_destroy(&a);
    rows_destroy(&b);
    schema_free(&s);
}

static void the_hash_sees_every_field_but_the_seconds(void **state)
{
    schema_t s = sample_schema();
    rows_t a = rows_create(&s, 4);
    (void)state;
    sample_rows(1, 0, 4, &a);
    uint64_t hash = rows_hash(&a, 1, 3);
    a.seconds[1] += 1;
    a.parameters[0] += 1; // row 0 is not in it
    assert_true(rows_hash(&a, 1, 3) == hash);
    char *fields[] = {(char *)&a.index[1],         (char *)&a.status[2],
                      (char *)&a.parameters[5],    (char *)&a.design[1],
                      (char *)&a.length[5],        (char *)&a.observables[0][14],
                      (char *)&a.observables[1][8]};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] ^= 1;
        assert_true(rows_hash(&a, 1, 3) != hash);
        *fields[i] ^= 1;
    }
    rows_destroy(&a);
    schema_free(&s);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < ROW_STATUS_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(row_status_name((row_status_t)i),
                                    row_status_name((row_status_t)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_equal),
        cmocka_unit_test(an_array_is_one_item_of_the_text_and_many_values),
        cmocka_unit_test(parameters_are_found_as_they_are_declared),
        cmocka_unit_test(scalars_are_written_as_before_there_were_arrays),
        cmocka_unit_test(other_dims_are_another_model),
        cmocka_unit_test(dims_that_are_none_are_refused),
        cmocka_unit_test(two_parameters_of_one_name_are_refused_arrays_too),
        cmocka_unit_test(units_and_priors_are_kept_where_they_are_given),
        cmocka_unit_test(missing_values_are_told_only_where_they_may_be),
        cmocka_unit_test(a_part_of_a_schema_keeps_what_is_named),
        cmocka_unit_test(names_are_quoted_where_they_must_be),
        cmocka_unit_test(fingerprint_follows_the_model_and_not_its_description),
        cmocka_unit_test(another_prior_is_another_model_and_another_unit_is_not),
        cmocka_unit_test(the_fingerprint_of_a_model_stays_what_it_was),
        cmocka_unit_test(the_first_difference_is_said),
        cmocka_unit_test(nonsense_is_refused_with_its_place),
        cmocka_unit_test(sizes_follow_the_dims),
        cmocka_unit_test(packed_rows_come_back),
        cmocka_unit_test(the_hash_sees_every_field_but_the_seconds),
        cmocka_unit_test(every_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
