// SPDX-License-Identifier: Apache-2.0
// Banks written by 1, 2 and 4 ranks.
#define BANK_WRITE
#include "storage/bank.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_ROWS = 600 }; // two whole chunks and a part of one
static const uint64_t SEED = 12345;

typedef struct {
    const par_t *par;
    par_t self; // this rank alone
    schema_t schema;
} world_t;

static world_t *world(void **state)
{
    return *state;
}

/* ---- helpers ---- */

static char *shared_folder(const par_t *par)
{
    char *mine = par->rank == 0 ? sample_folder() : NULL;
    char *folder = par_broadcast_text(par, 0, mine);
    free(mine);
    return folder;
}

static void drop_folder(const par_t *par, char *folder)
{
    par_barrier(par);
    if (par->rank == 0)
        sample_remove(folder);
    free(folder);
}

static bank_plan_t plan_of(const world_t *w, const char *folder, int64_t rows)
{
    return (bank_plan_t){.folder = folder,
                         .schema = &w->schema,
                         .seed = SEED,
                         .rows = rows,
                         .shard_rows = SHARD_ROWS,
                         .study = "a study"};
}

// Row i is simulated by a rank that has nothing to do with where it is stored, and comes in descending order.
static rows_t dealt(const world_t *w, const bank_writer_t *writer, const par_t *par)
{
    const range_t *missing;
    int64_t n = bank_writer_missing(writer, &missing), rows_wanted = 0;
    for (int64_t k = 0; k < n; k++)
        rows_wanted += missing[k].end - missing[k].begin;
    rows_t rows = rows_create(&w->schema, rows_wanted + 1);
    for (int64_t k = n - 1; k >= 0; k--)
        for (int64_t i = missing[k].end - 1; i >= missing[k].begin; i--)
            if ((i * 7 / 3) % par->size == par->rank)
                sample_row(SEED, i, &rows, rows.n++);
    return rows;
}

static err_t seal_one(const world_t *w, bank_writer_t *writer, const par_t *par, int64_t shard)
{
    rows_t rows = dealt(w, writer, par);
    err_t err = bank_seal(writer, par, 1, &shard, &rows);
    rows_destroy(&rows);
    return err;
}

static err_t fill(const world_t *w, const par_t *par, const char *folder, int64_t rows)
{
    bank_plan_t plan = plan_of(w, folder, rows);
    bank_writer_t *writer;
    TRY(bank_writer_open(par, &plan, &writer));
    err_t err = OK;
    for (int64_t k = 0; k < bank_writer_open_shards(writer) && err == OK; k++)
        err = seal_one(w, writer, par, bank_writer_open_shard(writer, k));
    TRY(bank_writer_close(&writer));
    return err;
}

static void assert_ok(err_t err)
{
    if (err != OK)
        print_error("%s: %s\n%s", err_name(err), err_text(), err_trace());
    assert_int_equal(err, OK);
}

static void assert_bank_holds(const world_t *w, const char *folder, int64_t n, int with_seconds)
{
    bank_t *bank;
    rows_t got = rows_create(&w->schema, n), want = rows_create(&w->schema, n);
    assert_ok(bank_open(folder, &bank));
    assert_int_equal(bank_rows(bank), n);
    assert_ok(bank_read(bank, 0, n, &got));
    assert_int_equal(got.n, n);
    sample_rows(SEED, 0, n, &want);
    for (int64_t i = 0; i < n; i++)
        assert_false(sample_differs(&got, i, &want, i, with_seconds));
    rows_destroy(&got);
    rows_destroy(&want);
    bank_close(&bank);
}

static int same_file(const char *a, const char *b, const char *name)
{
    int64_t n, m;
    char *x = sample_bytes(a, name, &n), *y = sample_bytes(b, name, &m);
    int same = n == m && memcmp(x, y, (size_t)n) == 0;
    free(x);
    free(y);
    return same;
}

