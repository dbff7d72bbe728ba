// SPDX-License-Identifier: Apache-2.0
//
// Refinement from beginning to end, fed by rows that are simulated here: on all ranks, on one alone, stopped, broken, gone on
// with. What comes out must be the same in every bit.
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/json_out.h"
#include "coordinator/refine.h"
#include "coordinator/refine_files.h"
#include "coordinator/run_folder.h"
#include "tests/coordinator/feed_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char STUDY[] = "study: small\n"
                            "model: {builtin: location_scale}\n"
                            "bank: {path: bank, rows: 1500, seed: 3, shard_rows: 256}\n"
                            "network: {summary: {width: 16, summary_dim: 4, embed_dim: 8}, "
                            "inference: {width: 16, depth: 1}}\n"
                            "train: {epochs: 2, batch_size: 32, slices: 4, validation_rows: 64}\n"
                            "refine: {rows: 1024, rounds: 4, chunk_rows: 128, reservoir_rows: 400, "
                            "learning_rate: %s, order: %s}\n"
                            "diagnose: {datasets: 200, draws: 20, minimum_datasets: 200, "
                            "calibration_error: %s, ecdf_deviation: 1, "
                            "rank_r2: 1, truth_test: false, recheck_rows: 0}\n";

typedef struct {
    par_t world, self;
    char folder[64], alone[96]; // the same on all ranks; of this one
} scene_t;

static const refine_request_t nobody = {.listen = "tcp://127.0.0.1:*"};

/* ---- studies ---- */

static void write_study(const scene_t *s, const char *name, const char *rate, const char *order,
                        const char *limit)
{
    if (s->world.rank == 0) {
        char *path = run_folder_file(s->folder, name);
        FILE *file = fopen(path, "w");
        fprintf(file, STUDY, rate, order, limit);
        fclose(file);
        free(path);
    }
    par_barrier(&s->world);
}

/* A job of study `name`, on all ranks or on this one alone, with results in `out`. */
static job_t open_job(const scene_t *s, const par_t *par, const char *name, const char *out)
{
    job_t job;
    char *path = run_folder_file(s->folder, name);
    const char *arguments[1] = {path};
    const options_t options = {.arguments = arguments,
                               .n_arguments = 1,
                               .out = out,
                               .rows = -1,
                               .seed = -1,
                               .draws = -1,
                               .datasets = -1,
                               .epochs = -1};
    if (job_open(par, &options, &job) != OK)
        fail_msg("%s", err_text());
    free(path);
    return job;
}

static void train(job_t *job, bool diagnose)
{
    bool did, passed;
    err_t err = job_simulate(job, &did);
    if (err == OK)
        err = job_train(job, &did);
    if (err == OK && diagnose)
        err = job_diagnose(job, &did, &passed);
    if (err != OK)
        fail_msg("%s", err_text());
}

/* ---- the loop ---- */

static char *amortizer_of(const scene_t *s)
{
    return run_folder_file(s->folder, "small/amortizer.h5");
}

/* From the checkpoint in the job's folder, or from the beginning. */
static err_t go_on(const scene_t *s, job_t *job, refinement_t *r)
{
    trained_t offline;
    bool found;
    char *path = amortizer_of(s);
    *r = (refinement_t){.job = job};
    assert_int_equal(trained_load(path, &offline), OK);
    free(path);
    assert_int_equal(refine_start(r, &offline), OK);
    TRY(refine_checkpoint_load(r, &found));
    return refine_rounds(r, &nobody);
}

static void forget(const job_t *job)
{
    char *path = job_file(job, "refine.h5");
    unlink(path);
    free(path);
    feed_double = (feed_double_t){0};
    stop_clear();
}

static void same_weights(const refinement_t *a, const refinement_t *b)
{
    size_t bytes = (size_t)params_size(amortizer_params(a->trained.amortizer)) * sizeof(float);
    assert_memory_equal(a->best, b->best, bytes);
    assert_memory_equal(params_value(amortizer_params(a->trained.amortizer)),
                        params_value(amortizer_params(b->trained.amortizer)), bytes);
    assert_int_equal(a->history.n, b->history.n);
    for (int c = 0; c < REFINE_COLUMNS; c++)
        if (c != REFINE_SECONDS)
            assert_memory_equal(a->history.column[c], b->history.column[c],
                                (size_t)a->history.n * sizeof(double));
}

