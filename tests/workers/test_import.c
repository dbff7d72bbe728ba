// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "storage/h5.h"
#include "tests/storage/sample_bank.h"
#include "workers/import.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Declared: mu in (0, 10), k; n in [2, 4]; y (n, 2), z (3) in [0, 1], and a k again.
static const char declared[] =
    "name: m\nversion: \"1\"\n"
    "parameters:\n  - name: mu\n    lower: 0\n    upper: 10\n  - name: k\n"
    "design:\n  - name: n\n    lower: 2\n    upper: 4\n    integer: true\n"
    "observables:\n  - name: y\n    kind: set\n    dims: [4, 2]\n"
    "    length: n\n  - name: z\n    kind: vector\n    dims: [3]\n"
    "    lower: 0\n    upper: 1\n  - name: k\n    kind: vector\n"
    "    dims: [1]\n";

#define HEADER                                                                                     \
    "parameters.k,mu,n,y.0.0,y.0.1,\"y[1,0]\",y[1][1],y.2.0,y.2.1,y.3.0,y.3.1,z.0,z.1,z.2,"        \
    "observables.k"

typedef struct {
    char *folder, *csv, *h5;
    schema_t schema;
} world_t;

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static err_t read_all(const world_t *w, const char *path, rows_t *rows)
{
    import_t *import;
    *rows = (rows_t){0};
    TRY(import_open(&w->schema, 1, &path, &import));
    *rows = rows_create(&w->schema, import_rows(import));
    err_t err = import_read(import, 0, import_rows(import), rows);
    import_close(&import);
    return err;
}

static void refuses(const world_t *w, const char *path, const char *words)
{
    rows_t rows;
    assert_true(err_is(read_all(w, path, &rows), ERR_FORMAT));
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
    rows_destroy(&rows);
}

/* ---- CSV ---- */

static void columns_are_found_by_name(void **state)
{
    const world_t *w = *state;
    rows_t rows;
    write_text(w->csv, HEADER ",comment\n"
                              "9,1,3,1,2,3,4,5,6,,,0,0.5,1,7,\"a, b\"\n"
                              "8,2,2,1,2,3,4,0,nan,,NA,0,0,0,6,\n");
    assert_int_equal(read_all(w, w->csv, &rows), OK);
    assert_int_equal(rows.n, 2);
    assert_true(rows.parameters[0] == 1 && rows.parameters[1] == 9);
    assert_true(rows.parameters[2] == 2 && rows.parameters[3] == 8);
    assert_true(rows.design[0] == 3 && rows.design[1] == 2);
    assert_int_equal(rows.length[0], 3);
    assert_int_equal(rows.length[1], 3); // of z: all of it
    assert_int_equal(rows.length[3], 2);
    assert_memory_equal(rows.observables[0], ((float[16]){1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 3, 4}),
                        16 * sizeof(float));
    assert_true(rows.observables[1][1] == 0.5f && rows.observables[2][1] == 6);
    assert_int_equal(rows.status[0], ROW_DONE);
    assert_int_equal(rows.status[1], ROW_DONE); // NaN beyond its length counts for nothing
    assert_int_equal(rows.index[1], 1);
    rows_destroy(&rows);
}

static void numbers_that_are_not_finite_make_rows_nonfinite(void **state)
{
    const world_t *w = *state;
    rows_t rows;
    write_text(w->csv, HEADER "\n"
                              "1,nan,2,1,2,3,4,,,,,0,0,0,1\n"
                              "1,1,2,1,2,3,,,,,,0,0,0,1\n"
                              "1,inf,2,1,2,3,4,,,,,0,0,0,1\n"
                              "1,1,,1,2,3,4,,,,,0,0,0,1\n"
                              "1,1,2,1,2,3,4,,,,,0,0,1e39,1\n");
    assert_int_equal(read_all(w, w->csv, &rows), OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rows.status[i], ROW_NONFINITE);
    assert_int_equal(rows.length[3 * 3], 0); // without n nobody knows how long y is
    rows_destroy(&rows);
}

