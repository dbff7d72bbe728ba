// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/par.h"
#include "cluster/stop.h"
#include "storage/bank.h"
#include "workers/campaign.h"

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 1000, SHARD_ROWS = 128, SHARDS = 8, SEED = 11 };

typedef struct {
    par_t par;
    const char *plugin;
    char folder[64]; // of this test, the same on all ranks
} scene_t;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    scene_t *s = *state;
    strcpy(s->folder, "/tmp/test_campaign_XXXXXX");
    if (s->par.rank == 0 && mkdtemp(s->folder) == NULL)
        return -1;
    par_broadcast(&s->par, 0, sizeof s->folder, s->folder);
    return 0;
}

static int tear_down(void **state)
{
    scene_t *s = *state;
    unsetenv("MOODY_FAIL");
    unsetenv("MOODY_REJECT");
    unsetenv("MOODY_NONFINITE");
    unsetenv("MOODY_CRASH");
    unsetenv("MOODY_MEMORY");
    unsetenv("MOODY_MICROSECONDS");
    par_barrier(&s->par);
    if (s->par.rank == 0)
        nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static campaign_plan_t plan_of(int64_t rows)
{
    campaign_plan_t plan = campaign_plan_default();
    plan.study = "test";
    plan.seed = SEED;
    plan.rows = rows;
    plan.shard_rows = SHARD_ROWS;
    return plan;
}

// Fills `name` below the scene's folder on these ranks, and gives the simulator back.
static err_t fill_with(const scene_t *s, const par_t *par, const char *name, simulator_t *simulator,
                       campaign_plan_t plan, campaign_report_t *report)
{
    char folder[128];
    snprintf(folder, sizeof folder, "%s/%s", s->folder, name);
    plan.folder = folder;
    err_t err = campaign_run(par, simulator, &plan, report);
    simulator_close(&simulator);
    return err;
}

static simulator_t *moody(const scene_t *s)
{
    simulator_t *simulator;
    assert_int_equal(simulator_load_plugin(s->plugin, &simulator), OK);
    return simulator;
}

static simulator_t *isolated_moody(const scene_t *s)
{
    simulator_t *simulator;
    assert_int_equal(simulator_load_isolated(s->plugin, 0, &simulator), OK);
    return simulator;
}

static err_t fill(const scene_t *s, const par_t *par, const char *name, int64_t rows,
                  campaign_report_t *report)
{
    return fill_with(s, par, name, moody(s), plan_of(rows), report);
}

static bank_t *open_bank(const scene_t *s, const char *name)
{
    char folder[128];
    bank_t *bank;
    snprintf(folder, sizeof folder, "%s/%s", s->folder, name);
    assert_int_equal(bank_open(folder, &bank), OK);
    return bank;
}

static void ignore(void *user, int64_t shard, int64_t first_row, int64_t end_row, const char *what)
{
    (void)user, (void)shard, (void)first_row, (void)end_row, (void)what;
}

static int64_t sound_rows(const scene_t *s, const char *name)
{
    bank_t *bank = open_bank(s, name);
    assert_int_equal(bank_verify(bank, ignore, NULL), OK);
    int64_t rows = bank_info(bank).rows; // a stop may leave a shard open before one that is sealed
    bank_close(&bank);
    return rows;
}

static void assert_same_shards(const scene_t *s, const char *one, const char *other)
{
    bank_t *a = open_bank(s, one), *b = open_bank(s, other);
    assert_int_equal(bank_shard_count(a), bank_shard_count(b));
    for (int i = 0; i < bank_shard_count(a); i++) {
        assert_true(bank_shard(a, i)->file_hash == bank_shard(b, i)->file_hash);
        assert_int_equal(bank_shard(a, i)->bytes, bank_shard(b, i)->bytes);
        assert_int_equal(bank_shard(a, i)->n_chunks, bank_shard(b, i)->n_chunks);
        assert_memory_equal(bank_shard(a, i)->chunk_hash, bank_shard(b, i)->chunk_hash,
                            (size_t)bank_shard(a, i)->n_chunks * sizeof(uint64_t));
    }
    bank_close(&a);
    bank_close(&b);
}

// What one rank makes without a break: the measure of all else.
static void fill_alone(const scene_t *s, const char *name)
{
    campaign_report_t report;
    par_t alone = {.comm = MPI_COMM_SELF, .rank = 0, .size = 1};
    if (s->par.rank == 0)
        assert_int_equal(fill(s, &alone, name, ROWS, &report), OK);
    par_barrier(&s->par);
}

static void a_bank_is_filled_and_sound(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    setenv("MOODY_REJECT", "0.9", 1);
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    assert_int_equal(report.rows, ROWS);
    assert_int_equal(report.shards, SHARDS);
    assert_int_equal(report.by_status[ROW_DONE] + report.by_status[ROW_REJECTED], ROWS);
    assert_true(report.by_status[ROW_REJECTED] > 0);
    assert_true(report.seconds > 0 && report.idle_share >= 0 &&
                report.idle_share + report.seal_share <= 1);
    assert_int_equal(sound_rows(s, "bank"), ROWS);
}

static void shards_do_not_depend_on_the_ranks(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void a_second_call_has_nothing_to_do(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    assert_int_equal(report.rows, 0);
    assert_int_equal(report.shards, 0);
}

static void a_bank_grows_and_keeps_its_rows(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    assert_int_equal(fill(s, &s->par, "bank", 300, &report), OK);
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    assert_int_equal(report.rows, ROWS - 300);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void a_failing_simulator_is_told_by_all_ranks_and_costs_no_sealed_row(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    setenv("MOODY_FAIL", "0.998", 1);
    err_t err = fill(s, &s->par, "bank", ROWS, &report);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "moody: row "));
    unsetenv("MOODY_FAIL");
    assert_int_equal(fill(s, &s->par, "bank", ROWS, &report), OK);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void a_bank_of_another_model_is_refused_by_all(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    char folder[128];
    simulator_t *ddm;
    assert_int_equal(fill(s, &s->par, "bank", SHARD_ROWS, &report), OK);
    snprintf(folder, sizeof folder, "%s/bank", s->folder);
    assert_int_equal(simulator_load_builtin("ddm", &ddm), OK);
    campaign_plan_t plan = {
        .folder = folder, .study = "test", .seed = SEED, .rows = 1, .shard_rows = SHARD_ROWS};
    assert_true(err_is(campaign_run(&s->par, ddm, &plan, &report), ERR_MISMATCH));
    simulator_close(&ddm);
}

static void groups_of_two_make_the_same_shards(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    campaign_plan_t plan = plan_of(ROWS);
    plan.group_ranks = 2;
    assert_int_equal(fill_with(s, &s->par, "bank", moody(s), plan, &report), OK);
    assert_int_equal(report.groups, (s->par.size + 1) / 2);
    assert_int_equal(report.shards, SHARDS);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

// Each rank a group, with memory for two shards: meetings of all in between.
static void short_memory_makes_the_same_shards(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    campaign_plan_t plan = plan_of(ROWS);
    plan.group_ranks = 1;
    plan.memory = 1;
    assert_int_equal(fill_with(s, &s->par, "bank", moody(s), plan, &report), OK);
    assert_int_equal(report.groups, s->par.size);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void too_many_failed_rows_stop_the_campaign(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    campaign_plan_t plan = plan_of(100 * ROWS);
    plan.failure_limit = 0.2;
    setenv("MOODY_NONFINITE", "0.7", 1);
    err_t err = fill_with(s, &s->par, "bank", moody(s), plan, &report);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "bank.failure_limit"));
    assert_in_range(report.rows, 100, 100 * ROWS - 1);
    plan = plan_of(ROWS);
    plan.failure_limit = 0.4;
    assert_int_equal(fill_with(s, &s->par, "other", moody(s), plan, &report), OK);
    assert_true(report.by_status[ROW_NONFINITE] > ROWS / 5);
}

// A rank fails; what was simulated and not sealed lies in journals, so nothing is simulated twice.
static void rows_of_a_journal_are_not_simulated_again(void **state)
{
    const scene_t *s = *state;
    campaign_report_t first, second;
    campaign_plan_t plan = plan_of(ROWS);
    plan.journal_seconds = 0;
    setenv("MOODY_FAIL", "0.99", 1);
    err_t err = fill_with(s, &s->par, "bank", moody(s), plan, &first);
    assert_true(err_is(err, ERR_SIMULATOR));
    unsetenv("MOODY_FAIL");
    assert_int_equal(fill_with(s, &s->par, "bank", moody(s), plan, &second), OK);
    assert_true(second.recovered > 0);
    assert_int_equal(first.rows + second.rows, ROWS);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void crashed_rows_are_retried_where_it_is_asked_for(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    campaign_plan_t plan = plan_of(ROWS);
    setenv("MOODY_CRASH", "0.98", 1);
    assert_int_equal(fill_with(s, &s->par, "bank", isolated_moody(s), plan, &report), OK);
    int64_t crashed = report.by_status[ROW_CRASHED];
    assert_true(crashed > 0);
    unsetenv("MOODY_CRASH");
    assert_int_equal(fill_with(s, &s->par, "bank", isolated_moody(s), plan, &report), OK);
    assert_int_equal(report.rows, 0);
    plan.retry = true;
    assert_int_equal(fill_with(s, &s->par, "bank", isolated_moody(s), plan, &report), OK);
    assert_int_equal(report.rows, crashed);
    fill_alone(s, "alone");
    assert_same_shards(s, "bank", "alone");
}

static void a_simulator_with_a_memory_is_found_at_the_start(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    setenv("MOODY_MEMORY", "1", 1);
    err_t err = fill(s, &s->par, "bank", ROWS, &report);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "observable y, value 1"));
    assert_non_null(strstr(err_text(), "no function of its seed"));
}

static void on_alarm(int number)
{
    (void)number;
    stop_request();
}

// The request reaches one rank alone, and stands for the rest of the program: the last test.
static void a_stop_of_one_rank_seals_what_is_complete(void **state)
{
    const scene_t *s = *state;
    campaign_report_t report;
    if (s->par.rank == s->par.size - 1) {
        struct itimerval once = {.it_value = {.tv_usec = 400000}};
        signal(SIGALRM, on_alarm);
        setitimer(ITIMER_REAL, &once, NULL);
    }
    setenv("MOODY_MICROSECONDS", "1500", 1);
    err_t err = fill(s, &s->par, "bank", 100 * ROWS, &report);
    assert_true(err_is(err, ERR_STOPPED));
    assert_true(report.shards > 0);
    assert_int_equal(sound_rows(s, "bank"), report.shards * SHARD_ROWS);
}

int main(int argc, char **argv)
{
    scene_t scene = {.par = par_start(&argc, &argv)};
    scene.plugin = argc > 1 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
#define WITH_FOLDER(test) {#test, test, set_up, tear_down, &scene}
        WITH_FOLDER(a_bank_is_filled_and_sound),
        WITH_FOLDER(shards_do_not_depend_on_the_ranks),
        WITH_FOLDER(a_second_call_has_nothing_to_do),
        WITH_FOLDER(a_bank_grows_and_keeps_its_rows),
        WITH_FOLDER(a_failing_simulator_is_told_by_all_ranks_and_costs_no_sealed_row),
        WITH_FOLDER(a_bank_of_another_model_is_refused_by_all),
        WITH_FOLDER(groups_of_two_make_the_same_shards),
        WITH_FOLDER(short_memory_makes_the_same_shards),
        WITH_FOLDER(too_many_failed_rows_stop_the_campaign),
        WITH_FOLDER(rows_of_a_journal_are_not_simulated_again),
        WITH_FOLDER(crashed_rows_are_retried_where_it_is_asked_for),
        WITH_FOLDER(a_simulator_with_a_memory_is_found_at_the_start),
        WITH_FOLDER(a_stop_of_one_rank_seals_what_is_complete),
#undef WITH_FOLDER
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&scene.par, failed != 0);
    par_stop(&scene.par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
