// SPDX-License-Identifier: Apache-2.0
// Banks merged, exported and imported by 1, 2 and 4 ranks. The sources are written by rank 0 alone.
#define BANK_WRITE
#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/bank.h"
#include "tests/storage/sample_bank.h"
#include "workers/bank_export.h"
#include "workers/bank_import.h"
#include "workers/bank_merge.h"
#include "workers/origin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_ROWS = 512 };

typedef struct {
    const par_t *par;
    par_t self; // this rank alone
    schema_t schema;
    char *folder;          // of one test, the same on every rank
    char *one, *two, *out; // paths below it, with a space in them
} world_t;

/* ---- banks to work on ---- */

// As sample_row, inside the declared bounds, with reasons.
static void make_row(uint64_t seed, int64_t index, rows_t *rows)
{
    int64_t at = rows->n++;
    sample_row(seed, index, rows, at);
    rows->parameters[2 * at + 1] = 0.1 + fabs(rows->parameters[2 * at + 1]);
    if (index % 97 == 5) {
        char *reason = mem_format("row %ld, said \"no\"", (long)index);
        rows->status[at] = index % 2 ? ROW_CRASHED : ROW_TIMEOUT;
        rows_set_reason(rows, at, reason);
        rows->parameters[2 * at] = index % 2 ? NAN : 1;
        free(reason);
    }
}

static void make_bank_alone(const world_t *w, const char *folder, uint64_t seed, int64_t rows)
{
    bank_plan_t plan = {.folder = folder,
                        .schema = &w->schema,
                        .seed = seed,
                        .rows = rows,
                        .shard_rows = SHARD_ROWS,
                        .study = "a study"};
    bank_writer_t *writer;
    const range_t *missing;
    assert_int_equal(bank_writer_open(&w->self, &plan, &writer), OK);
    int64_t n = bank_writer_missing(writer, &missing);
    rows_t made = rows_create(&w->schema, rows);
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = missing[k].begin; i < missing[k].end; i++)
            make_row(seed, i, &made);
    for (int64_t k = 0; k < bank_writer_open_shards(writer); k++) {
        int64_t shard = bank_writer_open_shard(writer, k);
        assert_int_equal(bank_seal(writer, &w->self, 1, &shard, &made), OK);
    }
    rows_destroy(&made);
    assert_int_equal(bank_writer_close(&writer), OK);
}

static void make_bank(const world_t *w, const char *folder, uint64_t seed, int64_t rows)
{
    if (w->par->rank == 0)
        make_bank_alone(w, folder, seed, rows);
    par_barrier(w->par);
}

// Rows [begin, ...) of a bank are those of (seed, first ...), with all that is kept beside them.
static void holds(const world_t *w, const char *folder, int64_t begin, uint64_t seed, int64_t first,
                  int64_t n)
{
    bank_t *bank;
    rows_t got = rows_create(&w->schema, n), expected = rows_create(&w->schema, n);
    assert_int_equal(bank_open(folder, &bank), OK);
    assert_int_equal(bank_read(bank, begin, begin + n, &got), OK);
    assert_int_equal(bank_read_costs(bank, begin, begin + n, &got), OK);
    for (int64_t i = 0; i < n; i++) {
        make_row(seed, first + i, &expected);
        expected.index[i] = begin + i;
        assert_false(sample_differs(&got, i, &expected, i, 1));
        if (expected.reason[i] == NULL)
            assert_null(got.reason[i]);
        else
            assert_string_equal(got.reason[i], expected.reason[i]);
    }
    rows_destroy(&got);
    rows_destroy(&expected);
    bank_close(&bank);
}

static int64_t rows_of(const char *folder)
{
    bank_t *bank;
    assert_int_equal(bank_open(folder, &bank), OK);
    int64_t rows = bank_rows(bank);
    bank_close(&bank);
    return rows;
}