static void what_is_wrong_with_a_csv_is_told(void **state)
{
    const world_t *w = *state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "expected a header"},
        {HEADER "\n", "0 rows"},
        {HEADER "\n1,2\n", ":2: 2 fields, the header has 15"},
        {HEADER "\n1,11,2,1,2,3,4,,,,,0,0,0,1\n", "row 0: mu: got 11, expected a value in (0, 10)"},
        {HEADER "\n1,0,2,1,2,3,4,,,,,0,0,0,1\n", "mu: got 0"},
        {HEADER "\n1,1,5,1,2,3,4,,,,,0,0,0,1\n", "y has 5 elements, expected a whole number"},
        {HEADER "\n1,1,1,1,2,3,4,,,,,0,0,0,1\n", "n: got 1, expected a value in [2, 4]"},
        {HEADER "\n1,1,2.5,1,2,3,4,,,,,0,0,0,1\n", "y has 2.5 elements"},
        {HEADER "\n1,1,2,1,2,3,4,,,,,0,0,1.5,1\n", "z: got 1.5, expected a value in [0, 1]"},
        {HEADER "\n1,1,2,1,2,3,4,,9,,,0,0,0,1\n",
         "row 0: y has 2 elements, but a value (9) beyond"},
        {HEADER "\n1,1,2,1,2,3,x,,,,,0,0,0,1\n", "row 0: y[1][1]: got \"x\", expected a number"},
        {"k,mu,n\n1,1,2\n", "there is no column for k; the columns are: k, mu, n"},
        {"mu,parameters.mu,n\n1,1,2\n", "columns mu and parameters.mu say the same"},
        {"mu,y.4.0\n1,1\n", "column y.4.0 is no element of y"},
        {"mu,y.0\n1,1\n", "column y.0 is no element of y"},
        {HEADER ",row.status\n1,1,2,1,2,3,4,,,,,0,0,0,1,fine\n", "got \"fine\", expected a status"},
        {HEADER ",length.y\n1,1,2,1,2,3,4,,,,,0,0,0,1,3\n",
         "y has 3 elements, but its design variable n is 2"},
        {HEADER ",length.z\n1,1,2,1,2,3,4,,,,,0,0,0,1,2\n", "z has 2 elements, expected 3 always"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(w->csv, cases[i].text);
        refuses(w, w->csv, cases[i].words);
    }
}

static void rows_that_failed_keep_what_they_are(void **state)
{
    const world_t *w = *state;
    rows_t rows;
    write_text(w->csv, HEADER ",row.status,row.seconds,row.reason\n"
                              "1,-5,2,1,2,3,4,,,,,0,0,7,1,error,2.5,\"no, root\"\n"
                              "1,1,2,1,2,3,4,,,,,0,0,nan,1,1,1,\n");
    assert_int_equal(read_all(w, w->csv, &rows), OK);
    assert_int_equal(rows.status[0], ROW_ERROR);
    assert_true(rows.seconds[0] == 2.5 && rows.parameters[0] == -5);
    assert_string_equal(rows.reason[0], "no, root");
    assert_null(rows.reason[1]);
    assert_int_equal(rows.status[1], ROW_NONFINITE); // whatever the file says
    rows_destroy(&rows);
}

static void a_csv_may_be_shorter_than_declared_where_its_length_varies(void **state)
{
    const world_t *w = *state;
    static const char header[] = "parameters.k,mu,length.y,y.0.0,y.0.1,y.1.0,y.1.1,y.2.0,y.2.1,z.0,"
                                 "z.1,z.2,observables.k\n";
    rows_t rows;
    char *text = mem_format("%s1,1,3,1,2,3,4,5,6,0,0,0,1\n1,1,2,1,2,3,4,,,0,0,0,1\n", header);
    write_text(w->csv, text);
    assert_int_equal(read_all(w, w->csv, &rows), OK);
    assert_true(rows.design[0] == 3 && rows.design[1] == 2); // from the length
    rows_destroy(&rows);
    free(text);
    text = mem_format("%s1,1,4,1,2,3,4,5,6,0,0,0,1\n", header);
    write_text(w->csv, text);
    refuses(w, w->csv, "y has 4 elements, expected a whole number from 0 to 3");
    free(text);
}

