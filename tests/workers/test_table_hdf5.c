// SPDX-License-Identifier: Apache-2.0
#include "workers/table_hdf5.h"

#include "cluster/mem.h"
#include "storage/h5.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { SETS = 300, ELEMENTS = 5, FEATURES = 2 };

static schema_observable_t y = {
    .name = "y", .kind = KIND_SET, .n_dims = 2, .dims = {50, FEATURES}, .length_design = 0};
static schema_design_t design[] = {{.name = "n"}, {.name = "dose", .lower = 0, .upper = 400}};
static const schema_t model = {.name = "m",
                               .version = "1",
                               .n_observables = 1,
                               .observables = &y,
                               .n_design = 2,
                               .design = design};
static const int dose = 1;

typedef struct {
    char path[64];
    h5_id_t file;
} file_t;

static int file_make(void **state)
{
    file_t *f = MEM_NEW(file_t, 1);
    snprintf(f->path, sizeof f->path, "./test_table_hdf5.%ld.h5", (long)getpid());
    *state = f;
    return h5_create(f->path, &f->file);
}

static int file_remove(void **state)
{
    file_t *f = *state;
    h5_drop(&f->file);
    unlink(f->path);
    free(f);
    return 0;
}

/* Value k of data set i is i + k / 100. */
static void write_values(h5_id_t file, const char *path)
{
    static float values[SETS * ELEMENTS * FEATURES];
    for (int i = 0; i < SETS; i++)
        for (int k = 0; k < ELEMENTS * FEATURES; k++)
            values[i * ELEMENTS * FEATURES + k] = (float)i + (float)k / 100;
    values[280 * ELEMENTS * FEATURES + 7] = NAN;
    h5_shape_t shape = {.type = H5_TYPE_F32, .n_dims = 3, .dims = {SETS, ELEMENTS, FEATURES}};
    assert_int_equal(h5_write(file, path, &shape, values), OK);
}

static void write_lengths(h5_id_t file, int64_t last)
{
    int64_t length[SETS];
    for (int i = 0; i < SETS; i++)
        length[i] = 1 + i % ELEMENTS;
    length[SETS - 1] = last;
    h5_shape_t shape = h5_vector(H5_TYPE_I64, SETS);
    assert_int_equal(h5_write(file, "length/y", &shape, length), OK);
}

static err_t read_hdf5(const char *path, int n, const int *which, table_t *t)
{
    table_sink_t keep = table_keeper(t);
    return table_read_hdf5(path, &model, n, which, &keep, t);
}

static err_t read_back(file_t *f, table_t *t)
{
    assert_int_equal(h5_close(&f->file), OK);
    return read_hdf5(f->path, 0, NULL, t);
}

static void design_is_read_where_it_is_asked_for(void **state)
{
    file_t *f = *state;
    double mg[SETS];
    for (int i = 0; i < SETS; i++)
        mg[i] = i == 7 ? NAN : 0.5 * i;
    h5_shape_t shape = h5_vector(H5_TYPE_F64, SETS);
    write_values(f->file, "observables/y");
    assert_int_equal(h5_write(f->file, "design/dose", &shape, mg), OK);
    assert_int_equal(h5_close(&f->file), OK);
    assert_true(table_hdf5_has_design(f->path, "dose"));
    assert_false(table_hdf5_has_design(f->path, "n"));
    assert_false(table_hdf5_has_design("no such file", "n"));
    table_t t;
    assert_int_equal(read_hdf5(f->path, 1, &dose, &t), OK);
    assert_true(t.n_design == 1 && t.sets[298].design[0] == 149);
    assert_string_equal(t.sets[7].problem, "dose is NaN");
    table_free(&t);
}

static void design_that_is_not_there_is_named(void **state)
{
    file_t *f = *state;
    write_values(f->file, "observables/y");
    assert_int_equal(h5_close(&f->file), OK);
    table_t t;
    assert_true(read_hdf5(f->path, 1, &dose, &t) != OK);
    assert_non_null(strstr(err_text(), "design variable dose"));
    assert_int_equal(t.n, 0);
}

