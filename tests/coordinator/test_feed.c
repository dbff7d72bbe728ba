// SPDX-License-Identifier: Apache-2.0
//
// The feed on all ranks, with workers on threads of rank 0: what training gets and what the bank holds are those of a campaign,
// whatever the workers do.
#include "coordinator/feed.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/bank.h"
#include "tests/coordinator/fake_worker.h"
#include "tests/storage/sample_bank.h"
#include "workers/campaign.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BANK_ROWS = 300,
    ALL_ROWS = 2000,
    SHARD_ROWS = 256,
    CHUNK = 192,
    LOOK_AHEAD = 400,
    WORKERS = 3
};

static const char study_text[] =
    "study: feed\n"
    "model: {builtin: location_scale}\n"
    "bank: {rows: 300, seed: 11, shard_rows: 256, journal_seconds: 0.001}\n"
    "train: {validation_rows: 100}\n";

typedef struct {
    const par_t *par;
    char *folder;  // of the two banks
    char *whole;   // the bank that a campaign made of all rows
    study_t study; // its bank lies in `folder`
    simulator_t *simulator;
    const schema_t *schema;
    rows_t want; // all rows of the campaign
    fake_worker_t worker[WORKERS];
} world_t;

static void assert_ok(err_t err)
{
    if (err != OK)
        print_error("%s: %s\n%s", err_name(err), err_text(), err_trace());
    assert_int_equal(err, OK);
}

/* ---- banks ---- */

static void campaign(world_t *w, const char *folder, int64_t rows)
{
    campaign_plan_t plan = campaign_plan_default();
    campaign_report_t report;
    plan.folder = folder;
    plan.study = w->study.name;
    plan.seed = (uint64_t)w->study.bank.seed;
    plan.rows = rows;
    plan.shard_rows = SHARD_ROWS;
    assert_ok(campaign_run(w->par, w->simulator, &plan, &report));
}

static void read_bank(world_t *w, const char *folder, int64_t n, rows_t *out)
{
    bank_t *bank;
    (void)w;
    assert_ok(bank_open(folder, &bank));
    assert_int_equal(bank_rows(bank), n);
    assert_ok(bank_read(bank, 0, n, out));
    bank_close(&bank);
}

static void assert_same_shards(const world_t *w)
{
    for (int k = 0; k * SHARD_ROWS < ALL_ROWS; k++) {
        int64_t n, m;
        char *name = mem_format("shards/%07d.h5", k);
        char *x = sample_bytes(w->whole, name, &n), *y = sample_bytes(w->study.bank.path, name, &m);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, (size_t)n);
        free(x);
        free(y);
        free(name);
    }
}

static void assert_whole_bank(world_t *w)
{
    bank_t *bank;
    if (w->par->rank == 0) {
        assert_ok(bank_open(w->study.bank.path, &bank));
        assert_int_equal(bank_rows(bank), ALL_ROWS);
        assert_int_equal(bank_info(bank).rows, ALL_ROWS);
        bank_close(&bank);
        assert_same_shards(w);
    }
    par_barrier(w->par);
}

/* ---- workers ---- */

static fake_worker_plan_t honest(void)
{
    return (fake_worker_plan_t){.builtin = "location_scale", .pid = 1, .seed = 1};
}

static void begin_workers(world_t *w, const feed_t *feed, int n, fake_worker_plan_t plan)
{
    plan.endpoint = feed_endpoint(feed);
    for (int i = 0; w->par->rank == 0 && i < n; i++, plan.pid++, plan.seed++)
        fake_worker_begin(&w->worker[i], &plan);
}

static void end_workers(world_t *w, int n, bool stop)
{
    for (int i = 0; w->par->rank == 0 && i < n; i++)
        fake_worker_end(&w->worker[i], stop);
}

/* ---- the trainer ---- */

static feed_config_t config_of(const world_t *w)
{
    return (feed_config_t){.endpoint = "tcp://127.0.0.1:*",
                           .study = &w->study,
                           .schema = w->schema,
                           .first = BANK_ROWS,
                           .end = ALL_ROWS,
                           .look_ahead = LOOK_AHEAD,
                           .chunk_rows = CHUNK,
                           .position = BANK_ROWS,
                           .beat_ms = 100};
}