static int exists(const char *folder, const char *name)
{
    char *path = mem_format("%s/%s", folder, name);
    int found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* ---- what is written is read ---- */

static void rows_come_back_in_order(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    assert_ok(fill(w, w->par, folder, 1500));
    assert_bank_holds(w, folder, 1500, 0);
    drop_folder(w->par, folder);
}

static void blocks_cross_shards(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_t *bank;
    rows_t got = rows_create(&w->schema, 900), want = rows_create(&w->schema, 1);
    assert_ok(fill(w, w->par, folder, 1500));
    assert_ok(bank_open(folder, &bank));
    assert_ok(bank_read(bank, 550, 1450, &got));
    for (int64_t i = 0; i < got.n; i++) {
        sample_row(SEED, 550 + i, &want, 0);
        assert_false(sample_differs(&got, i, &want, 0, 0));
    }
    assert_true(err_is(bank_read(bank, 1400, 1501, &got), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "1501"));
    bank_close(&bank);
    rows_destroy(&got);
    rows_destroy(&want);
    drop_folder(w->par, folder);
}

static void info_counts_status_and_seconds(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_t *bank;
    int64_t by_status[ROW_STATUS_COUNT] = {0};
    double seconds = 0;
    uint8_t status[700];
    rows_t want = rows_create(&w->schema, 700);
    sample_rows(SEED, 0, 700, &want);
    for (int64_t i = 0; i < 700; i++) {
        by_status[want.status[i]]++;
        seconds += want.seconds[i];
    }
    assert_ok(fill(w, w->par, folder, 700));
    assert_ok(bank_open(folder, &bank));
    bank_info_t info = bank_info(bank);
    assert_int_equal(info.rows, 700);
    assert_int_equal(info.shards, 2);
    assert_memory_equal(info.by_status, by_status, sizeof by_status);
    assert_true(info.seconds > seconds - 1e-9 && info.seconds < seconds + 1e-9);
    assert_ok(bank_read_status(bank, status));
    assert_memory_equal(status, want.status, 700);
    assert_int_equal(bank_seed(bank), SEED);
    assert_int_equal(bank_shard_rows(bank), SHARD_ROWS);
    assert_null(schema_difference(bank_schema(bank), &w->schema));
    assert_non_null(strstr(bank_text(bank), "study: \"a study\""));
    bank_close(&bank);
    rows_destroy(&want);
    drop_folder(w->par, folder);
}

static void shards_are_the_same_bytes_as_of_one_rank(void **state)
{
    world_t *w = world(state);
    char *together = shared_folder(w->par), *alone = sample_folder();
    assert_ok(fill(w, w->par, together, 1500));
    assert_ok(fill(w, &w->self, alone, 1500));
    assert_true(same_file(together, alone, "shards/0000000.h5"));
    assert_true(same_file(together, alone, "shards/0000001.h5"));
    assert_true(same_file(together, alone, "shards/0000002.h5"));
    sample_remove(alone);
    free(alone);
    drop_folder(w->par, together);
}

static void small_shards_leave_ranks_without_rows(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    assert_ok(fill(w, w->par, folder, 3));
    assert_bank_holds(w, folder, 3, 0);
    drop_folder(w->par, folder);
}

/* ---- resumed and grown ---- */

static void a_second_campaign_finds_nothing_open(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_plan_t plan = plan_of(w, folder, 1500);
    bank_writer_t *writer;
    assert_ok(fill(w, w->par, folder, 1500));
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), 0);
    assert_int_equal(bank_writer_sealed_rows(writer), 1500);
    assert_ok(bank_writer_close(&writer));
    assert_false(exists(folder, "lock"));
    drop_folder(w->par, folder);
}

static void growing_rewrites_the_short_shard(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par), *at_once = shared_folder(w->par);
    assert_ok(fill(w, w->par, folder, 700));
    bank_plan_t plan = plan_of(w, folder, 1300);
    bank_writer_t *writer;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), 2);
    const range_t *missing;
    assert_int_equal(bank_writer_missing(writer, &missing), 2);
    assert_int_equal(missing[0].begin, 700);
    assert_int_equal(missing[0].end, 1200);
    assert_int_equal(missing[1].begin, 1200);
    assert_ok(bank_writer_close(&writer));
    assert_ok(fill(w, w->par, folder, 1300));
    assert_ok(fill(w, w->par, at_once, 1300));
    assert_bank_holds(w, folder, 1300, 0);
    assert_true(same_file(folder, at_once, "shards/0000001.h5"));
    assert_true(same_file(folder, at_once, "costs/0000001.h5"));
    drop_folder(w->par, at_once);
    drop_folder(w->par, folder);
}

static void a_shard_without_its_line_is_entered(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    assert_ok(fill(w, w->par, folder, 1500));
    if (w->par->rank == 0) { // the last line torn in its middle
        int64_t bytes;
        char *path = mem_format("%s/catalog.jsonl", folder);
        free(sample_bytes(folder, "catalog.jsonl", &bytes));
        assert_int_equal(truncate(path, bytes - 50), 0);
        free(path);
    }
    par_barrier(w->par);
    bank_t *bank;
    assert_ok(bank_open(folder, &bank));
    assert_int_equal(bank_rows(bank), 1200);
    assert_ok(fill(w, w->par, folder, 1500));
    assert_ok(bank_refresh(bank));
    assert_int_equal(bank_rows(bank), 1500);
    bank_close(&bank);
    assert_bank_holds(w, folder, 1500, 0);
    drop_folder(w->par, folder);
}