static err_t merge_into(const world_t *w, const char *out, const char *a, const char *b,
                        bank_merge_report_t *report)
{
    const char *banks[] = {a, b};
    bank_merge_plan_t plan = {.folder = out, .n_banks = 2, .banks = banks};
    return bank_merge(w->par, &plan, report);
}

static void says(err_t err, err_code_t code, const char *words)
{
    assert_true(err_is(err, code));
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
}

/* ---- merge ---- */

static void a_merge_keeps_rows_and_tells_their_origin(void **state)
{
    const world_t *w = *state;
    bank_merge_report_t report;
    origin_t origin;
    bank_t *bank;
    make_bank(w, w->one, 1, 700);
    make_bank(w, w->two, 2, 500);
    assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
    assert_int_equal(report.rows, 1200);
    assert_int_equal(report.written, 1200);
    holds(w, w->out, 0, 1, 0, 700);
    holds(w, w->out, 700, 2, 0, 500);
    assert_int_equal(bank_open(w->out, &bank), OK);
    assert_int_equal(origin_of_bank(bank, w->out, &origin), OK);
    assert_int_equal(origin.n, 2);
    assert_true(origin.parts[1].seed == 2 && origin.parts[1].begin == 700);
    assert_string_equal(origin.parts[1].study, "a study");
    origin_free(&origin);
    bank_close(&bank);
    assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
    assert_int_equal(report.written, 0);
}

static void a_merge_of_merges_keeps_the_deepest_origin(void **state)
{
    const world_t *w = *state;
    bank_merge_report_t report;
    origin_t origin;
    bank_t *bank;
    char *three = mem_format("%s/three", w->folder), *deep = mem_format("%s/deep", w->folder);
    make_bank(w, w->one, 1, 100);
    make_bank(w, w->two, 2, 200);
    make_bank(w, three, 3, 300);
    assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
    assert_int_equal(merge_into(w, deep, three, w->out, &report), OK);
    holds(w, deep, 300, 1, 0, 100);
    holds(w, deep, 400, 2, 0, 200);
    assert_int_equal(bank_open(deep, &bank), OK);
    assert_int_equal(origin_of_bank(bank, deep, &origin), OK);
    assert_int_equal(origin.n, 3);
    assert_true(origin.parts[0].seed == 3 && origin.parts[2].seed == 2);
    assert_int_equal(origin.parts[2].end, 600);
    origin_free(&origin);
    bank_close(&bank);
    says(merge_into(w, three, w->one, deep, &report), ERR_MISMATCH, "0 to 99 of seed 1");
    free(three);
    free(deep);
}

static void a_bank_that_grew_is_merged_with_all_its_rows(void **state)
{
    const world_t *w = *state;
    bank_merge_report_t report;
    make_bank(w, w->one, 1, 300);
    make_bank(w, w->one, 1, 800);
    make_bank(w, w->two, 2, 100);
    assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
    holds(w, w->out, 0, 1, 0, 800);
    make_bank(w, w->two, 2, 200);
    says(merge_into(w, w->out, w->one, w->two, &report), ERR_MISMATCH, "as they are now");
    assert_int_equal(rows_of(w->out), 900);
}

static void what_does_not_belong_together_is_not_merged(void **state)
{
    world_t *w = *state;
    bank_merge_report_t report;
    make_bank(w, w->one, 1, 100);
    make_bank(w, w->two, 1, 50);
    says(merge_into(w, w->out, w->one, w->two, &report), ERR_MISMATCH, "0 to 49 of seed 1");
    says(merge_into(w, w->two, w->one, w->one, &report), ERR_MISMATCH, "0 to 99 of seed 1");
    says(merge_into(w, w->out, w->one, w->folder, &report), ERR_MISSING, "no bank here");
    w->schema.version[0] = '2';
    char *other = mem_format("%s/other", w->folder);
    make_bank(w, other, 9, 50);
    w->schema.version[0] = '1';
    says(merge_into(w, w->out, w->one, other, &report), ERR_MISMATCH, "version 1 against 2");
    assert_int_not_equal(access(w->out, F_OK), 0);
    free(other);
}