/* What this rank gets alone, from a feed that has nothing ready every other time. */
static void refine_alone(const scene_t *s, const char *study, job_t *job, refinement_t *r)
{
    *job = open_job(s, &s->self, study, s->alone);
    forget(job);
    feed_double.late = true;
    if (go_on(s, job, r) != OK)
        fail_msg("%s", err_text());
}

static void weights_do_not_depend_on_ranks(void **state)
{
    const scene_t *s = *state;
    job_t all = open_job(s, &s->world, "study.yaml", NULL), one;
    refinement_t a, b;
    forget(&all);
    assert_int_equal(go_on(s, &all, &a), OK);
    refine_alone(s, "study.yaml", &one, &b);
    same_weights(&a, &b);
    assert_true(a.step == a.plan.steps && a.rows == 1024);
    refine_free(&a);
    refine_free(&b);
    job_close(&all);
    job_close(&one);
}

/* This rank alone goes on with what all have saved. */
static void alone_from(const scene_t *s, const job_t *all, job_t *one, refinement_t *r)
{
    char *from = job_file(all, "refine.h5"), *to = job_file(one, "refine.h5");
    unlink(to);
    assert_int_equal(link(from, to), 0);
    if (go_on(s, one, r) != OK)
        fail_msg("%s", err_text());
    free(from);
    free(to);
}

/* Asked to stop within a round, broken within another (what came after the last checkpoint is done again), and gone on with by
 * other ranks than it was begun by. */
static void a_refinement_goes_on_as_if_nothing_had_happened(void **state)
{
    const scene_t *s = *state;
    static const char *const studies[] = {"study.yaml", "arrival.yaml"};
    for (int i = 0; i < 2; i++) {
        job_t all = open_job(s, &s->world, studies[i], NULL), one;
        refinement_t a, b, c;
        refine_alone(s, studies[i], &one, &b);
        forget(&all);
        feed_double.stop_after = 3;
        assert_true(err_is(go_on(s, &all, &a), ERR_STOPPED));
        assert_int_equal(a.n_chunks, 3);
        refine_free(&a);
        feed_double = (feed_double_t){.break_after = 3};
        stop_clear();
        assert_true(err_is(go_on(s, &all, &a), ERR_IO));
        assert_int_equal(a.n_chunks, 5);
        refine_free(&a);
        feed_double = (feed_double_t){0};
        alone_from(s, &all, &one, &c);
        same_weights(&c, &b);
        assert_int_equal(feed_double.simulated,
                         1024 - 4 * 128); // the last checkpoint is of the second round
        refine_free(&b);
        refine_free(&c);
        job_close(&all);
        job_close(&one);
    }
}

/* Before the first step the averaged weights are the offline ones; then the fresh loss, of rows that were not seen before,
 * falls below theirs: these have had two epochs. */
static void fresh_loss_begins_with_the_offline_one_and_falls(void **state)
{
    const scene_t *s = *state;
    job_t one = open_job(s, &s->self, "study.yaml", s->alone);
    refinement_t r;
    forget(&one);
    feed_double.break_after = 2;
    assert_true(err_is(go_on(s, &one, &r), ERR_IO));
    assert_true(r.sums.rows == 128 && r.sums.fresh == r.sums.offline);
    refine_free(&r);
    job_close(&one);
    refine_alone(s, "study.yaml", &one, &r);
    const double *fresh = r.history.column[REFINE_FRESH],
                 *offline = r.history.column[REFINE_OFFLINE];
    assert_int_equal(r.history.n, 4);
    for (int64_t i = 0; i < 4; i++)
        assert_true(fresh[i] < offline[i]);
    assert_true(refine_history_gain(&r.history, 3) > 2 * refine_history_gain(&r.history, 0));
    for (int64_t i = 0; i < 4; i++) // 256 rows: of one a gain differs by about 1 nat from another
        assert_true(r.history.column[REFINE_ERROR][i] > 0 &&
                    r.history.column[REFINE_ERROR][i] < 0.2);
    assert_int_equal(r.history.best, 3);
    refine_free(&r);
    job_close(&one);
}

/* By index there is nothing to test. By arrival the p-value of a right reservoir is uniform: the smallest of 4 correlated ones is
 * below 0.001 less than once in 250 times; the seed is fixed. Rows that come sorted by a parameter are found at once. */