static void a_grown_shard_without_its_line_is_entered(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    assert_ok(fill(w, w->par, folder, 300));
    int64_t before;
    free(sample_bytes(folder, "catalog.jsonl", &before));
    assert_ok(fill(w, w->par, folder, 500)); // as many chunks, so as many bytes
    if (w->par->rank == 0) {
        char *path = mem_format("%s/catalog.jsonl", folder);
        assert_int_equal(truncate(path, before), 0);
        free(path);
    }
    bank_plan_t plan = plan_of(w, folder, 500);
    bank_writer_t *writer;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), 0);
    assert_ok(bank_writer_close(&writer));
    assert_bank_holds(w, folder, 500, 0);
    drop_folder(w->par, folder);
}

static void parts_of_dead_runs_are_removed(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par),
         *part = mem_format("%s/shards/0000001.h5.part-dead", folder);
    assert_ok(fill(w, w->par, folder, 300));
    FILE *file = w->par->rank == 0 ? fopen(part, "we") : NULL;
    if (file != NULL)
        fclose(file);
    assert_ok(fill(w, w->par, folder, 300));
    assert_int_equal(access(part, F_OK), -1);
    free(part);
    drop_folder(w->par, folder);
}

/* ---- what is refused ---- */

static void another_model_seed_or_cut_is_refused(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_plan_t plan = plan_of(w, folder, 300);
    bank_writer_t *writer;
    schema_t other = schema_copy(&w->schema);
    assert_ok(fill(w, w->par, folder, 300));
    other.parameters[1].name[0] = 'S';
    plan.schema = &other;
    assert_true(err_is(bank_writer_open(w->par, &plan, &writer), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "parameter 2: sigma against Sigma"));
    plan = plan_of(w, folder, 300);
    plan.seed++;
    assert_true(err_is(bank_writer_open(w->par, &plan, &writer), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "seed 12345"));
    plan = plan_of(w, folder, 300);
    plan.shard_rows = 100;
    assert_true(err_is(bank_writer_open(w->par, &plan, &writer), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "shard_rows 600"));
    assert_null(writer);
    schema_free(&other);
    drop_folder(w->par, folder);
}

