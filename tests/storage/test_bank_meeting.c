// SPDX-License-Identifier: Apache-2.0
// Several shards at a time, by several groups; rows from journals, rows tried again, compressed shards; 1, 2 and 4 ranks.
#define BANK_WRITE
#include "storage/bank.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_ROWS = 600, ROWS = 4000, SHARDS = 7 };
static const uint64_t SEED = 99;

typedef struct {
    par_t par, self;
    schema_t schema;
    char *folder;
} world_t;

static void assert_ok(err_t err)
{
    if (err != OK)
        print_error("%s: %s\n%s", err_name(err), err_text(), err_trace());
    assert_int_equal(err, OK);
}

static bank_plan_t plan_of(const world_t *w, const char *folder)
{
    return (bank_plan_t){.folder = folder,
                         .schema = &w->schema,
                         .seed = SEED,
                         .rows = ROWS,
                         .shard_rows = SHARD_ROWS,
                         .study = "meetings"};
}

// The missing rows of some shards that fall to this rank.
static rows_t dealt(const world_t *w, const bank_writer_t *writer, const par_t *par)
{
    const range_t *missing;
    int64_t n = bank_writer_missing(writer, &missing);
    rows_t rows = rows_create(&w->schema, ROWS);
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = missing[k].begin; i < missing[k].end; i++)
            if (i % par->size == par->rank)
                sample_row(SEED, i, &rows, rows.n++);
    return rows;
}

static int open_shards(const bank_writer_t *writer, int64_t *shards)
{
    int n = (int)bank_writer_open_shards(writer);
    for (int k = 0; k < n; k++)
        shards[k] = bank_writer_open_shard(writer, k);
    return n;
}

static err_t fill_at_once(const world_t *w, const par_t *par, const bank_plan_t *plan)
{
    bank_writer_t *writer;
    int64_t shards[SHARDS];
    TRY(bank_writer_open(par, plan, &writer));
    rows_t rows = dealt(w, writer, par);
    int n = open_shards(writer, shards);
    err_t err = bank_seal(writer, par, n, shards, &rows);
    rows_destroy(&rows);
    TRY(bank_writer_close(&writer));
    return err;
}

static bool same_shards(const char *a, const char *b)
{
    for (int k = 0; k < SHARDS; k++) {
        int64_t n, m;
        char name[32];
        snprintf(name, sizeof name, "shards/%07d.h5", k);
        char *x = sample_bytes(a, name, &n), *y = sample_bytes(b, name, &m);
        bool same = n == m && memcmp(x, y, (size_t)n) == 0;
        free(x);
        free(y);
        if (!same)
            return false;
    }
    return true;
}

