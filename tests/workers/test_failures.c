// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "workers/failures.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 20000 };

// Two parameters, one observable.
static schema_t make_schema(void)
{
    static const char text[] = "name: m\nversion: \"1\"\nparameters:\n  - name: a\n  - name: b\n"
                               "observables:\n  - name: y\n    kind: vector\n    dims: [1]\n";
    schema_t schema;
    assert_int_equal(schema_parse(text, "test", &schema), OK);
    return schema;
}

// a and b are uniform; a row fails with an error where a > 0.8, every second one, else never.
static row_status_t fate(const double *parameters, int64_t i)
{
    return parameters[0] > 0.8 && i % 2 == 0 ? ROW_ERROR : ROW_DONE;
}

static void draw(int64_t i, double *parameters)
{
    rng_t r = rng_at(11, RNG_CHECK, (uint64_t)i);
    parameters[0] = rng_uniform(&r);
    parameters[1] = rng_uniform(&r);
}

static void add(failures_t *f, int64_t i)
{
    double parameters[2];
    draw(i, parameters);
    row_status_t status = fate(parameters, i);
    char reason[64];
    snprintf(reason, sizeof reason, "no root between %g and 1e-3", parameters[0]);
    failures_add(f, i, parameters, (double)i, status, status == ROW_DONE ? NULL : reason);
}

static const failures_cell_t *cell(const failures_cell_t *cells, int64_t n, int parameter,
                                   row_status_t status, int bin)
{
    for (int64_t i = 0; i < n; i++)
        if (cells[i].parameter == parameter && cells[i].status == status && cells[i].bin == bin)
            return &cells[i];
    fail_msg("no cell of parameter %d, bin %d", parameter, bin);
    return NULL;
}

static void shares_are_those_counted_by_hand(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, ROWS);
    failures_cell_t *cells;
    double values[2];
    for (int64_t i = 0; i < ROWS; i++)
        add(f, i);
    int64_t n = failures_cells(f, &cells), rows = 0, failed = 0;
    assert_int_equal(n, 2 * FAILURES_BINS);
    const failures_cell_t *last = cell(cells, n, 0, ROW_ERROR, FAILURES_BINS - 1);
    for (int64_t i = 0; i < ROWS; i++) {
        draw(i, values);
        if (values[0] > last->above) {
            rows++;
            failed += fate(values, i) == ROW_ERROR;
        }
    }
    double p = (double)failed / (double)rows;
    assert_int_equal(rows, ROWS / FAILURES_BINS);
    assert_true(isinf(last->to) && last->to > 0);
    assert_true(fabs(last->rows - (double)rows) < 1e-9);
    assert_true(fabs(last->share - p) < 1e-12);
    assert_true(fabs(last->error - sqrt(p * (1 - p) / (double)rows)) < 1e-12);
    assert_true(cell(cells, n, 0, ROW_ERROR, 0)->share == 0);
    free(cells);
    failures_destroy(&f);
    schema_free(&schema);
}

// With a tenth of the rows kept, the share of a bin is off by more than 4 standard errors once in 16,000 times.
static void a_sample_gives_the_share_within_its_error(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, ROWS / 10);
    failures_cell_t *cells;
    for (int64_t i = 0; i < ROWS; i++)
        add(f, i);
    int64_t n = failures_cells(f, &cells);
    const failures_cell_t *last = cell(cells, n, 0, ROW_ERROR, FAILURES_BINS - 1);
    assert_true(last->error > 0.005 && last->error < 0.02);
    assert_true(fabs(last->share - 0.5) < 4 * last->error + 0.02);
    assert_true(fabs(last->above - 0.8) < 0.04);
    assert_int_equal(failures_rows(f), ROWS);
    free(cells);
    failures_destroy(&f);
    schema_free(&schema);
}

