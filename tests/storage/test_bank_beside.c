// SPDX-License-Identifier: Apache-2.0
// Readers that opened a bank before a campaign wrote some of its shards anew.
#define BANK_WRITE
#include "storage/bank.h"

#include "cluster/mem.h"
#include "storage/shard.h"
#include "tests/storage/sample_bank.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_ROWS = 300 };
static const uint64_t SEED = 77;

typedef struct {
    schema_t schema;
    char *folder;
    par_t self;
} world_t;

/* ---- helpers ---- */

static void assert_ok(err_t err)
{
    if (err != OK)
        print_error("%s: %s\n%s", err_name(err), err_text(), err_trace());
    assert_int_equal(err, OK);
}

// Seals all that a plan lacks; row `odd` (or -1) timed out.
static void fill(const world_t *w, bank_plan_t plan, int64_t odd)
{
    bank_writer_t *writer;
    const range_t *missing;
    plan.folder = w->folder;
    plan.schema = &w->schema;
    plan.seed = SEED;
    assert_ok(bank_writer_open(&w->self, &plan, &writer));
    int64_t n = bank_writer_missing(writer, &missing);
    rows_t rows = rows_create(&w->schema, plan.rows);
    for (int64_t k = 0; k < n; k++)
        sample_rows(SEED, missing[k].begin, missing[k].end, &rows);
    for (int64_t i = 0; i < rows.n; i++)
        if (rows.index[i] == odd)
            rows.status[i] = ROW_TIMEOUT;
    for (int64_t k = 0; k < bank_writer_open_shards(writer); k++) {
        int64_t shard = bank_writer_open_shard(writer, k);
        assert_ok(bank_seal(writer, &w->self, 1, &shard, &rows));
    }
    rows_destroy(&rows);
    assert_ok(bank_writer_close(&writer));
}

static void assert_rows(const world_t *w, bank_t *bank, int64_t n)
{
    rows_t got = rows_create(&w->schema, n), want = rows_create(&w->schema, n);
    assert_ok(bank_read(bank, 0, n, &got));
    sample_rows(SEED, 0, n, &want);
    for (int64_t i = 0; i < n; i++)
        assert_false(sample_differs(&got, i, &want, i, 0));
    rows_destroy(&got);
    rows_destroy(&want);
}

static void count(void *user, int64_t shard, int64_t first_row, int64_t end_row, const char *what)
{
    (void)first_row, (void)end_row;
    print_error("shard %ld: %s\n", (long)shard, what);
    ++*(int *)user;
}

static void assert_whole(bank_t *bank)
{
    int findings = 0;
    assert_ok(bank_verify(bank, count, &findings));
    assert_int_equal(findings, 0);
}

static int setup(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    *w = (world_t){sample_schema(), sample_folder(), {MPI_COMM_SELF, 0, 1}};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_t *w = *state;
    sample_remove(w->folder);
    schema_free(&w->schema);
    free(w->folder);
    free(w);
    return 0;
}

/* ---- tests ---- */

static void grown(const world_t *w, int compress)
{
    bank_t *bank;
    fill(w, (bank_plan_t){.rows = 400, .shard_rows = SHARD_ROWS, .compress = compress}, -1);
    assert_ok(bank_open(w->folder, &bank));
    fill(w, (bank_plan_t){.rows = 550, .shard_rows = SHARD_ROWS, .compress = compress}, -1);
    assert_int_equal(bank_rows(bank), 400);
    assert_rows(w, bank, 400);
    assert_whole(bank);
    assert_ok(bank_refresh(bank));
    assert_int_equal(bank_rows(bank), 550);
    assert_rows(w, bank, 550);
    bank_close(&bank);
}

static void a_shard_that_grew_is_read_as_it_is_now(void **state)
{
    grown(*state, 0);
}

static void so_is_a_compressed_one(void **state)
{
    grown(*state, 4);
}