static void the_rank_test_finds_rows_that_come_by_parameter(void **state)
{
    const scene_t *s = *state;
    job_t one;
    refinement_t r;
    refine_alone(s, "study.yaml", &one, &r);
    for (int64_t i = 0; i < 4; i++)
        assert_true(isnan(r.history.column[REFINE_RANK_P][i]));
    refine_free(&r);
    job_close(&one);
    one = open_job(s, &s->self, "arrival.yaml", s->alone);
    forget(&one);
    assert_int_equal(go_on(s, &one, &r), OK);
    for (int64_t i = 0; i < 4; i++)
        assert_true(r.history.column[REFINE_RANK_P][i] > 0.001);
    refine_free(&r);
    job_close(&one);
    one = open_job(s, &s->self, "arrival.yaml", s->alone);
    forget(&one);
    feed_double.sorted = true;
    assert_int_equal(go_on(s, &one, &r), OK);
    assert_true(r.history.column[REFINE_RANK_P][0] < 1e-12);
    assert_true(r.history.column[REFINE_RANK_P][3] < 1e-12);
    refine_free(&r);
    job_close(&one);
}

/* ---- what it starts from ---- */

static void no_refinement_before_the_gate(void **state)
{
    const scene_t *s = *state;
    bool did, passed;
    char *folder = run_folder_file(s->folder, "strict");
    job_t job = open_job(s, &s->world, "strict.yaml", folder);
    free(folder);
    train(&job, false);
    assert_true(err_is(job_refine(&job, &nobody, &did), ERR_GATE));
    assert_non_null(strstr(err_text(), "the amortizer was not diagnosed: refinement starts from an "
                                       "amortizer whose gate has passed: run `infermill diagnose"));
    assert_int_equal(job_diagnose(&job, &did, &passed), OK);
    assert_false(passed);
    assert_true(err_is(job_refine(&job, &nobody, &did), ERR_GATE));
    assert_non_null(strstr(err_text(), "the amortizer does not pass the gate: "));
    job_close(&job);
}

static void other_settings_need_a_word(void **state)
{
    (void)state;
    static const char before[] = "refine.rows: 1000\nrefine.seed: 1\n";
    static const struct {
        const char *now, *words;
    } cases[] = {{"refine.rows: 1000\nrefine.seed: 1\n", NULL},
                 {"refine.rows: 2000\nrefine.seed: 1\n", NULL},
                 {"refine.rows: 900\nrefine.seed: 1\n", "refine.rows: 1000 against 900"},
                 {"refine.rows: 1000\nrefine.seed: 2\n", "refine.seed: 1 against 2"},
                 {"refine.rows: 2000\nrefine.seed: 2\n", "refine.rows: 1000 against 2000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = refine_settings_object(before, cases[i].now);
        if (cases[i].words == NULL)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].words);
        free(found);
    }
}

/* ---- the end ---- */

static bool there(const job_t *job, const char *name)
{
    char *path = job_file(job, name);
    bool is = file_exists(path);
    free(path);
    return is;
}

static char *hash_of(const job_t *job, const char *name, bool *refined)
{
    trained_t t;
    char *path = job_file(job, name);
    if (trained_load(path, &t) != OK)
        fail_msg("%s", err_text());
    char *hash = mem_copy_text(t.hash);
    *refined = t.refining != NULL;
    trained_free(&t);
    free(path);
    return hash;
}

/* amortizer.h5 is refined or not, and the gate record is about it. */
static void expect_kept(const job_t *job, bool refined)
{
    bool is;
    char *hash = hash_of(job, "amortizer.h5", &is), *path = job_file(job, "gate.json");
    assert_int_equal(is, refined);
    assert_int_equal(gate_require(path, hash), OK);
    free(path);
    free(hash);
}

static json_t *record_of(const job_t *job)
{
    char *path = job_file(job, "refine.json");
    json_t *record = json_load_file(path, 0, NULL);
    assert_non_null(record);
    free(path);
    return record;
}