static void lengths_cut_the_padding_off(void **state)
{
    file_t *f = *state;
    write_values(f->file, "observables/y");
    write_lengths(f->file, 0);
    table_t t;
    assert_int_equal(read_back(f, &t), OK);
    assert_true(t.n == SETS && t.features[0] == FEATURES);
    for (int i = 0; i < SETS - 1; i++) {
        assert_int_equal(t.sets[i].n[0], 1 + i % ELEMENTS);
        assert_true(t.sets[i].values[0][1] == (float)i + 0.01f);
        assert_null(t.sets[i].problem); // the NaN of 280 lies in its padding
    }
    assert_int_equal(t.sets[SETS - 1].n[0], 0);
    assert_string_equal(t.sets[12].id, "12");
    table_free(&t);
}

/* The same values in a CSV give the same hashes: test_table_csv and this one hash value after value. */
static void a_second_pass_gives_the_same_or_says_so(void **state)
{
    file_t *f = *state;
    table_t counted, kept;
    write_values(f->file, "observables/y");
    write_lengths(f->file, 0);
    assert_int_equal(read_back(f, &kept), OK);
    assert_int_equal(table_read_hdf5(f->path, &model, 0, NULL, NULL, &counted), OK);
    for (int i = 0; i < SETS; i++) {
        assert_null(counted.sets[i].values);
        assert_true(counted.sets[i].hash[0] ==
                    table_hash(0, kept.sets[i].n[0] * FEATURES, kept.sets[i].values[0]));
    }
    assert_int_equal(table_again_hdf5(f->path, &model, NULL, &counted), OK);
    assert_int_equal(h5_create(f->path, &f->file), OK);
    write_values(f->file, "observables/y");
    assert_int_equal(h5_close(&f->file), OK);
    assert_int_equal(table_again_hdf5(f->path, &model, NULL, &counted), -ERR_MISMATCH);
    table_free(&counted);
    table_free(&kept);
}

static void without_lengths_all_is_there_and_nan_is_a_problem(void **state)
{
    file_t *f = *state;
    write_values(f->file, "y");
    table_t t;
    assert_int_equal(read_back(f, &t), OK);
    assert_int_equal(t.sets[7].n[0], ELEMENTS);
    assert_string_equal(t.sets[280].problem, "y is NaN in element 3");
    assert_null(t.sets[281].problem);
    table_free(&t);
}

static void ids_are_texts_or_integers(void **state)
{
    file_t *f = *state;
    write_values(f->file, "y");
    int64_t id[SETS];
    for (int i = 0; i < SETS; i++)
        id[i] = 1000 - i;
    h5_shape_t shape = h5_vector(H5_TYPE_I64, SETS);
    assert_int_equal(h5_write(f->file, "id", &shape, id), OK);
    table_t t;
    assert_int_equal(read_back(f, &t), OK);
    assert_string_equal(t.sets[2].id, "998");
    table_free(&t);
    assert_int_equal(h5_create(f->path, &f->file), OK);
    write_values(f->file, "y");
    const char *texts[SETS];
    for (int i = 0; i < SETS; i++)
        texts[i] = i == 2 ? "anna" : "other";
    assert_int_equal(h5_write_texts(f->file, "id", SETS, texts), OK);
    assert_int_equal(read_back(f, &t), OK);
    assert_string_equal(t.sets[2].id, "anna");
    table_free(&t);
}

static void assert_refused(file_t *f, err_code_t code, const char *words)
{
    table_t t;
    assert_int_equal(read_back(f, &t), -(int)code);
    if (!strstr(err_text(), words))
        fail_msg("\"%s\" is not in: %s", words, err_text());
}