static int differs(const world_t *w, const rows_t *got, int64_t i)
{
    const schema_t *s = w->schema;
    int64_t row = got->index[i];
    size_t parameters = (size_t)s->n_parameters, size = (size_t)schema_size(&s->observables[0]);
    return got->status[i] != w->want.status[row] ||
           memcmp(got->parameters + (size_t)i * parameters,
                  w->want.parameters + (size_t)row * parameters,
                  parameters * sizeof(double)) != 0 ||
           memcmp(got->observables[0] + (size_t)i * size,
                  w->want.observables[0] + (size_t)row * size, size * sizeof(float)) != 0;
}

// All chunks until `until` rows were used; counts how often each was.
static void train(world_t *w, feed_t *feed, int64_t until, int *times)
{
    rows_t rows = rows_create(w->schema, CHUNK);
    int64_t used = 0, n;
    const int64_t *beyond;
    for (bool got; used < until && !feed_over(feed);) {
        assert_ok(feed_next(feed, 200, &rows, &got));
        assert_int_equal(got, rows.n > 0);
        for (int64_t i = 0; i < rows.n; i++) {
            assert_false(differs(w, &rows, i));
            times[rows.index[i]]++;
        }
        used = feed_position(feed, &n, &beyond) + n - BANK_ROWS;
    }
    rows_destroy(&rows);
}

static void assert_each_once(const int *times)
{
    for (int64_t row = 0; row < ALL_ROWS; row++)
        assert_int_equal(times[row], row >= BANK_ROWS);
}

// Opens, has all rows simulated by such workers, closes.
static void run_all(world_t *w, feed_config_t config, fake_worker_plan_t plan,
                    feed_report_t *report)
{
    feed_t *feed;
    int *times = MEM_NEW(int, ALL_ROWS);
    assert_ok(feed_open(w->par, &config, &feed));
    begin_workers(w, feed, WORKERS, plan);
    train(w, feed, INT64_MAX, times);
    assert_true(feed_over(feed));
    if (w->par->rank == 0)
        *report = feed_report(feed);
    feed_close(&feed);
    end_workers(w, WORKERS, false);
    assert_each_once(times);
    free(times);
    assert_whole_bank(w);
}

/* ---- tests ---- */

static void fresh_rows_are_those_of_a_campaign(void **state)
{
    world_t *w = *state;
    feed_report_t report;
    run_all(w, config_of(w), honest(), &report);
    if (w->par->rank != 0)
        return;
    assert_int_equal(report.rows, ALL_ROWS - BANK_ROWS);
    assert_int_equal(report.used, ALL_ROWS - BANK_ROWS);
    assert_int_equal(report.bad_messages, 0);
    // The look-ahead, and at most 8 shards that wait to be sealed beside the one at work.
    size_t most = (LOOK_AHEAD + 9 * SHARD_ROWS) * rows_bytes(w->schema);
    assert_true(report.bytes_most <= most);
}

static void rows_by_arrival_are_the_same_rows(void **state)
{
    world_t *w = *state;
    feed_config_t config = config_of(w);
    feed_report_t report;
    config.arrival = true;
    run_all(w, config, honest(), &report);
}

static void workers_may_fall_silent_repeat_themselves_and_talk_nonsense(void **state)
{
    world_t *w = *state;
    feed_report_t report;
    fake_worker_plan_t plan = honest();
    plan.mute = 0.1;
    plan.twice = 0.3;
    plan.bad = 0.1;
    plan.row_microseconds = 200;
    run_all(w, config_of(w), plan, &report);
    if (w->par->rank == 0)
        assert_true(report.twice > 0 && report.bad_messages > 0);
}

// Chunk by chunk in three runs, each of which begins where the last checkpoint stood.
static void a_later_run_goes_on(void **state, bool arrival)
{
    world_t *w = *state;
    feed_config_t config = config_of(w);
    int *times = MEM_NEW(int, ALL_ROWS);
    int64_t *used = MEM_NEW(int64_t, ALL_ROWS);
    config.arrival = arrival;
    config.consumed = used;
    for (int run = 0; run < 3; run++) {
        feed_t *feed;
        const int64_t *beyond;
        assert_ok(feed_open(w->par, &config, &feed));
        begin_workers(w, feed, WORKERS, honest());
        train(w, feed, run < 2 ? 500 * (run + 1) : INT64_MAX, times);
        assert_ok(feed_keep(feed));
        config.position = feed_position(feed, &config.n_consumed, &beyond);
        memcpy(used, beyond, (size_t)config.n_consumed * sizeof *used);
        if (w->par->rank == 0 && run > 0)
            assert_true(feed_report(feed).found >=
                        300); // they were durable, and are not asked again
        feed_close(&feed);
        end_workers(w, WORKERS, true);
        par_barrier(w->par);
    }
    assert_each_once(times);
    assert_whole_bank(w);
    free(times);
    free(used);
}