// Packed bytes are the same for any order of rows and for rows dealt to three collections.
static void merging_gives_what_one_collection_gives(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *whole = failures_create(&schema, 500), *parts[3];
    void *expected, *packed;
    for (int64_t i = ROWS; i-- > 0;)
        add(whole, i);
    for (int k = 0; k < 3; k++)
        parts[k] = failures_create(&schema, 500);
    for (int64_t i = 0; i < ROWS; i++)
        add(parts[i % 3], i);
    for (int k = 1; k < 3; k++) {
        size_t bytes = failures_pack(parts[k], &packed);
        assert_int_equal(failures_merge(parts[0], bytes, packed), OK);
        free(packed);
    }
    size_t bytes = failures_pack(whole, &expected);
    assert_int_equal(failures_pack(parts[0], &packed), bytes);
    assert_memory_equal(packed, expected, bytes);
    free(packed);
    free(expected);
    for (int k = 0; k < 3; k++)
        failures_destroy(&parts[k]);
    failures_destroy(&whole);
    schema_free(&schema);
}

static void bytes_of_something_else_are_refused(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, 100), *other = failures_create(&schema, 200);
    void *packed;
    add(f, 0);
    size_t bytes = failures_pack(f, &packed);
    assert_true(err_is(failures_merge(other, bytes, packed), ERR_FORMAT));
    for (size_t cut = 8; cut <= bytes; cut += 8) {
        failures_t *fresh = failures_create(&schema, 100);
        assert_true(err_is(failures_merge(fresh, bytes - cut, packed), ERR_FORMAT));
        failures_destroy(&fresh);
    }
    free(packed);
    failures_destroy(&f);
    failures_destroy(&other);
    schema_free(&schema);
}

static void what_is_no_number_is_counted_apart(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, 100);
    failures_cell_t *cells;
    for (int64_t i = 0; i < 10; i++)
        failures_add(f, i, (double[]){i < 4 ? NAN : (double)i, 1}, 0,
                     i < 6 ? ROW_CRASHED : ROW_DONE, NULL);
    int64_t n = failures_cells(f, &cells);
    double rows = 0;
    for (int64_t i = 0; i < n; i++)
        rows += cells[i].parameter == 0 ? cells[i].rows : 0;
    assert_int_equal(failures_nan(f, 0, ROW_CRASHED), 4);
    assert_int_equal(failures_nan(f, 1, ROW_CRASHED), 0);
    assert_true(rows == 6);
    free(cells);
    failures_destroy(&f);
    schema_free(&schema);
}

static void one_value_makes_one_bin(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, 100);
    failures_cell_t *cells;
    for (int64_t i = 0; i < 50; i++)
        failures_add(f, i, (double[]){3, 3}, 0, i % 2 ? ROW_TIMEOUT : ROW_DONE, NULL);
    assert_int_equal(failures_cells(f, &cells), 2);
    assert_true(cells[0].rows == 50 && cells[0].share == 0.5);
    free(cells);
    failures_destroy(&f);
    schema_free(&schema);
}

// NumPy's default: linear between order statistics, (n - 1) q from the first.
static void seconds_are_interpolated_as_numpy_does(void **state)
{
    (void)state;
    static const double levels[] = {0, 0.05, 0.5, 0.99, 1};
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, 100);
    double q[5];
    for (int64_t i = 0; i < 10; i++)
        failures_add(f, i, (double[]){0, 0}, (double)(i * i), i < 8 ? ROW_DONE : ROW_TIMEOUT, NULL);
    failures_seconds(f, ROW_MISSING, 5, levels, q);
    assert_true(q[0] == 0 && q[4] == 81);
    assert_true(fabs(q[1] - 0.45) < 1e-12);
    assert_true(fabs(q[2] - 20.5) < 1e-12);
    assert_true(fabs(q[3] - 79.47) < 1e-9);
    failures_seconds(f, ROW_DONE, 5, levels, q);
    assert_true(fabs(q[2] - 12.5) < 1e-12 && q[4] == 49);
    failures_seconds(f, ROW_CRASHED, 5, levels, q);
    assert_true(isnan(q[0]));
    failures_destroy(&f);
    schema_free(&schema);
}

static void the_text_names_the_region_and_the_reason(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, FAILURES_CAPACITY);
    for (int64_t i = 0; i < ROWS; i++)
        add(f, i);
    char *text = failures_text(f);
    int lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_true(lines <= 20);
    assert_non_null(strstr(text, "of rows with a above 0.8"));
    assert_null(strstr(text, "of rows with b"));
    char *reason = strstr(text, "why");
    assert_non_null(reason);
    assert_null(
        strstr(strstr(reason, "no root") + 1, "no root")); // numbers do not make two reasons
    free(text);
    failures_destroy(&f);
    schema_free(&schema);
}

