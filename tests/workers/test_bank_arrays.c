// SPDX-License-Identifier: Apache-2.0
// Parameters that are arrays, through a bank and out of it: one data set a parameter, the same values on every way.
#define BANK_WRITE
#include "cluster/mem.h"
#include "storage/bank.h"
#include "storage/h5.h"
#include "tests/storage/sample_array.h"
#include "tests/storage/sample_bank.h"
#include "workers/bank_export.h"
#include "workers/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 600, SHARD_ROWS = 512, P = 8 };

typedef struct {
    const par_t *par;
    schema_t schema;
    char *folder, *bank;
} world_t;

static void assert_ok(err_t err)
{
    if (err != OK)
        print_error("%s: %s\n%s", err_name(err), err_text(), err_trace());
    assert_int_equal(err, OK);
}

static err_t seal_one(const world_t *w, bank_writer_t *writer, int64_t shard)
{
    range_t range = bank_writer_range(writer, shard);
    rows_t rows = rows_create(&w->schema, range.end - range.begin);
    for (int64_t i = range.begin; i < range.end; i++)
        if (i % w->par->size == w->par->rank)
            sample_array_row(i, &rows, rows.n++);
    err_t err = bank_seal(writer, w->par, 1, &shard, &rows);
    rows_destroy(&rows);
    return err;
}

static void fill(const world_t *w, int compress)
{
    bank_plan_t plan = {.folder = w->bank,
                        .schema = &w->schema,
                        .seed = 1,
                        .rows = ROWS,
                        .shard_rows = SHARD_ROWS,
                        .compress = compress,
                        .study = "a study"};
    bank_writer_t *writer;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    for (int64_t k = 0; k < bank_writer_open_shards(writer); k++)
        assert_ok(seal_one(w, writer, bank_writer_open_shard(writer, k)));
    assert_ok(bank_writer_close(&writer));
}

static void assert_rows(const rows_t *got, int64_t n)
{
    rows_t want = rows_create(got->schema, 1);
    assert_int_equal(got->n, n);
    for (int64_t i = 0; i < n; i++) {
        sample_array_row(i, &want, 0);
        assert_memory_equal(got->parameters + i * P, want.parameters, P * sizeof(double));
        assert_memory_equal(got->observables[0] + i * 2, want.observables[0], 2 * sizeof(float));
    }
    rows_destroy(&want);
}

static void assert_bank_holds(const world_t *w)
{
    bank_t *bank;
    rows_t got = rows_create(&w->schema, ROWS);
    assert_ok(bank_open(w->bank, &bank));
    assert_ok(bank_read(bank, 0, ROWS, &got));
    assert_rows(&got, ROWS);
    rows_destroy(&got);
    bank_close(&bank);
}

/* image[1,2] of row 5 is value 6 of the parameters: 5 + 6 / 16. */
static void assert_data_set(const char *path, int64_t rows)
{
    double image[SHARD_ROWS + ROWS][2][3], sigma[SHARD_ROWS + ROWS];
    h5_shape_t shape = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {rows, 2, 3}};
    h5_shape_t scalar = h5_vector(H5_TYPE_F64, rows);
    h5_id_t file;
    assert_ok(h5_open(path, &file));
    assert_ok(h5_read(file, "parameters/image", &shape, image));
    assert_ok(h5_read(file, "parameters/sigma", &scalar, sigma));
    assert_ok(h5_close(&file));
    assert_true(image[5][1][2] == 5 + 6 / 16.0 && image[5][0][0] == 5 + 1 / 16.0);
    assert_true(sigma[5] == 5 + 7 / 16.0);
}

static char *file_of(const world_t *w, const char *name)
{
    return mem_format("%s/%s", w->folder, name);
}

/* ---- tests ---- */

static void a_shard_has_one_data_set_of_an_array(void **state)
{
    const world_t *w = *state;
    fill(w, 0);
    assert_bank_holds(w);
    char *shard = file_of(w, "bank/shards/0000000.h5");
    assert_data_set(shard, SHARD_ROWS);
    free(shard);
}

static void compressed_shards_hold_the_same(void **state)
{
    const world_t *w = *state;
    fill(w, 4);
    assert_bank_holds(w);
}

static void found_wrong(void *user, int64_t shard, int64_t first, int64_t end, const char *what)
{
    (void)user;
    fail_msg("shard %ld, rows %ld to %ld: %s", (long)shard, (long)first, (long)end, what);
}