static void rows_must_come_exactly_once(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_plan_t plan = plan_of(w, folder, 300);
    bank_writer_t *writer;
    int last = w->par->rank == w->par->size - 1;
    const int64_t first = 0;
    rows_t rows = rows_create(&w->schema, 302);
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    if (last)
        sample_rows(SEED, 0, 299, &rows);
    assert_true(err_is(bank_seal(writer, w->par, 1, &first, &rows), ERR_FAILED));
    assert_non_null(strstr(err_text(), "row 299 was not brought"));
    if (last)
        sample_row(SEED, 7, &rows, rows.n++);
    assert_true(err_is(bank_seal(writer, w->par, 1, &first, &rows), ERR_FAILED));
    assert_non_null(strstr(err_text(), "row 7 was brought twice"));
    if (last)
        sample_row(SEED, 299, &rows, rows.n - 1);
    if (last)
        sample_row(SEED, 4711, &rows, rows.n++); // of another shard: passed over
    assert_ok(bank_seal(writer, w->par, 1, &first, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
    drop_folder(w->par, folder);
}

// The limit on file sizes stands for a full disk: reserving room fails in the same place.
static void a_full_disk_loses_nothing(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_plan_t plan = plan_of(w, folder, 1200);
    bank_writer_t *writer;
    struct rlimit old, tight;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    assert_ok(seal_one(w, writer, w->par, 0));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 90000; // the costs fit, the shard does not
    setrlimit(RLIMIT_FSIZE, &tight);
    err_t err = seal_one(w, writer, w->par, 1);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(err_is(err, ERR_IO));
    assert_non_null(strstr(err_text(), "shards/0000001.h5"));
    assert_non_null(strstr(err_text(), "bytes"));
    assert_bank_holds(w, folder, 600, 0);
    assert_false(exists(folder, "shards/0000001.h5"));
    assert_false(exists(folder, "costs/0000001.h5"));
    char *part = mem_format("shards/0000001.h5.part-%s", bank_writer_run(writer));
    assert_false(exists(folder, part));
    free(part);
    assert_ok(seal_one(w, writer, w->par, 1));
    assert_ok(bank_writer_close(&writer));
    assert_bank_holds(w, folder, 1200, 0);
    drop_folder(w->par, folder);
}

static void a_folder_that_can_not_be_written_is_named(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par), *inside = mem_format("%s/file/bank", folder);
    char *file = mem_format("%s/file", folder);
    FILE *made = w->par->rank == 0 ? fopen(file, "we") : NULL;
    if (made != NULL)
        fclose(made);
    bank_plan_t plan = plan_of(w, inside, 300);
    bank_writer_t *writer;
    assert_true(err_is(bank_writer_open(w->par, &plan, &writer), ERR_IO));
    assert_non_null(strstr(err_text(), "/file"));
    free(file);
    free(inside);
    drop_folder(w->par, folder);
}

// Rank 0 alone: root may write anywhere, so it steps down to another user for the attempt.
static void a_read_only_folder_is_an_error(void **state)
{
    world_t *w = world(state);
    char *folder = sample_folder(), *inside = mem_format("%s/bank", folder);
    bank_plan_t plan = plan_of(w, inside, 300);
    bank_writer_t *writer;
    assert_int_equal(chmod(folder, 0555), 0);
    int root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    err_t err = bank_writer_open(&w->self, &plan, &writer);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_true(err_is(err, ERR_IO));
    assert_non_null(strstr(err_text(), "Permission denied"));
    chmod(folder, 0755);
    sample_remove(folder);
    free(inside);
    free(folder);
}

static void a_running_campaign_keeps_others_out(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par);
    bank_plan_t plan = plan_of(w, folder, 300);
    bank_writer_t *writer, *second;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    if (w->par->rank == 0) {
        assert_true(err_is(bank_writer_open(&w->self, &plan, &second), ERR_LOCKED));
        assert_non_null(strstr(err_text(), bank_writer_run(writer)));
    }
    assert_ok(bank_writer_beat(writer));
    assert_ok(seal_one(w, writer, w->par, 0));
    assert_ok(bank_writer_close(&writer));
    drop_folder(w->par, folder);
}

static void a_lost_lock_stops_the_sealing(void **state)
{
    world_t *w = world(state);
    char *folder = shared_folder(w->par), *lock = mem_format("%s/lock", folder);
    bank_plan_t plan = plan_of(w, folder, 300);
    bank_writer_t *writer;
    assert_ok(bank_writer_open(w->par, &plan, &writer));
    if (w->par->rank == 0)
        unlink(lock);
    par_barrier(w->par);
    assert_true(err_is(bank_writer_beat(writer), ERR_LOCKED));
    assert_true(err_is(seal_one(w, writer, w->par, 0), ERR_LOCKED));
    assert_false(exists(folder, "shards/0000000.h5"));
    assert_ok(bank_writer_close(&writer));
    free(lock);
    drop_folder(w->par, folder);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    world_t w = {.par = &par, .self = {MPI_COMM_SELF, 0, 1}, .schema = sample_schema()};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(rows_come_back_in_order, &w),
        cmocka_unit_test_prestate(blocks_cross_shards, &w),
        cmocka_unit_test_prestate(info_counts_status_and_seconds, &w),
        cmocka_unit_test_prestate(shards_are_the_same_bytes_as_of_one_rank, &w),
        cmocka_unit_test_prestate(small_shards_leave_ranks_without_rows, &w),
        cmocka_unit_test_prestate(a_second_campaign_finds_nothing_open, &w),
        cmocka_unit_test_prestate(growing_rewrites_the_short_shard, &w),
        cmocka_unit_test_prestate(a_shard_without_its_line_is_entered, &w),
        cmocka_unit_test_prestate(a_grown_shard_without_its_line_is_entered, &w),
        cmocka_unit_test_prestate(parts_of_dead_runs_are_removed, &w),
        cmocka_unit_test_prestate(another_model_seed_or_cut_is_refused, &w),
        cmocka_unit_test_prestate(rows_must_come_exactly_once, &w),
        cmocka_unit_test_prestate(a_full_disk_loses_nothing, &w),
        cmocka_unit_test_prestate(a_folder_that_can_not_be_written_is_named, &w),
        cmocka_unit_test_prestate(a_read_only_folder_is_an_error, &w),
        cmocka_unit_test_prestate(a_running_campaign_keeps_others_out, &w),
        cmocka_unit_test_prestate(a_lost_lock_stops_the_sealing, &w),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&par, failed != 0);
    schema_free(&w.schema);
    par_stop(&par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