// The same bank filled by this rank alone, one shard after another.
static char *unbroken(const world_t *w)
{
    char *folder = sample_folder();
    bank_plan_t plan = plan_of(w, folder);
    bank_writer_t *writer;
    assert_ok(bank_writer_open(&w->self, &plan, &writer));
    rows_t rows = dealt(w, writer, &w->self);
    for (int64_t k = 0; k < SHARDS; k++)
        assert_ok(bank_seal(writer, &w->self, 1, &k, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
    return folder;
}

static void assert_as_unbroken(const world_t *w)
{
    char *whole = unbroken(w);
    assert_true(same_shards(w->folder, whole));
    sample_remove(whole);
    free(whole);
}

static void no_finding(void *user, int64_t shard, int64_t first, int64_t end, const char *what)
{
    (void)user;
    print_error("shard %ld, rows %ld to %ld: %s\n", (long)shard, (long)first, (long)end, what);
}

static void assert_verified(const world_t *w)
{
    bank_t *bank;
    assert_ok(bank_open(w->folder, &bank));
    assert_ok(bank_verify(bank, no_finding, NULL));
    bank_close(&bank);
}

/* ---- meetings ---- */

static void shards_sealed_at_once_are_the_same_bytes(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    assert_ok(fill_at_once(w, &w->par, &plan));
    assert_as_unbroken(w);
    assert_verified(w);
}

// Even and odd ranks are groups; each seals every other shard with the rows that its own ranks brought.
static void groups_seal_their_own_shards(void **state)
{
    world_t *w = *state;
    int groups = w->par.size > 1 ? 2 : 1, mine = w->par.rank % groups, n = 0;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    int64_t shards[SHARDS];
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    par_t group = par_split(&w->par, mine);
    rows_t rows = dealt(w, writer, &group);
    for (int64_t k = mine; k < SHARDS; k += groups)
        shards[n++] = k;
    assert_ok(bank_seal(writer, &group, n, shards, &rows));
    par_release(&group);
    rows_destroy(&rows);
    assert_ok(bank_writer_close(&writer));
    assert_as_unbroken(w);
    assert_verified(w);
}

static void reasons_and_seconds_come_back(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    bank_t *bank;
    int64_t shards[SHARDS];
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    rows_t rows = dealt(w, writer, &w->par);
    for (int64_t i = 0; i < rows.n; i++)
        if (rows.index[i] % 97 == 0) {
            char why[64];
            snprintf(why, sizeof why, "row %ld would not", (long)(rows.index[i] % 5));
            rows_set_reason(&rows, i, why);
        }
    int n = open_shards(writer, shards);
    assert_ok(bank_seal(writer, &w->par, n, shards, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
    rows_t got = rows_create(&w->schema, ROWS), want = rows_create(&w->schema, 1);
    assert_ok(bank_open(w->folder, &bank));
    assert_ok(bank_read_costs(bank, 0, ROWS, &got));
    for (int64_t i = 0; i < ROWS; i++) {
        char why[64];
        snprintf(why, sizeof why, "row %ld would not", (long)(i % 5));
        sample_row(SEED, i, &want, 0);
        assert_true(got.seconds[i] == want.seconds[0]);
        if (i % 97 == 0)
            assert_string_equal(got.reason[i], why);
        else
            assert_null(got.reason[i]);
    }
    bank_close(&bank);
    rows_destroy(&got);
    rows_destroy(&want);
}

static void compressed_shards_hold_the_same_rows(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_t *bank;
    plan.compress = 4;
    assert_ok(fill_at_once(w, &w->par, &plan));
    assert_verified(w);
    assert_ok(bank_open(w->folder, &bank));
    assert_int_equal(bank_shard(bank, 0)->n_layout, 0);
    rows_t got = rows_create(&w->schema, ROWS), want = rows_create(&w->schema, ROWS);
    assert_ok(bank_read(bank, 0, ROWS, &got));
    sample_rows(SEED, 0, ROWS, &want);
    for (int64_t i = 0; i < ROWS; i++)
        assert_false(sample_differs(&got, i, &want, i, 0));
    bank_close(&bank);
    rows_destroy(&got);
    rows_destroy(&want);
}

/* ---- journals ---- */

static int files_in(const char *folder, const char *below)
{
    int n = 0;
    char *path = mem_format("%s/%s", folder, below);
    DIR *listing = opendir(path);
    for (struct dirent *e; listing != NULL && (e = readdir(listing)) != NULL;)
        n += e->d_name[0] != '.';
    if (listing != NULL)
        closedir(listing);
    free(path);
    return n;
}

// A run that journals some rows of each rank, seals shard 2 and ends.
static void run_and_break_off(const world_t *w)
{
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    const int64_t sealed = 2;
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    rows_t rows = dealt(w, writer, &w->par);
    rows_set_reason(&rows, 1, "for a reason");
    assert_ok(bank_journal(writer, &rows, 0, 40));
    assert_ok(bank_journal(writer, &rows, 300, 310));
    assert_ok(bank_seal(writer, &w->par, 1, &sealed, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
}

static void journaled_rows_are_not_missing(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    bank_t *bank;
    int64_t shards[SHARDS], inside = 0;
    run_and_break_off(w);
    assert_int_equal(files_in(w->folder, "journal"), w->par.size);
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    for (int64_t row = 0; row < ROWS; row++) { // rank row % size has it as its row row / size
        int64_t at = row / w->par.size;
        bool journaled = at < 40 || (at >= 300 && at < 310);
        inside += journaled && row / SHARD_ROWS != 2;
    }
    assert_int_equal(bank_writer_recovered_rows(writer), inside);
    assert_int_equal(bank_writer_sealed_rows(writer), SHARD_ROWS);
    rows_t rows = dealt(w, writer, &w->par);
    assert_int_equal(par_sum_i64(&w->par, rows.n), ROWS - SHARD_ROWS - inside);
    int n = open_shards(writer, shards);
    assert_int_equal(n, SHARDS - 1);
    assert_ok(bank_seal(writer, &w->par, n, shards, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
    assert_as_unbroken(w);
    assert_int_equal(files_in(w->folder, "journal"), 0);
    rows_t costs = rows_create(&w->schema, ROWS);
    assert_ok(bank_open(w->folder, &bank));
    assert_ok(bank_read_costs(bank, 0, ROWS, &costs));
    assert_string_equal(costs.reason[w->par.size], "for a reason");
    assert_true(costs.seconds[0] > 0);
    bank_close(&bank);
    rows_destroy(&costs);
    par_barrier(&w->par);
}

// The first row at or beyond `row` that is missing; ROWS where none is.
static range_t next_missing(const bank_writer_t *writer, int64_t row)
{
    const range_t *missing;
    int64_t n = bank_writer_missing(writer, &missing);
    for (int64_t k = 0; k < n; k++)
        if (missing[k].end > row)
            return missing[k];
    return (range_t){ROWS, ROWS};
}

static void rows_that_are_not_missing_can_be_read(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    int64_t read = 0;
    run_and_break_off(w);
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    rows_t got = rows_create(&w->schema, SHARD_ROWS), want = rows_create(&w->schema, 1);
    for (int64_t row = 0; row < ROWS;) {
        range_t missing = next_missing(writer, row);
        int64_t end = (row / SHARD_ROWS + 1) * SHARD_ROWS;
        end = end < missing.begin ? end : missing.begin;
        if (row < end)
            assert_ok(bank_writer_read(writer, row, end, &got));
        for (int64_t i = row; i < end; i++, read++) {
            sample_row(SEED, i, &want, 0);
            assert_false(sample_differs(&got, i - row, &want, 0, 1));
            assert_true((got.reason[i - row] != NULL) == (i / w->par.size == 1));
        }
        row = missing.begin <= end ? missing.end : end;
    }
    assert_int_equal(read, bank_writer_sealed_rows(writer) + bank_writer_recovered_rows(writer));
    range_t missing = next_missing(writer, 0);
    assert_true(
        err_is(bank_writer_read(writer, missing.begin, missing.begin + 1, &got), ERR_FAILED));
    rows_destroy(&got);
    rows_destroy(&want);
    assert_ok(bank_writer_close(&writer));
    par_barrier(&w->par);
}

// One byte less, and one flipped in what is then the last record: the rows before them stand.
static void a_torn_journal_gives_what_is_whole(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    int64_t bytes;
    run_and_break_off(w);
    char *path = mem_format("%s/journal", w->folder), name[300] = "";
    DIR *listing = opendir(path);
    for (struct dirent *e; w->par.rank == 0 && (e = readdir(listing)) != NULL;)
        if (e->d_name[0] != '.')
            snprintf(name, sizeof name, "journal/%s", e->d_name);
    closedir(listing);
    if (w->par.rank == 0) {
        free(sample_bytes(w->folder, name, &bytes));
        char *file = mem_format("%s/%s", w->folder, name);
        assert_int_equal(truncate(file, (off_t)bytes - 1), 0);
        sample_flip(w->folder, name, bytes - 300);
        free(file);
    }
    free(path);
    par_barrier(&w->par);
    assert_ok(fill_at_once(w, &w->par, &plan));
    assert_as_unbroken(w);
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), 0);
    assert_ok(bank_writer_close(&writer));
}

/* ---- tried again ---- */

static void fill_with_timeouts(const world_t *w)
{
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    int64_t shards[SHARDS];
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    rows_t rows = dealt(w, writer, &w->par);
    for (int64_t i = 0; i < rows.n; i++)
        if (rows.index[i] / SHARD_ROWS != 3 && rows.index[i] % 500 < 2) {
            rows.status[i] = rows.index[i] % 2 ? ROW_TIMEOUT : ROW_CRASHED;
            rows_set_reason(&rows, i, "took too long");
        }
    int n = open_shards(writer, shards);
    assert_ok(bank_seal(writer, &w->par, n, shards, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
}

static void retried_rows_take_their_place(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    bank_t *bank;
    int64_t shards[SHARDS];
    fill_with_timeouts(w);
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), 0);
    assert_ok(bank_writer_close(&writer));
    plan.retry = true;
    plan.rows = 100; // fewer than there are: none is lost
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    rows_t rows = dealt(w, writer, &w->par);
    assert_int_equal(par_sum_i64(&w->par, rows.n),
                     14); // rows 0, 1, 500, 501, 1000 ... but those of shard 3
    int n = open_shards(writer, shards);
    assert_int_equal(n, SHARDS - 2); // shards 3 and 6 have none of them
    assert_ok(bank_seal(writer, &w->par, n, shards, &rows));
    assert_ok(bank_writer_close(&writer));
    rows_destroy(&rows);
    assert_as_unbroken(w);
    assert_verified(w);
    rows_t costs = rows_create(&w->schema, 10);
    assert_ok(bank_open(w->folder, &bank));
    assert_ok(bank_read_costs(bank, 0, 10, &costs));
    assert_null(costs.reason[1]);
    bank_close(&bank);
    rows_destroy(&costs);
}

// A crash after the rename of a rewritten shard and before its line: the mark tells that the line is not of this file.
static void a_rewrite_without_its_line_is_entered(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    fill_with_timeouts(w);
    char *whole = unbroken(w);
    if (w->par.rank == 0) {
        char *command = mem_format("cp '%s/shards/0000001.h5' '%s/shards/0000001.h5' && touch "
                                   "'%s/shards/0000001.h5.rewriting'",
                                   whole, w->folder, w->folder);
        assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
        free(command);
    }
    par_barrier(&w->par);
    plan.retry = true;
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    assert_int_equal(bank_writer_open_shards(writer), SHARDS - 3);
    assert_ok(bank_writer_close(&writer));
    assert_verified(w);
    sample_remove(whole);
    free(whole);
}

/* ---- rows from elsewhere ---- */

static void an_origin_binds(void **state)
{
    world_t *w = *state;
    bank_plan_t plan = plan_of(w, w->folder);
    bank_writer_t *writer;
    bank_t *bank;
    plan.origin = "- file: a.csv\n  rows: 4000\n- file: \"b: c\"\n  rows: 0\n";
    assert_ok(fill_at_once(w, &w->par, &plan));
    assert_ok(bank_open(w->folder, &bank));
    assert_string_equal(bank_origin(bank), plan.origin);
    bank_close(&bank);
    assert_ok(bank_writer_open(&w->par, &plan, &writer));
    assert_ok(bank_writer_close(&writer));
    plan.origin = NULL;
    assert_true(err_is(bank_writer_open(&w->par, &plan, &writer), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "nothing is simulated into it"));
    plan.origin = "- file: d.csv\n";
    assert_true(err_is(bank_writer_open(&w->par, &plan, &writer), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "another origin"));
}

/* ---- the fixture ---- */

static int set_up(void **state)
{
    world_t *w = *state;
    char *mine = w->par.rank == 0 ? sample_folder() : NULL;
    w->folder = par_broadcast_text(&w->par, 0, mine);
    free(mine);
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    par_barrier(&w->par);
    if (w->par.rank == 0)
        sample_remove(w->folder);
    free(w->folder);
    return 0;
}

int main(int argc, char **argv)
{
    world_t w = {.par = par_start(&argc, &argv), .self = par_alone(), .schema = sample_schema()};
#define WITH_FOLDER(test) cmocka_unit_test_prestate_setup_teardown(test, set_up, tear_down, &w)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(shards_sealed_at_once_are_the_same_bytes),
        WITH_FOLDER(groups_seal_their_own_shards),
        WITH_FOLDER(reasons_and_seconds_come_back),
        WITH_FOLDER(compressed_shards_hold_the_same_rows),
        WITH_FOLDER(journaled_rows_are_not_missing),
        WITH_FOLDER(rows_that_are_not_missing_can_be_read),
        WITH_FOLDER(a_torn_journal_gives_what_is_whole),
        WITH_FOLDER(retried_rows_take_their_place),
        WITH_FOLDER(a_rewrite_without_its_line_is_entered),
        WITH_FOLDER(an_origin_binds),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    schema_free(&w.schema);
    par_stop(&w.par);
    return failed;
}