// As after a crash: a shard's file is gone, then the catalog too. What is missing is written again, the same bytes.
static void a_merge_that_was_broken_goes_on(void **state)
{
    const world_t *w = *state;
    bank_merge_report_t report;
    char *whole = mem_format("%s/whole", w->folder);
    make_bank(w, w->one, 1, 1000);
    make_bank(w, w->two, 2, 600);
    assert_int_equal(merge_into(w, whole, w->one, w->two, &report), OK);
    assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
    static const char *const names[] = {"shards/0000001.h5", "shards/0000003.h5"};
    for (int k = 0; k < 2; k++) {
        char *path = mem_format("%s/%s", w->out, names[k]),
             *lines = mem_format("%s/catalog.jsonl", w->out);
        if (w->par->rank == 0)
            assert_int_equal(unlink(path) | (k ? unlink(lines) : 0), 0);
        par_barrier(w->par);
        assert_int_equal(merge_into(w, w->out, w->one, w->two, &report), OK);
        assert_int_equal(report.written, k ? 1600 - 3 * SHARD_ROWS : SHARD_ROWS);
        free(path);
        free(lines);
    }
    for (int k = 0; k < 2; k++) {
        int64_t a, b;
        char *x = sample_bytes(whole, names[k], &a), *y = sample_bytes(w->out, names[k], &b);
        assert_int_equal(a, b);
        assert_memory_equal(x, y, (size_t)a);
        free(x);
        free(y);
    }
    free(whole);
}

/* ---- export and import ---- */

static void export_to(const world_t *w, const char *folder, const char *file, bool done, int64_t n)
{
    if (w->par->rank == 0) {
        bank_t *bank;
        int64_t rows;
        assert_int_equal(bank_open(folder, &bank), OK);
        assert_int_equal(bank_export(bank, folder, file, done ? EXPORT_DONE : EXPORT_ALL, &rows),
                         OK);
        assert_int_equal(rows, n);
        bank_close(&bank);
    }
    par_barrier(w->par);
}

static err_t import_files(const world_t *w, const char *folder, int n, const char *const *files,
                          bank_import_report_t *report)
{
    bank_import_plan_t plan = {.folder = folder,
                               .schema = &w->schema,
                               .n_files = n,
                               .files = files,
                               .shard_rows = SHARD_ROWS};
    return bank_import(w->par, &plan, report);
}

static void exported_rows_are_the_same_when_imported(void **state)
{
    const world_t *w = *state;
    bank_import_report_t report;
    make_bank(w, w->one, 1, 700);
    for (int k = 0; k < 2; k++) {
        char *file = mem_format("%s/the rows.%s", w->folder, k ? "csv" : "h5");
        char *to = mem_format("%s/from %d", w->folder, k);
        const char *files[] = {file};
        export_to(w, w->one, file, false, 700);
        assert_int_equal(import_files(w, to, 1, files, &report), OK);
        assert_int_equal(report.written, 700);
        assert_true(report.not_done > 0);
        holds(w, to, 0, 1, 0, 700);
        says(import_files(w, to, 1, files, &report), ERR_MISMATCH, "before, as rows 0 to 699");
        free(to);
        free(file);
    }
}

static void only_done_rows_are_exported_where_it_is_asked(void **state)
{
    const world_t *w = *state;
    bank_import_report_t report;
    char *file = mem_format("%s/good.h5", w->folder);
    const char *files[] = {file};
    rows_t rows = rows_create(&w->schema, 700);
    int64_t n = 0;
    for (int64_t i = 0; i < 700; i++)
        make_row(1, i, &rows);
    for (int64_t i = 0; i < 700; i++)
        n += rows.status[i] == ROW_DONE;
    rows_destroy(&rows);
    make_bank(w, w->one, 1, 700);
    export_to(w, w->one, file, true, n);
    assert_int_equal(import_files(w, w->out, 1, files, &report), OK);
    assert_int_equal(report.not_done, 0);
    assert_int_equal(report.rows, n);
    free(file);
}