static void rows_are_read_in_any_order(void **state)
{
    const world_t *w = *state;
    FILE *file = fopen(w->csv, "wbe");
    fprintf(file, HEADER "\n");
    for (int i = 0; i < 50; i++)
        fprintf(file, "%d,1,2,1,2,3,4,,,,,0,0,0,1\n\n", i);
    fclose(file);
    const char *files[] = {w->csv, w->csv};
    import_t *import;
    rows_t rows = rows_create(&w->schema, 100);
    assert_int_equal(import_open(&w->schema, 2, files, &import), OK);
    assert_int_equal(import_rows(import), 100);
    for (int64_t begin = 90; begin >= 0; begin -= 30) {
        assert_int_equal(import_read(import, begin, 10, &rows), OK);
        for (int i = 0; i < 10; i++)
            assert_true(rows.parameters[2 * i + 1] == (double)((begin + i) % 50));
    }
    assert_int_equal(import_read(import, 45, 10, &rows), OK); // across both files
    assert_true(rows.parameters[9] == 49 && rows.parameters[11] == 0);
    assert_int_equal(rows.index[9], 54);
    origin_t origin = import_origin(import);
    assert_int_equal(origin.n, 2);
    assert_true(err_is(origin_check(&origin), ERR_MISMATCH));
    origin_free(&origin);
    rows_destroy(&rows);
    import_close(&import);
}

/* ---- HDF5 ---- */

// Two rows, of other widths than ours; what is NULL is left out.
static void write_h5(const world_t *w, const char *mu, const char *k, const char *n, const char *y)
{
    h5_id_t file;
    h5_shape_t f32 = h5_vector(H5_TYPE_F32, 2), i64 = h5_vector(H5_TYPE_I64, 2);
    h5_shape_t f64 = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {2, 3, 2}};
    h5_shape_t z = {.type = H5_TYPE_F32, .n_dims = 3, .dims = {2, 1, 3}};
    assert_int_equal(h5_create(w->h5, &file), OK);
    if (mu)
        assert_int_equal(h5_write(file, mu, &f32, (const float[]){1, 2}), OK);
    if (k)
        assert_int_equal(h5_write(file, k, &i64, (const int64_t[]){3, 4}), OK);
    if (n)
        assert_int_equal(h5_write(file, n, &i64, (const int64_t[]){3, 2}), OK);
    if (y)
        assert_int_equal(
            h5_write(file, y, &f64, (const double[]){1, 2, 3, 4, 5, 6, 1, 2, 3, 4, NAN, 0}), OK);
    assert_int_equal(h5_write(file, "z", &z, (const float[]){0, 0, 0, 1, 1, 1}), OK);
    assert_int_equal(h5_write(file, "observables/k", &f32, (const float[]){7, 8}), OK);
    assert_int_equal(h5_close(&file), OK);
}

static void hdf5_of_other_widths_and_places_is_converted(void **state)
{
    const world_t *w = *state;
    static const char *const places[][4] = {
        {"parameters/mu", "parameters/k", "design/n", "observables/y"},
        {"mu", "parameters/k", "n", "y"},
        {"mu", "parameters/k", "length/y", "y"}};
    for (int i = 0; i < 3; i++) {
        rows_t rows;
        write_h5(w, places[i][0], places[i][1], places[i][2], places[i][3]);
        assert_int_equal(read_all(w, w->h5, &rows), OK);
        assert_memory_equal(rows.parameters, ((double[]){1, 3, 2, 4}), 4 * sizeof(double));
        assert_memory_equal(rows.design, ((double[]){3, 2}), 2 * sizeof(double));
        assert_memory_equal(rows.observables[0], ((float[16]){1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 3, 4}),
                            16 * sizeof(float));
        assert_true(rows.observables[1][3] == 1 && rows.observables[2][1] == 8);
        assert_int_equal(rows.status[1], ROW_DONE);
        rows_destroy(&rows);
    }
}

static void what_is_wrong_with_an_hdf5_file_is_told(void **state)
{
    const world_t *w = *state;
    write_h5(w, NULL, "parameters/k", "n", "y");
    refuses(w, w->h5, "there is no parameters/mu; it holds: parameters, n, y, z, observables");
    write_h5(w, "mu", "k", "n", "y"); // k is two things
    refuses(w, w->h5, "there is no parameters/k");
    write_h5(w, "mu", "parameters/k", NULL, "y");
    refuses(w, w->h5, "there is no design/n");
    write_h5(w, "mu", "parameters/k", "n", "length/y");
    refuses(w, w->h5, "there is no observables/y");
    write_text(w->h5, "nothing");
    refuses(w, w->h5, "a.h5");
}