static void every_byte_is_verified(void **state)
{
    const world_t *w = *state;
    bank_t *bank;
    fill(w, 0);
    assert_ok(bank_open(w->bank, &bank));
    assert_ok(bank_verify(bank, found_wrong, NULL));
    bank_close(&bank);
}

static void exported_arrays_are_imported(void **state)
{
    const world_t *w = *state;
    static const char *const names[] = {"rows.h5", "rows.csv"};
    fill(w, 0);
    for (int k = 0; k < 2 && w->par->rank == 0; k++) {
        char *path = file_of(w, names[k]);
        const char *file = path;
        rows_t rows = rows_create(&w->schema, ROWS);
        import_t *import;
        bank_t *bank;
        int64_t n;
        assert_ok(bank_open(w->bank, &bank));
        assert_ok(bank_export(bank, w->bank, path, EXPORT_ALL, &n));
        bank_close(&bank);
        assert_ok(import_open(&w->schema, 1, &file, &import));
        assert_int_equal(import_rows(import), ROWS);
        assert_ok(import_read(import, 0, ROWS, &rows));
        assert_rows(&rows, ROWS);
        if (k == 0)
            assert_data_set(path, ROWS);
        import_close(&import);
        rows_destroy(&rows);
        free(path);
    }
}

static void columns_of_an_array_have_its_indices(void **state)
{
    const world_t *w = *state;
    static const char *const headers[] = {
        "mu,\"image[0,0]\",\"image[0,1]\",\"image[0,2]\",\"image[1,0]\",\"image[1,1]\","
        "\"image[1,2]\",sigma,y.0,y.1",
        "mu,image.0.0,image.0.1,image.0.2,image.1.0,image.1.1,image.1.2,sigma,y.0,y.1"};
    if (w->par->rank != 0)
        return;
    for (int k = 0; k < 2; k++) {
        char *path = file_of(w, "own.csv");
        const char *name = path;
        rows_t rows = rows_create(&w->schema, 1);
        import_t *import;
        FILE *file = fopen(path, "wbe");
        assert_non_null(file);
        fprintf(file, "%s\n0,0.0625,0.125,0.1875,0.25,0.3125,0.375,0.4375,0,0\n", headers[k]);
        fclose(file);
        assert_ok(import_open(&w->schema, 1, &name, &import));
        assert_ok(import_read(import, 0, 1, &rows));
        assert_rows(&rows, 1);
        import_close(&import);
        rows_destroy(&rows);
        free(path);
    }
}

static void another_shape_is_refused(void **state)
{
    const world_t *w = *state;
    if (w->par->rank != 0)
        return;
    double values[6] = {0};
    h5_shape_t wrong = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {1, 3, 2}};
    h5_shape_t one = h5_vector(H5_TYPE_F64, 1);
    char *path = file_of(w, "wrong.h5");
    const char *name = path;
    h5_id_t file;
    import_t *import;
    assert_ok(h5_create(path, &file));
    assert_ok(h5_write(file, "parameters/mu", &one, values));
    assert_ok(h5_write(file, "parameters/image", &wrong, values));
    assert_ok(h5_close(&file));
    assert_true(err_is(import_open(&w->schema, 1, &name, &import), ERR_FORMAT));
    if (strstr(err_text(), "shape (rows, 3, 2), expected (rows, 2, 3)") == NULL)
        fail_msg("%s", err_text());
    free(path);
}

/* ---- set up ---- */

static int begin(void **state)
{
    world_t *w = *state;
    char *mine = w->par->rank == 0 ? sample_folder() : NULL;
    w->folder = par_broadcast_text(w->par, 0, mine);
    w->bank = file_of(w, "bank");
    free(mine);
    return 0;
}

static int end(void **state)
{
    world_t *w = *state;
    par_barrier(w->par);
    if (w->par->rank == 0)
        sample_remove(w->folder);
    free(w->folder);
    free(w->bank);
    return 0;
}

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, begin, end, &w)

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    world_t w = {.par = &par, .schema = sample_array_schema()};
    const struct CMUnitTest tests[] = {
        TEST(a_shard_has_one_data_set_of_an_array),
        TEST(compressed_shards_hold_the_same),
        TEST(every_byte_is_verified),
        TEST(exported_arrays_are_imported),
        TEST(columns_of_an_array_have_its_indices),
        TEST(another_shape_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&par, failed != 0);
    schema_free(&w.schema);
    par_stop(&par);
    return any;
}