static void no_region_stands_out_where_all_fail_alike(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, FAILURES_CAPACITY);
    double parameters[2];
    for (int64_t i = 0; i < ROWS; i++) {
        draw(i, parameters);
        failures_add(f, i, parameters, 0, i % 10 == 0 ? ROW_REJECTED : ROW_DONE, NULL);
    }
    char *text = failures_text(f);
    assert_non_null(strstr(text, "2000 of 20000 rows are not done (10 %): rejected 2000"));
    assert_non_null(strstr(text, "no region fails more"));
    free(text);
    failures_destroy(&f);
    schema_free(&schema);
}

static void many_kinds_of_failing_stay_within_twenty_lines(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, FAILURES_CAPACITY);
    for (int64_t i = 0; i < ROWS; i++) {
        char reason[32];
        snprintf(reason, sizeof reason, "because %c%c", 'a' + (int)(i % 26),
                 'a' + (int)(i / 26 % 26));
        row_status_t status = (row_status_t)(1 + (i < ROWS / 2 ? 0 : i % (ROW_STATUS_COUNT - 1)));
        failures_add(f, i, (double[]){i % 1000 == 0 ? NAN : (double)i, (double)i}, 0, status,
                     status == ROW_DONE ? NULL : reason);
    }
    char *text = failures_text(f);
    int lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 20);
    free(text);
    failures_destroy(&f);
    schema_free(&schema);
}

static void the_json_holds_table_reasons_and_seconds(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, FAILURES_CAPACITY);
    for (int64_t i = 0; i < 1000; i++)
        add(f, i);
    failures_add(f, 1000, (double[]){NAN, 0}, NAN, ROW_CRASHED, "byte \xff of a core");
    json_t *all = failures_json(f);
    assert_non_null(all);
    assert_int_equal(json_integer_value(json_object_get(all, "rows")), 1001);
    assert_int_equal(json_array_size(json_object_get(all, "regions")), 2 * 2 * FAILURES_BINS);
    assert_true(
        json_is_null(json_object_get(json_array_get(json_object_get(all, "regions"), 0), "above")));
    json_t *crashed = json_object_get(json_object_get(all, "reasons"), "crashed");
    assert_string_equal(json_string_value(json_object_get(json_array_get(crashed, 0), "reason")),
                        "byte ? of a core");
    assert_int_equal(json_array_size(json_object_get(json_object_get(all, "seconds"), "all")), 8);
    json_t *nan = json_object_get(json_object_get(all, "nan_parameters"), "a");
    assert_int_equal(json_integer_value(json_object_get(nan, "crashed")), 1);
    json_decref(all);
    failures_destroy(&f);
    schema_free(&schema);
}

static void nothing_collected_is_told_too(void **state)
{
    (void)state;
    schema_t schema = make_schema();
    failures_t *f = failures_create(&schema, 10);
    char *text = failures_text(f);
    json_t *all = failures_json(f);
    assert_string_equal(text, "0 of 0 rows are not done (0 %)\n");
    assert_non_null(all);
    json_decref(all);
    free(text);
    failures_destroy(&f);
    schema_free(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_counted_by_hand),
        cmocka_unit_test(a_sample_gives_the_share_within_its_error),
        cmocka_unit_test(merging_gives_what_one_collection_gives),
        cmocka_unit_test(bytes_of_something_else_are_refused),
        cmocka_unit_test(what_is_no_number_is_counted_apart),
        cmocka_unit_test(one_value_makes_one_bin),
        cmocka_unit_test(seconds_are_interpolated_as_numpy_does),
        cmocka_unit_test(the_text_names_the_region_and_the_reason),
        cmocka_unit_test(no_region_stands_out_where_all_fail_alike),
        cmocka_unit_test(many_kinds_of_failing_stay_within_twenty_lines),
        cmocka_unit_test(the_json_holds_table_reasons_and_seconds),
        cmocka_unit_test(nothing_collected_is_told_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