static void a_later_run_goes_on_in_order(void **state)
{
    a_later_run_goes_on(state, false);
}

static void a_later_run_goes_on_by_arrival(void **state)
{
    a_later_run_goes_on(state, true);
}

// Its trainer had no checkpoint: all rows are used again, and none is simulated again.
static void rows_of_the_bank_are_not_asked_again(void **state)
{
    world_t *w = *state;
    feed_report_t report;
    feed_t *feed;
    feed_config_t config = config_of(w);
    int *times = MEM_NEW(int, ALL_ROWS);
    run_all(w, config, honest(), &report);
    assert_ok(feed_open(w->par, &config, &feed));
    train(w, feed, INT64_MAX, times); // without any worker
    if (w->par->rank == 0)
        assert_int_equal(feed_report(feed).found, ALL_ROWS - BANK_ROWS);
    feed_close(&feed);
    assert_each_once(times);
    free(times);
}

static void nothing_comes_without_workers(void **state)
{
    world_t *w = *state;
    feed_config_t config = config_of(w);
    feed_t *feed;
    bool got = true;
    rows_t rows = rows_create(w->schema, CHUNK);
    assert_ok(feed_open(w->par, &config, &feed));
    assert_ok(feed_next(feed, 50, &rows, &got));
    assert_false(got);
    assert_int_equal(rows.n, 0);
    assert_false(feed_over(feed));
    feed_close(&feed);
    rows_destroy(&rows);
}

static void a_bank_with_holes_is_not_refined(void **state)
{
    world_t *w = *state;
    feed_config_t config = config_of(w);
    feed_t *feed;
    config.first = config.position = BANK_ROWS + 10;
    assert_true(err_is(feed_open(w->par, &config, &feed), ERR_USAGE));
    assert_null(feed);
    assert_non_null(strstr(err_text(), "row 300"));
}

static void strangers_need_keys(void **state)
{
    world_t *w = *state;
    feed_config_t config = config_of(w);
    feed_t *feed;
    config.endpoint = "tcp://0.0.0.0:*";
    assert_true(err_is(feed_open(w->par, &config, &feed), ERR_USAGE));
    assert_null(feed);
}

static int set_up(void **state)
{
    world_t *w = *state;
    char *bank = mem_format("%s/bank", w->folder);
    if (w->par->rank == 0)
        sample_remove(bank);
    par_barrier(w->par);
    w->study.bank.path = bank;
    campaign(w, bank, BANK_ROWS);
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    par_barrier(w->par);
    free(w->study.bank.path);
    return 0;
}

static void world_begin(world_t *w)
{
    char *mine = w->par->rank == 0 ? sample_folder() : NULL;
    w->folder = par_broadcast_text(w->par, 0, mine);
    free(mine);
    w->whole = mem_format("%s/whole", w->folder);
    CHECK(study_parse(study_text, "feed.yaml", &w->study) == OK, "%s", err_text());
    CHECK(study_simulator(&w->study, &w->simulator) == OK, "%s", err_text());
    w->schema = simulator_schema(w->simulator);
    w->want = rows_create(w->schema, ALL_ROWS);
    campaign(w, w->whole, ALL_ROWS);
    read_bank(w, w->whole, ALL_ROWS, &w->want);
}

static void world_end(world_t *w)
{
    par_barrier(w->par);
    if (w->par->rank == 0)
        sample_remove(w->folder);
    rows_destroy(&w->want);
    simulator_close(&w->simulator);
    w->study.bank.path = NULL;
    study_free(&w->study);
    free(w->whole);
    free(w->folder);
}

#define TEST(f)                                                                                    \
    {                                                                                              \
#f, f, set_up, tear_down, &w                                                               \
    }

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    world_t w = {.par = &par};
    log_set(LOG_ERROR, par.rank);
    world_begin(&w);
    const struct CMUnitTest tests[] = {
        TEST(fresh_rows_are_those_of_a_campaign),
        TEST(rows_by_arrival_are_the_same_rows),
        TEST(workers_may_fall_silent_repeat_themselves_and_talk_nonsense),
        TEST(a_later_run_goes_on_in_order),
        TEST(a_later_run_goes_on_by_arrival),
        TEST(rows_of_the_bank_are_not_asked_again),
        TEST(nothing_comes_without_workers),
        TEST(a_bank_with_holes_is_not_refined),
        TEST(strangers_need_keys),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&par, failed != 0);
    world_end(&w);
    par_stop(&par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
