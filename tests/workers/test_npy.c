// SPDX-License-Identifier: Apache-2.0
// Files are written here as NumPy writes them; tests/flow/bank_tools.sh reads NumPy's own.
#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"
#include "workers/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    char *folder, *path;
} world_t;

// Header (padded as NumPy does) and bytes.
static void write_npy(const world_t *w, int major, const char *header, size_t bytes,
                      const void *data)
{
    FILE *file = fopen(w->path, "wbe");
    size_t prefix = major > 1 ? 12 : 10, length = strlen(header) + 1;
    length = (prefix + length + 63) / 64 * 64 - prefix;
    assert_non_null(file);
    fprintf(file, "\x93NUMPY%c%c", major, 0);
    for (size_t k = 0; k < prefix - 8; k++)
        putc((int)(length >> 8 * k & 255), file);
    fprintf(file, "%-*s\n", (int)length - 1, header);
    fwrite(data, 1, bytes, file);
    fclose(file);
}

static void refuses(const world_t *w, const char *words)
{
    npy_t *npy;
    err_t err = npy_open(w->path, &npy);
    assert_true(err_is(err, ERR_FORMAT));
    assert_null(npy);
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
}

static void every_type_is_read(void **state)
{
    const world_t *w = *state;
    const struct {
        const char *name;
        size_t bytes;
        const void *data;
    } cases[] = {
        {"<f4", 12, (const float[]){1, -2.5f, 7}}, {"<f8", 24, (const double[]){1, -2.5, 7}},
        {"<i4", 12, (const int32_t[]){1, -2, 7}},  {"<i8", 24, (const int64_t[]){1, -2, 7}},
        {"|u1", 3, (const uint8_t[]){1, 254, 7}},  {"|b1", 3, (const uint8_t[]){1, 0, 1}}};
    static const double second[] = {-2.5, -2.5, -2, -2, 254, 0};
    for (int k = 0; k < 6; k++) {
        npy_t *npy;
        int64_t dims[NPY_MAX_DIMS];
        double x[2];
        char *header =
            mem_format("{'descr': '%s', 'fortran_order': False, 'shape': (3,), }", cases[k].name);
        write_npy(w, 1, header, cases[k].bytes, cases[k].data);
        assert_int_equal(npy_open(w->path, &npy), OK);
        assert_int_equal(npy_dims(npy, dims), 1);
        assert_int_equal(dims[0], 3);
        assert_int_equal(npy_read_f64(npy, 1, 2, x), OK);
        assert_true(x[0] == second[k]);
        npy_close(&npy);
        free(header);
    }
}

static void versions_two_and_three_have_longer_headers(void **state)
{
    const world_t *w = *state;
    for (int major = 2; major <= 3; major++) {
        npy_t *npy;
        float x[2];
        write_npy(w, major, "{'shape': (2, 1), 'fortran_order': False, 'descr': '<f8'}", 16,
                  (const double[]){3, 4});
        assert_int_equal(npy_open(w->path, &npy), OK);
        assert_int_equal(npy_read_f32(npy, 0, 2, x), OK);
        assert_true(x[0] == 3 && x[1] == 4);
        npy_close(&npy);
    }
}

static void rows_are_read_across_pieces(void **state)
{
    const world_t *w = *state;
    enum { ROWS = 4000, WIDTH = 3 };
    double *data = MEM_NEW(double, ROWS *WIDTH), *x = MEM_NEW(double, ROWS *WIDTH);
    npy_t *npy;
    for (int i = 0; i < ROWS * WIDTH; i++)
        data[i] = i;
    write_npy(w, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4000, 3), }",
              ROWS * WIDTH * sizeof *data, data);
    assert_int_equal(npy_open(w->path, &npy), OK);
    assert_int_equal(npy_read_f64(npy, 7, ROWS - 7, x), OK);
    assert_memory_equal(x, data + 7 * WIDTH, (ROWS - 7) * WIDTH * sizeof *x);
    npy_close(&npy);
    free(x);
    free(data);
}

static void what_is_not_read_is_named(void **state)
{
    const world_t *w = *state;
    static const struct {
        const char *header, *words;
    } cases[] = {
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", "type >f8"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", "type <c16"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "type |O"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "records"},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }", "Fortran order"},
        {"{'descr': '<f8', 'fortran_order': False, }", "not whole"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "sizes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "8 sizes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9), }",
         "beyond any file"},
        {"{'descr': '<f8', 'other': 1, }", "descr, fortran_order or shape"},
        {"[1]", "dictionary"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "expected 16"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "expected 4"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_npy(w, 1, cases[k].header, 8, (const double[]){1});
        refuses(w, cases[k].words);
    }
    write_npy(w, 4, "{}", 0, "");
    refuses(w, "version 4");
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    const world_t *w = *state;
    int64_t bytes;
    write_npy(w, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 16,
              (const double[]){1, 2});
    char *whole = sample_bytes(w->folder, "a.npy", &bytes);
    for (int64_t cut = 0; cut < bytes; cut++) {
        npy_t *npy;
        FILE *file = fopen(w->path, "wbe");
        fwrite(whole, 1, (size_t)cut, file);
        fclose(file);
        assert_true(err_is(npy_open(w->path, &npy), ERR_FORMAT));
    }
    free(whole);
}

static void a_missing_file_is_missing(void **state)
{
    npy_t *npy;
    (void)state;
    assert_true(err_is(npy_open("/nowhere/a.npy", &npy), ERR_MISSING));
}

static int set_up(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    w->folder = sample_folder();
    w->path = mem_format("%s/a.npy", w->folder);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    sample_remove(w->folder);
    free(w->folder);
    free(w->path);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(versions_two_and_three_have_longer_headers),
        cmocka_unit_test(rows_are_read_across_pieces),
        cmocka_unit_test(what_is_not_read_is_named),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_missing_file_is_missing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