// The file has the size and the structure of the one before.
static void a_row_tried_again_is_no_damage(void **state)
{
    world_t *w = *state;
    bank_t *bank;
    fill(w, (bank_plan_t){.rows = 600, .shard_rows = SHARD_ROWS}, 5);
    assert_ok(bank_open(w->folder, &bank));
    fill(w, (bank_plan_t){.rows = 600, .shard_rows = SHARD_ROWS, .retry = true}, -1);
    assert_whole(bank);
    assert_rows(w, bank, 600);
    bank_close(&bank);
}

typedef struct {
    const char *catalog, *mark;
    const char *lines;
    size_t bytes;
} late_t;

static void *enter_late(void *user)
{
    const late_t *late = user;
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    FILE *file = fopen(late->catalog, "ab");
    fwrite(late->lines, 1, late->bytes, file);
    fclose(file);
    unlink(late->mark);
    return NULL;
}

// Between the renaming of a shard and its line in the catalog.
static void a_reader_waits_for_the_line_of_a_shard_in_its_new_place(void **state)
{
    world_t *w = *state;
    bank_t *bank;
    int64_t before, after;
    fill(w, (bank_plan_t){.rows = 400, .shard_rows = SHARD_ROWS}, -1);
    free(sample_bytes(w->folder, "catalog.jsonl", &before));
    fill(w, (bank_plan_t){.rows = 550, .shard_rows = SHARD_ROWS}, -1);
    char *all = sample_bytes(w->folder, "catalog.jsonl", &after);
    char *catalog = mem_format("%s/catalog.jsonl", w->folder);
    char *mark = shard_rewriting_mark(w->folder, 1);
    assert_int_equal(truncate(catalog, before), 0);
    fclose(fopen(mark, "w"));
    assert_ok(bank_open(w->folder, &bank));
    late_t late = {catalog, mark, all + before, (size_t)(after - before)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, enter_late, &late), 0);
    assert_rows(w, bank, 400);
    assert_whole(bank);
    pthread_join(thread, NULL);
    bank_close(&bank);
    free(mark);
    free(catalog);
    free(all);
}

static void a_damaged_shard_is_still_damaged(void **state)
{
    world_t *w = *state;
    bank_t *bank;
    rows_t rows = rows_create(&w->schema, 400);
    int findings = 0;
    fill(w, (bank_plan_t){.rows = 400, .shard_rows = SHARD_ROWS}, -1);
    assert_ok(bank_open(w->folder, &bank));
    sample_flip(w->folder, "shards/0000001.h5", 9);
    assert_int_equal(bank_read(bank, 0, 400, &rows), -ERR_FORMAT);
    assert_int_equal(bank_verify(bank, count, &findings), -ERR_FORMAT);
    assert_int_equal(findings, 1);
    rows_destroy(&rows);
    bank_close(&bank);
}

// In an order in which none is open any more when its turn comes again.
static void more_shards_are_read_than_stay_open(void **state)
{
    enum { SHARDS = 150, ROWS = 4 };
    world_t *w = *state;
    bank_t *bank;
    rows_t got = rows_create(&w->schema, ROWS), want = rows_create(&w->schema, ROWS);
    fill(w, (bank_plan_t){.rows = SHARDS * ROWS, .shard_rows = ROWS}, -1);
    assert_ok(bank_open(w->folder, &bank));
    for (int64_t i = 0; i < 3 * SHARDS; i++) {
        int64_t first = ROWS * (i * 67 % SHARDS);
        assert_ok(bank_read(bank, first, first + ROWS, &got));
        want.n = 0;
        sample_rows(SEED, first, first + ROWS, &want);
        for (int64_t r = 0; r < ROWS; r++)
            assert_false(sample_differs(&got, r, &want, r, 0));
    }
    rows_destroy(&got);
    rows_destroy(&want);
    bank_close(&bank);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_shard_that_grew_is_read_as_it_is_now, setup, teardown),
        cmocka_unit_test_setup_teardown(so_is_a_compressed_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_tried_again_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_waits_for_the_line_of_a_shard_in_its_new_place,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_shard_is_still_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(more_shards_are_read_than_stay_open, setup, teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    par_stop(&par);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
