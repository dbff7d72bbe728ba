// SPDX-License-Identifier: Apache-2.0
// Takes the folder of the plugins of plugins/plugin.c.
#include "workers/load.h"

#include "cluster/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 8, SEED = 11, LARGEST_N = 6, FEATURES = 2 };
enum { DONE, REJECT, STOP, NOT_A_NUMBER, WRITE_TOO_MUCH, WRITE_NOTHING, GAMMA_OF_MINUS_ONE };

typedef struct {
    const char *folder;
    simulator_t *simulator; // plugin_whole
    rows_t rows;
} fixture_t;

static err_t load_plugin(const char *folder, const char *name, simulator_t **out)
{
    char *path = mem_format("%s/%s.so", folder, name);
    err_t err = simulator_load_plugin(path, out);
    free(path);
    return err;
}

static int setup(void **state)
{
    fixture_t *f = *state;
    if (load_plugin(f->folder, "plugin_whole", &f->simulator) != OK)
        return -1;
    f->rows = rows_create(simulator_schema(f->simulator), ROWS);
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    rows_destroy(&f->rows);
    simulator_close(&f->simulator);
    return 0;
}

static void builtins_load_by_name(void **state)
{
    (void)state;
    assert_true(simulator_builtin_count() >= 2);
    for (int i = 0; i < simulator_builtin_count(); i++) {
        simulator_t *s = NULL;
        assert_int_equal(simulator_load_builtin(simulator_builtin(i)->name, &s), OK);
        assert_ptr_equal(simulator_table(s), simulator_builtin(i));
        assert_string_equal(simulator_schema(s)->name, simulator_builtin(i)->name);
        simulator_close(&s);
        assert_null(s);
    }
}

static void unknown_builtin_names_the_nearest(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    assert_true(err_is(simulator_load_builtin("ddmm", &s), ERR_USAGE));
    assert_non_null(strstr(err_text(), "did you mean \"ddm\"?"));
    assert_non_null(strstr(err_text(), "location_scale"));
    assert_null(s);
}