static void the_better_one_is_kept_and_the_other_stays(void **state)
{
    const scene_t *s = *state;
    bool did, refined;
    job_t job = open_job(s, &s->world, "study.yaml", NULL);
    forget(&job);
    train(&job, true);
    char *offline = hash_of(&job, "amortizer.h5", &refined);
    assert_false(refined);
    if (job_refine(&job, &nobody, &did) != OK)
        fail_msg("%s", err_text());
    assert_true(did);
    expect_kept(&job, true);
    char *beside = hash_of(&job, "amortizer-offline.h5", &refined);
    assert_string_equal(beside, offline);
    assert_false(there(&job, "amortizer-refined.h5"));
    assert_true(there(&job, "refine.png") && there(&job, "gate-offline.json"));
    json_t *record = record_of(&job);
    assert_string_equal(json_text(record, "kept"), "refined");
    assert_string_equal(json_text(record, "offline"), offline);
    const json_t *held = json_object_get(record, "held_out");
    assert_true(json_number(held, "gain") > 3 * json_number(held, "error"));
    assert_int_equal(json_whole(json_object_get(record, "reservoir"), "taken"), 1024);
    json_decref(record);
    par_barrier(&s->world);

    feed_double.simulated = 0;
    assert_int_equal(job_refine(&job, &nobody, &did), OK);
    assert_false(did);

    /* A run that ended before the decision: the offline one is put back, and what was learned is not learned again. */
    char *kept = hash_of(&job, "amortizer.h5", &refined), *path = job_file(&job, "refine.json");
    par_barrier(&s->world);
    unlink(path);
    par_barrier(&s->world);
    assert_int_equal(job_refine_settle(&job), OK);
    expect_kept(&job, false);
    par_barrier(&s->world);
    assert_int_equal(job_refine(&job, &nobody, &did), OK);
    assert_true(did);
    assert_int_equal(feed_double.simulated, 0);
    char *again = hash_of(&job, "amortizer.h5", &refined);
    assert_string_equal(again, kept);
    expect_kept(&job, true);
    free(again);
    free(kept);
    free(path);
    free(beside);
    free(offline);
    job_close(&job);
}

/* A learning rate that spoils the network. */
static void a_worse_one_does_not_take_its_place(void **state)
{
    const scene_t *s = *state;
    bool did, refined;
    char *folder = run_folder_file(s->folder, "wild");
    job_t job = open_job(s, &s->world, "wild.yaml", folder);
    train(&job, true);
    feed_double = (feed_double_t){0};
    char *offline = hash_of(&job, "amortizer.h5", &refined);
    par_barrier(&s->world);
    if (job_refine(&job, &nobody, &did) != OK)
        fail_msg("%s", err_text());
    expect_kept(&job, false);
    char *now = hash_of(&job, "amortizer.h5", &refined),
         *beside = hash_of(&job, "amortizer-refined.h5", &refined);
    assert_string_equal(now, offline);
    assert_string_not_equal(beside, offline);
    assert_true(refined && there(&job, "gate-refined.json") &&
                !there(&job, "amortizer-offline.h5"));
    json_t *record = record_of(&job);
    assert_string_equal(json_text(record, "kept"), "offline");
    assert_true(json_number(json_object_get(record, "held_out"), "gain") < 0);
    json_decref(record);
    assert_int_equal(job_refine(&job, &nobody, &did), OK);
    assert_false(did);
    free(now);
    free(beside);
    free(offline);
    free(folder);
    job_close(&job);
}

/* ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static int set_up(scene_t *s)
{
    strcpy(s->folder, "/tmp/test_refine_XXXXXX");
    if (s->world.rank == 0 && mkdtemp(s->folder) == NULL)
        return -1;
    par_broadcast(&s->world, 0, sizeof s->folder, s->folder);
    snprintf(s->alone, sizeof s->alone, "%s/alone-%d", s->folder, s->world.rank);
    write_study(s, "study.yaml", "0.001", "index", "1");
    write_study(s, "arrival.yaml", "0.001", "arrival", "1");
    write_study(s, "wild.yaml", "0.15", "index", "1");
    write_study(s, "strict.yaml", "0.001", "index", "0");
    job_t job = open_job(s, &s->world, "study.yaml", NULL);
    train(&job, false);
    job_close(&job);
    return 0;
}

int main(int argc, char **argv)
{
    scene_t scene = {.world = par_start(&argc, &argv)};
    scene.self = par_alone();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(weights_do_not_depend_on_ranks, &scene),
        cmocka_unit_test_prestate(a_refinement_goes_on_as_if_nothing_had_happened, &scene),
        cmocka_unit_test_prestate(fresh_loss_begins_with_the_offline_one_and_falls, &scene),
        cmocka_unit_test_prestate(the_rank_test_finds_rows_that_come_by_parameter, &scene),
        cmocka_unit_test_prestate(no_refinement_before_the_gate, &scene),
        cmocka_unit_test_prestate(other_settings_need_a_word, &scene),
        cmocka_unit_test_prestate(the_better_one_is_kept_and_the_other_stays, &scene),
        cmocka_unit_test_prestate(a_worse_one_does_not_take_its_place, &scene),
    };
    if (set_up(&scene) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("refine", tests, NULL, NULL);
    par_barrier(&scene.world);
    if (scene.world.rank == 0)
        nftw(scene.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    par_stop(&scene.world);
    return failed;
}
