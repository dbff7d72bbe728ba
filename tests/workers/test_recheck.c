// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/par.h"
#include "workers/campaign.h"
#include "workers/recheck.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 500, SEED = 3 };

typedef struct {
    par_t par;
    const char *plugin;
    char folder[64];
} scene_t;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static simulator_t *moody(const scene_t *s)
{
    simulator_t *simulator;
    assert_int_equal(simulator_load_plugin(s->plugin, &simulator), OK);
    return simulator;
}

// A bank of a simulator in a good mood.
static int set_up(void **state)
{
    scene_t *s = *state;
    strcpy(s->folder, "/tmp/test_recheck_XXXXXX");
    if (s->par.rank == 0 && mkdtemp(s->folder) == NULL)
        return -1;
    par_broadcast(&s->par, 0, sizeof s->folder, s->folder);
    simulator_t *simulator = moody(s);
    campaign_report_t report;
    campaign_plan_t plan = campaign_plan_default();
    plan.folder = s->folder;
    plan.study = "test";
    plan.seed = SEED;
    plan.rows = ROWS;
    plan.shard_rows = 256;
    err_t err = campaign_run(&s->par, simulator, &plan, &report);
    simulator_close(&simulator);
    return err == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    scene_t *s = *state;
    unsetenv("MOODY_MEMORY");
    unsetenv("MOODY_REJECT");
    par_barrier(&s->par);
    if (s->par.rank == 0)
        nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void a_sound_simulator_gives_the_same_rows(void **state)
{
    const scene_t *s = *state;
    recheck_report_t report;
    simulator_t *simulator = moody(s);
    assert_int_equal(recheck_bank(&s->par, simulator, s->folder, 40, &report), OK);
    assert_int_equal(report.checked, 40);
    assert_int_equal(report.different, 0);
    assert_int_equal(recheck_bank(&s->par, simulator, s->folder, 10 * ROWS, &report), OK);
    assert_int_equal(report.checked, ROWS);
    simulator_close(&simulator);
}

static void a_simulator_with_a_memory_is_found(void **state)
{
    const scene_t *s = *state;
    recheck_report_t report;
    setenv("MOODY_MEMORY", "0.001", 1);
    simulator_t *simulator = moody(s);
    err_t err = recheck_bank(&s->par, simulator, s->folder, 40, &report);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "take all randomness from the host table"));
    assert_int_equal(report.checked, 40);
    assert_in_range(report.different, 40 - s->par.size,
                    39); // the first draw has nothing to remember
    simulator_close(&simulator);
}

static void a_row_is_named_with_field_got_and_expected(void **state)
{
    const scene_t *s = *state;
    simulator_t *simulator = moody(s);
    char what[RECHECK_TEXT_CAP];
    rows_t a = rows_create(simulator_schema(simulator), 1),
           b = rows_create(simulator_schema(simulator), 1);
    assert_int_equal(simulator_row(simulator, SEED, RNG_BANK, 17, &a, 0), OK);
    assert_int_equal(simulator_row(simulator, SEED, RNG_BANK, 17, &b, 0), OK);
    assert_true(recheck_same(&a, 0, &b, 0, what));
    b.observables[0][2] = 1.5f;
    a.observables[0][2] = 0.5f;
    assert_false(recheck_same(&a, 0, &b, 0, what));
    assert_string_equal(what, "row 17, observable y, value 2: got 1.5, expected 0.5");
    b.parameters[0] = 0.25;
    a.parameters[0] = 0.5;
    assert_false(recheck_same(&a, 0, &b, 0, what));
    assert_string_equal(what, "row 17, parameter x: got 0.25, expected 0.5");
    b.status[0] = ROW_REJECTED;
    assert_false(recheck_same(&a, 0, &b, 0, what));
    assert_string_equal(what, "row 17, status: got rejected, expected done");
    rows_destroy(&a);
    rows_destroy(&b);
    simulator_close(&simulator);
}

static void another_status_is_a_difference(void **state)
{
    const scene_t *s = *state;
    recheck_report_t report;
    setenv("MOODY_REJECT", "0.5", 1);
    simulator_t *simulator = moody(s);
    assert_true(err_is(recheck_bank(&s->par, simulator, s->folder, 100, &report), ERR_SIMULATOR));
    assert_in_range(report.different, 30, 70); // half of them, +- 4 sd
    simulator_close(&simulator);
}

static void a_bank_of_another_model_is_refused(void **state)
{
    const scene_t *s = *state;
    recheck_report_t report;
    simulator_t *ddm;
    assert_int_equal(simulator_load_builtin("ddm", &ddm), OK);
    assert_true(err_is(recheck_bank(&s->par, ddm, s->folder, 10, &report), ERR_MISMATCH));
    simulator_close(&ddm);
}

static void another_simulator_under_the_same_name_is_found(void **state)
{
    const scene_t *s = *state;
    simulator_t *simulator = moody(s);
    assert_int_equal(recheck_simulator(&s->par, simulator, s->folder, 40), OK);
    simulator_close(&simulator);
    setenv("MOODY_REJECT", "0.1", 1); // nine rows of ten
    simulator = moody(s);
    assert_true(err_is(recheck_simulator(&s->par, simulator, s->folder, 40), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "is not the one that bank"));
    simulator_close(&simulator);
    setenv("MOODY_REJECT", "0.9", 1); // one of ten: another processor may do that
    simulator = moody(s);
    assert_int_equal(recheck_simulator(&s->par, simulator, s->folder, 40), OK);
    simulator_close(&simulator);
}

static void a_bank_that_tells_nothing_of_this_simulator_passes(void **state)
{
    const scene_t *s = *state;
    simulator_t *ddm;
    assert_int_equal(simulator_load_builtin("ddm", &ddm), OK);
    assert_int_equal(recheck_simulator(&s->par, ddm, s->folder, 10), OK);
    assert_int_equal(recheck_simulator(&s->par, ddm, "/nowhere", 10), OK);
    simulator_close(&ddm);
}

int main(int argc, char **argv)
{
    scene_t scene = {.par = par_start(&argc, &argv)};
    scene.plugin = argc > 1 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
#define WITH_BANK(test) {#test, test, set_up, tear_down, &scene}
        WITH_BANK(a_sound_simulator_gives_the_same_rows),
        WITH_BANK(a_simulator_with_a_memory_is_found),
        WITH_BANK(a_row_is_named_with_field_got_and_expected),
        WITH_BANK(another_status_is_a_difference),
        WITH_BANK(a_bank_of_another_model_is_refused),
        WITH_BANK(another_simulator_under_the_same_name_is_found),
        WITH_BANK(a_bank_that_tells_nothing_of_this_simulator_passes),
#undef WITH_BANK
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool any = par_any(&scene.par, failed != 0);
    par_stop(&scene.par);
    return any ? EXIT_FAILURE : EXIT_SUCCESS;
}