static void broken_plugins_are_refused(void **state)
{
    const fixture_t *f = *state;
    static const struct {
        const char *name;
        err_code_t code;
        const char *words;
    } cases[] = {
        {"plugin_of_nobody", ERR_MISSING, "plugin_of_nobody.so"},
        {"plugin_abi", ERR_MISMATCH, "interface 77, this program has interface 5"},
        {"plugin_size", ERR_MISMATCH, "size of 96 bytes"},
        {"plugin_symbol", ERR_FORMAT, "infermill_simulator()"},
        {"plugin_bounds", ERR_FORMAT, "parameter action"},
        {"plugin_create", ERR_SIMULATOR, "could not make its state"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        simulator_t *s = NULL;
        err_t err = load_plugin(f->folder, cases[i].name, &s);
        if (!err_is(err, cases[i].code) || strstr(err_text(), cases[i].words) == NULL || s != NULL)
            fail_msg("%s: got %s \"%s\"", cases[i].name, err_name(err), err_text());
    }
}

static void a_declared_model_can_not_simulate(void **state)
{
    (void)state;
    const char text[] =
        "name: far\nversion: \"1\"\ndescription: \"\"\nparameters:\n  - name: x\n"
        "    lower: -.inf\n    upper: .inf\nobservables:\n  - name: y\n    kind: vector\n"
        "    dims: [2]\n    lower: -.inf\n    upper: .inf\n";
    schema_t schema;
    int64_t done = 7;
    assert_int_equal(schema_parse(text, "far.yaml", &schema), OK);
    simulator_t *s = simulator_declared(schema, "far.yaml"), *own;
    rows_t rows = rows_create(simulator_schema(s), 4);
    assert_true(simulator_is_declared(s));
    assert_true(err_is(simulator_rows(s, 1, RNG_BANK, 0, 4, &rows, 0, &done), ERR_USAGE));
    assert_int_equal(done, 0);
    assert_non_null(strstr(err_text(), "far.yaml: model far is only declared"));
    rows_destroy(&rows);
    simulator_close(&s);
    assert_null(s);
    assert_int_equal(simulator_load_builtin("ddm", &own), OK);
    assert_false(simulator_is_declared(own));
    simulator_close(&own);
}

static void a_file_that_is_no_library_is_refused(void **state)
{
    const fixture_t *f = *state;
    simulator_t *s = NULL;
    char *path = mem_format("%s/no_library.so", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("text\n", file);
    fclose(file);
    err_t err = simulator_load_plugin(path, &s);
    remove(path);
    assert_true(err_is(err, ERR_FORMAT));
    assert_non_null(strstr(err_text(), path));
    free(path);
}

static void the_schema_is_the_declaration(void **state)
{
    const fixture_t *f = *state;
    const schema_t *schema = simulator_schema(f->simulator);
    assert_string_equal(schema->version, "3.1");
    assert_int_equal(schema->n_parameters, 2);
    assert_string_equal(schema->parameters[1].name, "action");
    assert_true(schema->parameters[1].lower == -1.0 && schema->parameters[1].upper == 100.0);
    assert_true(isinf(schema->parameters[0].upper));
    assert_true(schema->design[0].integer && !schema->design[1].integer);
    assert_int_equal(schema->observables[0].kind, KIND_SERIES);
    assert_int_equal(schema->observables[0].length_design, 0);
    assert_int_equal(schema_size(&schema->observables[0]), LARGEST_N * FEATURES);
    assert_int_equal(schema->observables[1].length_design, -1);
}

static void a_row_is_filled_whole(void **state)
{
    fixture_t *f = *state;
    for (int64_t i = 0; i < ROWS; i++) {
        assert_int_equal(simulator_row(f->simulator, SEED, RNG_BANK, 100 + i, &f->rows, i), OK);
        const double *design = &f->rows.design[2 * i];
        const float *y = f->rows.observables[0] + i * LARGEST_N * FEATURES;
        int n = f->rows.length[2 * i];
        assert_int_equal(f->rows.index[i], 100 + i);
        assert_int_equal(f->rows.status[i], ROW_DONE);
        assert_true(f->rows.seconds[i] >= 0.0);
        assert_true(n == (int)design[0] && n >= 2 && n <= LARGEST_N);
        assert_int_equal(f->rows.length[2 * i + 1], 1);
        assert_true(design[1] > 0.5 && design[1] < 1.5);
        assert_true(f->rows.observables[1][i] == (float)design[1]);
        for (int k = 0; k < LARGEST_N * FEATURES; k++)
            assert_true((y[k] != 0.0f) == (k < n * FEATURES));
    }
}

static void a_row_depends_on_seed_stream_and_index_alone(void **state)
{
    fixture_t *f = *state;
    const float *y = f->rows.observables[0];
    size_t row = LARGEST_N * FEATURES, bytes = row * sizeof *y;
    simulator_t *s = f->simulator;
    assert_int_equal(simulator_row(s, SEED, RNG_BANK, 5, &f->rows, 0), OK);
    assert_int_equal(simulator_row(s, SEED, RNG_BANK, 6, &f->rows, 1), OK);
    assert_int_equal(simulator_row(s, SEED, RNG_HELD_OUT, 5, &f->rows, 2), OK);
    assert_int_equal(simulator_row(s, SEED + 1, RNG_BANK, 5, &f->rows, 3), OK);
    assert_int_equal(simulator_row(s, SEED, RNG_BANK, 5, &f->rows, 4), OK);
    assert_memory_equal(y, y + 4 * row, bytes);
    assert_true(f->rows.parameters[0] == f->rows.parameters[2 * 4]);
    for (int i = 1; i <= 3; i++)
        assert_memory_not_equal(y, y + (size_t)i * row, bytes);
}

static err_t act(fixture_t *f, double action)
{
    const double parameters[2] = {5.0, action}, design[2] = {3.0, 0.75};
    return simulator_row_given(f->simulator, SEED, RNG_CHECK, 9, parameters, design, &f->rows, 1);
}

static void given_parameters_and_design_are_used(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(act(f, DONE), OK);
    assert_int_equal(f->rows.status[1], ROW_DONE);
    assert_true(f->rows.parameters[2] == 5.0 && f->rows.design[3] == 0.75);
    assert_int_equal(f->rows.length[2], 3);
    assert_true(f->rows.observables[1][1] == 0.75f);
}

static void statuses_tell_what_happened(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(act(f, REJECT), OK);
    assert_int_equal(f->rows.status[1], ROW_REJECTED);
    assert_string_equal(f->rows.reason[1], "too cold");
    assert_int_equal(act(f, NOT_A_NUMBER), OK);
    assert_int_equal(f->rows.status[1], ROW_NONFINITE);
    assert_int_equal(act(f, GAMMA_OF_MINUS_ONE), OK);
    assert_int_equal(f->rows.status[1], ROW_NONFINITE);
    assert_string_equal(f->rows.reason[1], "gamma: shape -1");
    assert_int_equal(act(f, -1.0), OK); // on the edge of the open support
    assert_int_equal(f->rows.status[1], ROW_NONFINITE);
}

static void a_stop_is_an_error_with_its_reason(void **state)
{
    fixture_t *f = *state;
    assert_true(err_is(act(f, STOP), ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "row 9"));
    assert_non_null(strstr(err_text(), "too hot"));
}

static void nothing_is_left_of_an_earlier_row(void **state)
{
    fixture_t *f = *state;
    const float *y = f->rows.observables[0] + LARGEST_N * FEATURES;
    assert_int_equal(act(f, WRITE_TOO_MUCH), OK);
    assert_true(y[3 * FEATURES - 1] != 0.0f);
    for (int k = 3 * FEATURES; k < LARGEST_N * FEATURES; k++)
        assert_true(y[k] == 0.0f);
    assert_int_equal(act(f, WRITE_NOTHING), OK);
    for (int k = 0; k < LARGEST_N * FEATURES; k++)
        assert_true(y[k] == 0.0f);
    assert_true(f->rows.observables[1][1] == 0.0f);
}

static void values_outside_their_bounds_are_an_error(void **state)
{
    fixture_t *f = *state;
    const double good[2] = {5.0, DONE}, outside[2] = {5.0, -2.0};
    const double design[3][2] = {{3.0, 0.75}, {7.0, 0.75}, {2.5, 0.75}};
    simulator_t *s = f->simulator;
    rows_t *rows = &f->rows;
    assert_true(err_is(simulator_row_given(s, SEED, RNG_CHECK, 0, outside, design[0], rows, 0),
                       ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "parameter action is -2"));
    assert_true(err_is(simulator_row_given(s, SEED, RNG_CHECK, 0, good, design[1], rows, 0),
                       ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "n is 7"));
    assert_true(err_is(simulator_row_given(s, SEED, RNG_CHECK, 0, good, design[2], rows, 0),
                       ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "whole number"));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_load PLUGIN_FOLDER\n");
        return 2;
    }
    fixture_t fixture = {.folder = argv[1]};
#define WITH_PLUGIN(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &fixture)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtins_load_by_name),
        cmocka_unit_test(unknown_builtin_names_the_nearest),
        cmocka_unit_test_prestate(broken_plugins_are_refused, &fixture),
        cmocka_unit_test_prestate(a_file_that_is_no_library_is_refused, &fixture),
        cmocka_unit_test(a_declared_model_can_not_simulate),
        WITH_PLUGIN(the_schema_is_the_declaration),
        WITH_PLUGIN(a_row_is_filled_whole),
        WITH_PLUGIN(a_row_depends_on_seed_stream_and_index_alone),
        WITH_PLUGIN(given_parameters_and_design_are_used),
        WITH_PLUGIN(statuses_tell_what_happened),
        WITH_PLUGIN(a_stop_is_an_error_with_its_reason),
        WITH_PLUGIN(nothing_is_left_of_an_earlier_row),
        WITH_PLUGIN(values_outside_their_bounds_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
