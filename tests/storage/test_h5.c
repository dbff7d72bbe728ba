// SPDX-License-Identifier: Apache-2.0
#include "storage/h5.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char *folder, *path;
} place_t;

static int make_place(void **state)
{
    place_t *p = MEM_NEW(place_t, 1);
    p->folder = sample_folder();
    p->path = mem_format("%s/file.h5", p->folder);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    place_t *p = *state;
    sample_remove(p->folder);
    free(p->folder);
    free(p->path);
    free(p);
    return 0;
}

static h5_id_t created(void **state)
{
    h5_id_t file;
    assert_int_equal(h5_create(((place_t *)*state)->path, &file), OK);
    return file;
}

static h5_id_t reopened(void **state, h5_id_t *file)
{
    assert_int_equal(h5_close(file), OK);
    assert_true(*file == H5_NONE);
    assert_int_equal(h5_open(((place_t *)*state)->path, file), OK);
    return *file;
}

static void arrays_of_every_type_come_back(void **state)
{
    static const h5_type_t types[] = {H5_TYPE_F32, H5_TYPE_F64, H5_TYPE_I32,
                                      H5_TYPE_I64, H5_TYPE_U8,  H5_TYPE_U64};
    static const char *const names[] = {"f32", "f64", "i32", "i64", "u8", "u64"};
    unsigned char data[6 * 8], got[6 * 8];
    h5_id_t file = created(state), dataset;
    h5_shape_t shape = {.n_dims = 2, .dims = {3, 2}, .chunk_rows = 2}, found;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(37 * i % 127);
    for (int t = 0; t < 6; t++) {
        shape.type = types[t];
        assert_int_equal(h5_write(file, names[t], &shape, data), OK);
    }
    reopened(state, &file);
    for (int t = 0; t < 6; t++) {
        size_t bytes = 6 * h5_type_bytes(types[t]);
        shape.type = types[t];
        assert_int_equal(h5_read(file, names[t], &shape, got), OK);
        assert_memory_equal(got, data, bytes);
        assert_int_equal(h5_dataset_open(file, names[t], &dataset), OK);
        assert_int_equal(h5_dataset_shape(dataset, &found), OK);
        assert_int_equal(found.type, types[t]);
        assert_int_equal(found.n_dims, 2);
        assert_int_equal(found.dims[0], 3);
        assert_int_equal(found.dims[1], 2);
        assert_int_equal(found.chunk_rows, 2);
        assert_int_equal(h5_close(&dataset), OK);
    }
    assert_int_equal(h5_close(&file), OK);
}

static void rows_are_written_and_read_in_pieces(void **state)
{
    h5_id_t file = created(state), dataset;
    h5_shape_t shape = {.type = H5_TYPE_F64, .n_dims = 2, .dims = {10, 3}, .chunk_rows = 4};
    double data[30], got[30];
    for (int i = 0; i < 30; i++)
        data[i] = i;
    assert_int_equal(h5_dataset_create(file, "a/b/rows", &shape, &dataset), OK);
    assert_int_equal(h5_write_rows(dataset, 7, 3, H5_TYPE_F64, data + 21), OK);
    assert_int_equal(h5_write_rows(dataset, 0, 7, H5_TYPE_F64, data), OK);
    assert_int_equal(h5_write_rows(dataset, 10, 0, H5_TYPE_F64, NULL), OK);
    reopened(state, &file); // closes the data set too
    assert_int_equal(h5_dataset_open(file, "a/b/rows", &dataset), OK);
    assert_int_equal(h5_read_rows(dataset, 2, 6, H5_TYPE_F64, got), OK);
    assert_memory_equal(got, data + 6, 18 * sizeof(double));
    assert_true(err_is(h5_read_rows(dataset, 8, 3, H5_TYPE_F64, got), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "rows 8 to 11 asked for, it has 10"));
    assert_int_equal(h5_close(&dataset), OK);
    assert_int_equal(h5_close(&file), OK);
}

static void empty_and_single_values_are_kept(void **state)
{
    h5_id_t file = created(state);
    h5_shape_t single = {.type = H5_TYPE_I64}, empty = h5_vector(H5_TYPE_F32, 0);
    int64_t value = -5, got = 0;
    assert_int_equal(h5_write(file, "single", &single, &value), OK);
    assert_int_equal(h5_write(file, "empty", &empty, NULL), OK);
    reopened(state, &file);
    assert_int_equal(h5_read(file, "single", &single, &got), OK);
    assert_int_equal(got, -5);
    assert_int_equal(h5_read(file, "empty", &empty, NULL), OK);
    assert_int_equal(h5_close(&file), OK);
}

