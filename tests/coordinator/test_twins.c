// SPDX-License-Identifier: Apache-2.0
#include "coordinator/twins.h"

#include "cluster/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const char declaration[] = "name: m\nversion: '1'\nparameters: [{name: a}, {name: b}]\n"
                                  "observables: [{name: y, kind: set, dims: [4, 1], length: "
                                  "n}]\ndesign: [{name: n, lower: 1, upper: 4}]\n";

enum { N = 1000 };

typedef struct {
    schema_t schema;
    rows_t rows;
    twin_key_t *keys; // of the rows as they are when a test looks
} fixture_t;

static twins_t *look(fixture_t *f)
{
    free(f->keys);
    f->keys = twins_keys(&f->rows);
    return twins_create(f->rows.n, f->keys);
}

/* Row i: parameters (i, i / 7), data i, i + 1 ... of 1 to 4 elements. */
static int make(void **state)
{
    fixture_t *f = MEM_NEW(fixture_t, 1);
    assert_int_equal(schema_parse(declaration, "test", &f->schema), OK);
    f->rows = rows_create(&f->schema, N);
    f->rows.n = N;
    for (int i = 0; i < N; i++) {
        f->rows.index[i] = 10 * i;
        f->rows.status[i] = ROW_DONE;
        f->rows.parameters[2 * i] = i;
        f->rows.parameters[2 * i + 1] = i / 7.0;
        f->rows.length[i] = 1 + i % 4;
        f->rows.design[i] = f->rows.length[i];
        for (int k = 0; k < f->rows.length[i]; k++)
            f->rows.observables[0][4 * i + k] = (float)(i + k);
    }
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture_t *f = *state;
    free(f->keys);
    rows_destroy(&f->rows);
    schema_free(&f->schema);
    free(f);
    return 0;
}

static void rows_that_differ_are_no_twins(void **state)
{
    fixture_t *f = *state;
    twins_t *twins = look(f);
    assert_int_equal(twins_among(twins, "rows"), OK);
    rows_t other = rows_create(&f->schema, 1);
    rows_copy(&f->rows, 5, &other, 0);
    other.parameters[1] += 1e-12;
    assert_int_equal(twins_parameters(twins, &other, 0), -1);
    assert_int_equal(twins_find(twins, &other, 0), -1);
    rows_destroy(&other);
    twins_destroy(&twins);
}

static void each_row_finds_itself(void **state)
{
    fixture_t *f = *state;
    twins_t *twins = look(f);
    for (int i = 0; i < N; i++) {
        assert_int_equal(twins_parameters(twins, &f->rows, i), i);
        assert_int_equal(twins_find(twins, &f->rows, i), i);
    }
    twins_destroy(&twins);
}

static void equal_parameters_with_other_data_are_no_twins(void **state)
{
    fixture_t *f = *state;
    twins_t *twins = look(f);
    rows_t other = rows_create(&f->schema, 1);
    rows_copy(&f->rows, 7, &other, 0);
    other.observables[0][3] = 0.5f;
    assert_int_equal(twins_parameters(twins, &other, 0), 7);
    assert_int_equal(twins_find(twins, &other, 0), -1);
    rows_copy(&f->rows, 7, &other, 0);
    other.length[0] = 3;
    assert_int_equal(twins_find(twins, &other, 0), -1);
    rows_copy(&f->rows, 7, &other, 0);
    other.design[0] = 1;
    assert_int_equal(twins_find(twins, &other, 0), -1);
    rows_copy(&f->rows, 7, &other, 0);
    other.index[0] = 3; // it is what it is, wherever it stands
    assert_int_equal(twins_find(twins, &other, 0), 7);
    rows_destroy(&other);
    twins_destroy(&twins);
}

static void twins_among_the_held_out_rows_are_named(void **state)
{
    fixture_t *f = *state;
    rows_copy(&f->rows, 3, &f->rows, 900);
    f->rows.index[900] = 9000;
    twins_t *twins = look(f);
    assert_int_equal(twins_among(twins, "bank rows"), -ERR_FORMAT);
    assert_string_equal(
        err_text(),
        "bank rows 30 and 9000 are the same simulation: a simulator must take all its randomness "
        "from the row's own seed, and a file is to be imported once. Mend that and begin another "
        "bank");
    twins_destroy(&twins);
}

static void on_a_grid_equal_rows_come_by_chance(void **state)
{
    fixture_t *f = *state;
    rows_copy(&f->rows, 3, &f->rows, 900); // twins
    f->rows.parameters[2 * 11] = f->rows.parameters[2 * 10];
    f->rows.parameters[2 * 11 + 1] = f->rows.parameters[2 * 10 + 1]; // and the same with other data
    twins_t *twins = look(f);
    assert_int_equal(twins_among(twins, "bank rows"), OK);
    assert_int_equal(twins_find(twins, &f->rows, 3), -1);
    assert_int_equal(twins_parameters(twins, &f->rows, 3), -1);
    twins_destroy(&twins);
}

#define FIXED(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXED(rows_that_differ_are_no_twins),
        FIXED(each_row_finds_itself),
        FIXED(equal_parameters_with_other_data_are_no_twins),
        FIXED(twins_among_the_held_out_rows_are_named),
        FIXED(on_a_grid_equal_rows_come_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