static void more_files_become_more_rows(void **state)
{
    const world_t *w = *state;
    bank_import_report_t report;
    char *a = mem_format("%s/a.h5", w->folder), *b = mem_format("%s/b.csv", w->folder);
    const char *first[] = {a}, *second[] = {b}, *twice[] = {b, b}, *both[] = {b, a};
    make_bank(w, w->one, 1, 300);
    make_bank(w, w->two, 2, 400);
    export_to(w, w->one, a, false, 300);
    export_to(w, w->two, b, false, 400);
    says(import_files(w, w->out, 2, twice, &report), ERR_MISMATCH, "hold the same rows");
    assert_int_equal(import_files(w, w->out, 1, first, &report), OK);
    says(import_files(w, w->out, 2, both, &report), ERR_MISMATCH, "a.h5: was imported into");
    assert_int_equal(import_files(w, w->out, 1, second, &report), OK);
    assert_int_equal(report.rows, 700);
    assert_int_equal(report.written, 400);
    holds(w, w->out, 0, 1, 0, 300);
    holds(w, w->out, 300, 2, 0, 400);
    says(import_files(w, w->one, 1, second, &report), ERR_MISMATCH, "the bank was simulated");
    free(a);
    free(b);
}

// A shard that was not written before a crash is read from the files again; other files are refused till then.
static void an_import_that_was_broken_goes_on_with_the_same_files(void **state)
{
    const world_t *w = *state;
    bank_import_report_t report;
    char *a = mem_format("%s/a.h5", w->folder), *b = mem_format("%s/b.h5", w->folder);
    char *lost = mem_format("%s/shards/0000001.h5", w->out),
         *lines = mem_format("%s/catalog.jsonl", w->out);
    const char *first[] = {a}, *second[] = {b};
    make_bank(w, w->one, 1, 700);
    make_bank(w, w->two, 2, 100);
    export_to(w, w->one, a, false, 700);
    export_to(w, w->two, b, false, 100);
    assert_int_equal(import_files(w, w->out, 1, first, &report), OK);
    if (w->par->rank == 0)
        assert_int_equal(unlink(lost) | unlink(lines), 0);
    par_barrier(w->par);
    says(import_files(w, w->out, 1, second, &report), ERR_MISMATCH, "end it first");
    assert_int_equal(import_files(w, w->out, 1, first, &report), OK);
    assert_int_equal(report.written, 700 - SHARD_ROWS);
    holds(w, w->out, 0, 1, 0, 700);
    assert_int_equal(import_files(w, w->out, 1, second, &report), OK);
    holds(w, w->out, 700, 2, 0, 100);
    free(lines);
    free(lost);
    free(b);
    free(a);
}

static void nothing_is_written_when_a_row_is_wrong(void **state)
{
    const world_t *w = *state;
    bank_import_report_t report;
    char *file = mem_format("%s/bad.csv", w->folder);
    const char *files[] = {file};
    if (w->par->rank == 0) {
        FILE *out = fopen(file, "wbe");
        fprintf(out, "mu,sigma,n,z.0,z.1,z.2");
        for (int i = 0; i < 14; i++)
            fprintf(out, ",y.%d.%d", i / 2, i % 2);
        for (int i = 0; i < 2000; i++)
            fprintf(out, "\n0,%g,3,0,0,0,1,2,3,4,5,6,,,,,,,,", i == 1999 ? -1.0 : 1.0);
        fclose(out);
    }
    par_barrier(w->par);
    says(import_files(w, w->out, 1, files, &report), ERR_FORMAT, "row 1999: sigma: got -1");
    assert_int_not_equal(access(w->out, F_OK), 0);
    free(file);
}