static void shapes_and_numbers_of_rows_are_compared(void **state)
{
    const world_t *w = *state;
    h5_id_t file;
    h5_shape_t matrix = {.type = H5_TYPE_F64, .n_dims = 2, .dims = {2, 3}};
    h5_shape_t y = {.type = H5_TYPE_F32, .n_dims = 3, .dims = {2, 4, 3}},
               one = {.type = H5_TYPE_F64};
    static const double zeros[24] = {0};
    assert_int_equal(h5_create(w->h5, &file), OK);
    assert_int_equal(h5_write(file, "parameters", &matrix, zeros), OK);
    assert_int_equal(h5_close(&file), OK);
    refuses(w, w->h5, "parameters: shape (rows, 3), expected (rows, 2)");
    matrix.dims[1] = 2;
    assert_int_equal(h5_create(w->h5, &file), OK);
    assert_int_equal(h5_write(file, "parameters", &matrix, zeros), OK);
    assert_int_equal(h5_write(file, "n", &one, zeros), OK);
    assert_int_equal(h5_close(&file), OK);
    refuses(w, w->h5, "n: one number, expected an array");
    h5_shape_t n = h5_vector(H5_TYPE_F64, 3);
    assert_int_equal(h5_create(w->h5, &file), OK);
    assert_int_equal(h5_write(file, "parameters", &matrix, zeros), OK);
    assert_int_equal(h5_write(file, "n", &n, zeros), OK);
    assert_int_equal(h5_close(&file), OK);
    refuses(w, w->h5, "n: 3 rows, expected 2 as in the others");
    n.dims[0] = 2;
    assert_int_equal(h5_create(w->h5, &file), OK);
    assert_int_equal(h5_write(file, "parameters", &matrix, zeros), OK);
    assert_int_equal(h5_write(file, "n", &n, zeros), OK);
    assert_int_equal(h5_write(file, "y", &y, zeros), OK);
    assert_int_equal(h5_close(&file), OK);
    refuses(w, w->h5, "y: shape (rows, 4, 3), expected (rows, 4, 2)");
}

static void a_file_of_another_model_is_refused(void **state)
{
    const world_t *w = *state;
    h5_id_t file;
    const char *path = w->h5;
    import_t *import;
    assert_int_equal(h5_create(w->h5, &file), OK);
    assert_int_equal(h5_set_text(file, "model",
                                 "name: m\nversion: \"2\"\nparameters:\n  - name: mu\n"
                                 "observables:\n  - name: y\n    kind: vector\n    dims: [1]\n"),
                     OK);
    assert_int_equal(h5_close(&file), OK);
    assert_true(err_is(import_open(&w->schema, 1, &path, &import), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "model m: version 2 against 1"));
}

static void other_files_are_refused(void **state)
{
    const world_t *w = *state;
    const char *missing = "/nowhere/a.csv", *other = "/dev/null", *bare = "/nowhere/a.npy";
    import_t *import;
    assert_true(err_is(import_open(&w->schema, 1, &missing, &import), ERR_MISSING));
    assert_true(err_is(import_open(&w->schema, 1, &other, &import), ERR_USAGE));
    assert_true(err_is(import_open(&w->schema, 1, &bare, &import), ERR_USAGE));
}

static int set_up(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    w->folder = sample_folder();
    w->csv = mem_format("%s/a.csv", w->folder);
    w->h5 = mem_format("%s/a.h5", w->folder);
    *state = w;
    return schema_parse(declared, "test", &w->schema);
}

static int tear_down(void **state)
{
    world_t *w = *state;
    sample_remove(w->folder);
    schema_free(&w->schema);
    free(w->folder);
    free(w->csv);
    free(w->h5);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(numbers_that_are_not_finite_make_rows_nonfinite),
        cmocka_unit_test(what_is_wrong_with_a_csv_is_told),
        cmocka_unit_test(rows_that_failed_keep_what_they_are),
        cmocka_unit_test(a_csv_may_be_shorter_than_declared_where_its_length_varies),
        cmocka_unit_test(rows_are_read_in_any_order),
        cmocka_unit_test(hdf5_of_other_widths_and_places_is_converted),
        cmocka_unit_test(what_is_wrong_with_an_hdf5_file_is_told),
        cmocka_unit_test(shapes_and_numbers_of_rows_are_compared),
        cmocka_unit_test(a_file_of_another_model_is_refused),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