static void attributes_and_texts_come_back(void **state)
{
    enum { LONG = 200000 }; // more than an object header holds
    static const char *const list[] = {"eins", "", "drei \xc3\xa4"};
    h5_id_t file = created(state), group;
    char *text, *big = mem_zero(LONG + 1, 1), **texts;
    int64_t n, integer;
    uint64_t unsigned_value;
    double real;
    memset(big, 'x', LONG);
    assert_int_equal(h5_group(file, "inner/most", &group), OK);
    assert_int_equal(h5_set_text(group, "text", "gr\xc3\xbc\xc3\x9f"), OK);
    assert_int_equal(h5_set_text(group, "empty", ""), OK);
    assert_int_equal(h5_set_text(file, "big", big), OK);
    assert_int_equal(h5_set_integer(group, "integer", -3), OK);
    assert_int_equal(h5_set_unsigned(file, "unsigned", UINT64_MAX), OK);
    assert_int_equal(h5_set_real(group, "real", 0.1), OK);
    assert_int_equal(h5_write_texts(file, "list", 3, list), OK);
    reopened(state, &file);
    assert_int_equal(h5_group(file, "inner/most", &group), OK);
    assert_int_equal(h5_get_text(group, "text", &text), OK);
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f");
    free(text);
    assert_int_equal(h5_get_text(group, "empty", &text), OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(h5_get_text(file, "big", &text), OK);
    assert_string_equal(text, big);
    free(text);
    assert_int_equal(h5_get_integer(group, "integer", &integer), OK);
    assert_int_equal(integer, -3);
    assert_int_equal(h5_get_unsigned(file, "unsigned", &unsigned_value), OK);
    assert_true(unsigned_value == UINT64_MAX);
    assert_int_equal(h5_get_real(group, "real", &real), OK);
    assert_true(real == 0.1);
    assert_true(err_is(h5_get_text(group, "real", &text), ERR_FORMAT));
    assert_true(err_is(h5_get_real(group, "text", &real), ERR_FORMAT));
    assert_true(err_is(h5_get_real(group, "none", &real), ERR_MISSING));
    assert_true(h5_has_attribute(group, "real"));
    assert_false(h5_has_attribute(group, "none"));
    assert_int_equal(h5_read_texts(file, "list", &n, &texts), OK);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(texts[i], list[i]);
    h5_free_texts(n, &texts);
    assert_int_equal(h5_close(&file), OK);
    free(big);
}

static void names_stand_in_order_of_creation(void **state)
{
    static const char *const order[] = {"z", "a", "m"};
    h5_id_t file = created(state), group;
    char **names;
    int64_t n;
    for (int i = 0; i < 3; i++) {
        char *path = mem_format("in/%s", order[i]);
        assert_int_equal(h5_group(file, path, &group), OK);
        assert_int_equal(h5_close(&group), OK);
        free(path);
    }
    reopened(state, &file);
    assert_int_equal(h5_names(file, "in", &n, &names), OK);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(names[i], order[i]);
    h5_free_texts(n, &names);
    assert_true(h5_has(file, "in/m"));
    assert_false(h5_has(file, "in/x"));
    assert_false(h5_has(file, "out/x"));
    assert_true(err_is(h5_group(file, "out/x", &group), ERR_MISSING));
    assert_int_equal(h5_close(&file), OK);
}

static void equal_content_gives_equal_bytes(void **state)
{
    place_t *p = *state;
    int64_t n, m;
    char *bytes[2];
    double data[3] = {1, 2, 3};
    h5_shape_t shape = h5_vector(H5_TYPE_F64, 3);
    for (int i = 0; i < 2; i++) {
        h5_id_t file = created(state);
        assert_int_equal(h5_write(file, "group/data", &shape, data), OK);
        assert_int_equal(h5_set_text(file, "text", "words"), OK);
        assert_int_equal(h5_close(&file), OK);
        bytes[i] = sample_bytes(p->folder, "file.h5", i ? &m : &n);
        if (i == 0)
            sleep(1); // HDF5's times count seconds
    }
    assert_int_equal(n, m);
    assert_memory_equal(bytes[0], bytes[1], (size_t)n);
    free(bytes[0]);
    free(bytes[1]);
}

static void wrong_files_are_named(void **state)
{
    place_t *p = *state;
    h5_id_t file;
    double got[2];
    h5_shape_t two = h5_vector(H5_TYPE_F64, 2), three = h5_vector(H5_TYPE_F64, 3);
    assert_true(err_is(h5_open(p->path, &file), ERR_MISSING));
    assert_non_null(strstr(err_text(), "file.h5"));
    assert_true(err_is(h5_create("/nonexistent/file.h5", &file), ERR_IO));
    assert_non_null(strstr(err_text(), "/nonexistent/file.h5"));
    file = created(state);
    assert_int_equal(h5_write(file, "x", &three, (double[3]){1, 2, 3}), OK);
    reopened(state, &file);
    assert_true(err_is(h5_read(file, "y", &two, got), ERR_MISSING));
    assert_non_null(strstr(err_text(), "\"y\""));
    assert_true(err_is(h5_read(file, "x", &two, got), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "dims (3), expected (2)"));
    assert_int_equal(h5_close(&file), OK);
    assert_int_equal(truncate(p->path, 150), 0);
    assert_true(err_is(h5_open(p->path, &file), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "truncated"));
}

// The disk runs full below a file that is being written: closing says so, and the process goes on.
static void a_failed_last_write_is_an_error(void **state)
{
    place_t *p = *state;
    h5_id_t file = created(state), dataset;
    h5_shape_t shape = h5_vector(H5_TYPE_F64, 100000);
    double *data = MEM_NEW(double, 100000);
    struct rlimit old, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 512;
    assert_int_equal(h5_dataset_create(file, "x", &shape, &dataset), OK);
    setrlimit(RLIMIT_FSIZE, &tight);
    err_t wrote = h5_write_rows(dataset, 0, 100000, H5_TYPE_F64, data);
    h5_drop(&dataset);
    err_t closed = h5_close(&file);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(err_is(wrote, ERR_IO));
    assert_true(err_is(closed, ERR_IO));
    assert_non_null(strstr(err_text(), p->path));
    assert_true(file == H5_NONE);
    free(data);
    file = created(state);
    assert_int_equal(h5_close(&file), OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arrays_of_every_type_come_back),
        TEST(rows_are_written_and_read_in_pieces),
        TEST(empty_and_single_values_are_kept),
        TEST(attributes_and_texts_come_back),
        TEST(names_stand_in_order_of_creation),
        TEST(equal_content_gives_equal_bytes),
        TEST(wrong_files_are_named),
        TEST(a_failed_last_write_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