static void a_declaration_may_be_a_banks_own(void **state)
{
    const world_t *w = *state;
    schema_t schema;
    make_bank(w, w->one, 1, 10);
    char *path = mem_format("%s/bank.yaml", w->one);
    assert_int_equal(bank_import_declaration(path, &schema), OK);
    assert_null(schema_difference(&schema, &w->schema));
    schema_free(&schema);
    says(bank_import_declaration("/nowhere.yaml", &schema), ERR_MISSING, "/nowhere.yaml");
    free(path);
}

static void an_export_that_fails_leaves_nothing(void **state)
{
    const world_t *w = *state;
    bank_t *bank;
    int64_t rows;
    make_bank(w, w->one, 1, 700);
    char *there = mem_format("%s/bank.yaml", w->one),
         *file = mem_format("%s/r%d.h5", w->folder, w->par->rank);
    assert_int_equal(bank_open(w->one, &bank), OK);
    says(bank_export(bank, w->one, "rows.txt", EXPORT_ALL, &rows), ERR_USAGE, "none of .h5");
    says(bank_export(bank, w->one, "/nowhere/r.csv", EXPORT_ALL, &rows), ERR_IO, "/nowhere/r.csv");
    says(bank_export(bank, w->one, "/nowhere/r.h5", EXPORT_ALL, &rows), ERR_IO, "/nowhere/r.h5");
    assert_int_equal(bank_export(bank, w->one, file, EXPORT_ALL, &rows), OK);
    says(bank_export(bank, w->one, file, EXPORT_ALL, &rows), ERR_USAGE, "is there already");
    par_barrier(w->par);
    unlink(file);
    if (w->par->rank == 0)
        sample_flip(w->one, "shards/0000001.h5", 20);
    par_barrier(w->par);
    bank_close(&bank);
    assert_int_equal(bank_open(w->one, &bank), OK);
    assert_true(err_is(bank_export(bank, w->one, file, EXPORT_ALL, &rows), ERR_FORMAT));
    assert_int_not_equal(access(file, F_OK), 0);
    bank_close(&bank);
    free(there);
    free(file);
}

/* ---- all of them ---- */

static int set_up(void **state)
{
    world_t *w = *state;
    char *mine = w->par->rank == 0 ? sample_folder() : NULL;
    w->folder = par_broadcast_text(w->par, 0, mine);
    w->one = mem_format("%s/bank one", w->folder);
    w->two = mem_format("%s/bank two", w->folder);
    w->out = mem_format("%s/a new one", w->folder);
    free(mine);
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    par_barrier(w->par);
    if (w->par->rank == 0)
        sample_remove(w->folder);
    free(w->folder);
    free(w->one);
    free(w->two);
    free(w->out);
    return 0;
}

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &w)

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    log_set(LOG_WARNING, par.rank);
    world_t w = {.par = &par, .self = {MPI_COMM_SELF, 0, 1}, .schema = sample_schema()};
    const struct CMUnitTest tests[] = {
        TEST(a_merge_keeps_rows_and_tells_their_origin),
        TEST(a_merge_of_merges_keeps_the_deepest_origin),
        TEST(a_bank_that_grew_is_merged_with_all_its_rows),
        TEST(what_does_not_belong_together_is_not_merged),
        TEST(a_merge_that_was_broken_goes_on),
        TEST(exported_rows_are_the_same_when_imported),
        TEST(only_done_rows_are_exported_where_it_is_asked),
        TEST(more_files_become_more_rows),
        TEST(an_import_that_was_broken_goes_on_with_the_same_files),
        TEST(nothing_is_written_when_a_row_is_wrong),
        TEST(a_declaration_may_be_a_banks_own),
        TEST(an_export_that_fails_leaves_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    schema_free(&w.schema);
    bool any = par_any(&par, failed != 0);
    par_stop(&par);
    return any;
}