static void a_missing_observable_is_named(void **state)
{
    file_t *f = *state;
    write_values(f->file, "z");
    assert_refused(f, ERR_MISSING, "\"y\"");
}

static void wrong_dims_are_refused(void **state)
{
    file_t *f = *state;
    h5_shape_t flat = {.type = H5_TYPE_F32, .n_dims = 2, .dims = {3, 2}};
    h5_shape_t wide = {.type = H5_TYPE_F32, .n_dims = 3, .dims = {1, 2, 3}};
    const float values[6] = {0};
    assert_int_equal(h5_write(f->file, "y", &flat, values), OK);
    assert_refused(f, ERR_FORMAT, "y has 2 dimensions, expected 3");
    assert_int_equal(h5_create(f->path, &f->file), OK);
    assert_int_equal(h5_write(f->file, "y", &wide, values), OK);
    assert_refused(f, ERR_FORMAT, "dimension 2 is 3, the model has 2");
}

static void a_length_beyond_the_data_is_refused(void **state)
{
    file_t *f = *state;
    write_values(f->file, "y");
    write_lengths(f->file, 6);
    assert_refused(f, ERR_FORMAT, "length of y of data set 299 is 6, expected 0 to 5");
}

static void a_wrong_number_of_ids_is_refused(void **state)
{
    file_t *f = *state;
    write_values(f->file, "y");
    assert_int_equal(h5_write_texts(f->file, "id", 2, (const char *const[]){"a", "b"}), OK);
    assert_refused(f, ERR_FORMAT, "id: 2 of them for 300 data sets");
}

static void groups_are_texts_or_integers(void **state)
{
    file_t *f = *state;
    table_t t;
    const char *land[SETS];
    int64_t year[SETS];
    for (int i = 0; i < SETS; i++) {
        land[i] = i == 3 ? "" : i % 2 ? "Chad" : "Peru";
        year[i] = i < 290 ? 2026 : -1;
    }
    h5_shape_t shape = h5_vector(H5_TYPE_I64, SETS);
    write_values(f->file, "y");
    assert_int_equal(h5_write_texts(f->file, "land", SETS, land), OK);
    assert_int_equal(h5_write(f->file, "year", &shape, year), OK);
    assert_int_equal(h5_write_texts(f->file, "few", 2, land), OK);
    assert_int_equal(read_back(f, &t), OK);
    assert_int_equal(table_hdf5_groups(f->path, "land", &t), OK);
    assert_true(t.n_groups == 2 && t.sets[0].group == 0 && t.sets[1].group == 1);
    assert_true(t.sets[3].group == -1 && strcmp(t.groups[1], "Chad") == 0);
    table_free(&t);
    assert_int_equal(read_hdf5(f->path, 0, NULL, &t), OK);
    assert_int_equal(table_hdf5_groups(f->path, "year", &t), OK);
    assert_true(t.n_groups == 2 && t.sets[299].group == 1 && strcmp(t.groups[1], "-1") == 0);
    assert_int_equal(table_hdf5_groups(f->path, "few", &t), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "few: 2 of them for 300 data sets"));
    assert_int_equal(table_hdf5_groups(f->path, "country", &t), -ERR_MISSING);
    assert_non_null(strstr(err_text(), "no data set country, which infer.group names"));
    table_free(&t);
}

#define FILED(f) cmocka_unit_test_setup_teardown(f, file_make, file_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILED(lengths_cut_the_padding_off),
        FILED(a_second_pass_gives_the_same_or_says_so),
        FILED(without_lengths_all_is_there_and_nan_is_a_problem),
        FILED(ids_are_texts_or_integers),
        FILED(design_is_read_where_it_is_asked_for),
        FILED(design_that_is_not_there_is_named),
        FILED(a_missing_observable_is_named),
        FILED(wrong_dims_are_refused),
        FILED(a_length_beyond_the_data_is_refused),
        FILED(a_wrong_number_of_ids_is_refused),
        FILED(groups_are_texts_or_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
