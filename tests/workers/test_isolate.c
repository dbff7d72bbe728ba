// SPDX-License-Identifier: Apache-2.0
// Takes the folder of the plugins: wild.so, and its kin.
#include "workers/isolate.h"

#include "cluster/mem.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 3, ROWS = 60 };
static const double limit = 0.1; // seconds, of a row that hangs

static const char *folder;

static simulator_t *load(const char *name, bool isolated, double timeout)
{
    simulator_t *s = NULL;
    char *path = mem_format("%s/%s.so", folder, name);
    err_t err =
        isolated ? simulator_load_isolated(path, timeout, &s) : simulator_load_plugin(path, &s);
    free(path);
    assert_int_equal(err, OK);
    return s;
}

static rows_t simulated(simulator_t *s)
{
    rows_t rows = rows_create(simulator_schema(s), ROWS);
    int64_t done;
    assert_int_equal(simulator_rows(s, SEED, RNG_BANK, 0, ROWS, &rows, 0, &done), OK);
    assert_int_equal(done, ROWS);
    return rows;
}

// Rows of `name` against those of the tame plugin, which draws the same: each has the status that its x says.
static void check_rows(const char *name, row_status_t hang, const char *words)
{
    simulator_t *tame = load("wild_tame", false, 0), *s = load(name, true, limit);
    rows_t expected = simulated(tame), rows = simulated(s);
    int count[ROW_STATUS_COUNT] = {0};
    for (int64_t i = 0; i < ROWS; i++) {
        double x = expected.parameters[i];
        row_status_t status = x > 0.2 && x < 0.3    ? ROW_CRASHED
                              : x > 0.4 && x < 0.41 ? ROW_CRASHED
                              : x > 0.5 && x < 0.6  ? hang
                              : x > 0.95            ? ROW_REJECTED
                                                    : ROW_DONE;
        count[status]++;
        assert_int_equal(rows.status[i], status);
        assert_int_equal(rows.index[i], i);
        assert_true(rows.parameters[i] == x && rows.design[i] == expected.design[i]);
        if (status == ROW_DONE || status == ROW_REJECTED)
            assert_true(rows_hash(&rows, i, i + 1) == rows_hash(&expected, i, i + 1));
        if (status == ROW_REJECTED)
            assert_string_equal(rows.reason[i], "too large");
        if (status == hang)
            assert_non_null(strstr(rows.reason[i], words));
        if (status == ROW_CRASHED && status != hang)
            assert_string_equal(rows.reason[i],
                                "the plugin ended with signal 11 (Segmentation fault)");
    }
    assert_true(count[ROW_CRASHED] > 0 && count[hang] > 0 && count[ROW_REJECTED] > 0);
    rows_destroy(&rows);
    rows_destroy(&expected);
    simulator_close(&s);
    simulator_close(&tame);
}

static void crashes_and_timeouts_are_marked(void **state)
{
    (void)state;
    check_rows("wild", ROW_TIMEOUT, "longer than 0.1 s");
}

static void so_they_are_in_batches(void **state)
{
    (void)state;
    check_rows("wild_batch", ROW_TIMEOUT, "longer than 0.1 s");
}

static void given_parameters_reach_the_child(void **state)
{
    (void)state;
    static const double x[3] = {0.35, 0.25, 0.97}, n[1] = {5};
    static const row_status_t status[3] = {ROW_DONE, ROW_CRASHED, ROW_REJECTED};
    simulator_t *s = load("wild", true, 0);
    rows_t rows = rows_create(simulator_schema(s), 1);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(simulator_row_given(s, SEED, RNG_CHECK, 3, &x[k], n, &rows, 0), OK);
        assert_int_equal(rows.status[0], status[k]);
        assert_true(rows.parameters[0] == x[k] && rows.length[0] == 5);
    }
    rows_destroy(&rows);
    simulator_close(&s);
}

static void a_batch_entry_gives_the_same_rows(void **state)
{
    (void)state;
    simulator_t *one = load("wild_tame", false, 0), *many = load("wild_tame_batch", false, 0);
    rows_t a = simulated(one), b = simulated(many);
    assert_true(rows_hash(&a, 0, ROWS) == rows_hash(&b, 0, ROWS));
    for (int64_t i = ROWS - 1; i >= 0; i--)
        assert_int_equal(simulator_row(many, SEED, RNG_BANK, i, &b, i), OK);
    assert_true(rows_hash(&a, 0, ROWS) == rows_hash(&b, 0, ROWS));
    rows_destroy(&a);
    rows_destroy(&b);
    simulator_close(&one);
    simulator_close(&many);
}

static void an_error_of_the_plugin_comes_through(void **state)
{
    (void)state;
    static const double mu_action[2] = {5.0, 2.0}, design[2] = {3.0, 0.75};
    simulator_t *s = load("plugin_whole", true, 0);
    rows_t rows = rows_create(simulator_schema(s), 1);
    err_t err = simulator_row_given(s, SEED, RNG_CHECK, 9, mu_action, design, &rows, 0);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "row 9"));
    assert_non_null(strstr(err_text(), "too hot"));
    rows_destroy(&rows);
    simulator_close(&s);
    s = load("plugin_create", true, 0);
    rows = rows_create(simulator_schema(s), 1);
    err = simulator_row(s, SEED, RNG_CHECK, 9, &rows, 0);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "could not make its state"));
    rows_destroy(&rows);
    simulator_close(&s);
}

static void a_plugin_that_always_crashes_ends_the_campaign(void **state)
{
    (void)state;
    static const double x[1] = {0.25}, n[1] = {5};
    simulator_t *s = load("wild", true, 0);
    rows_t rows = rows_create(simulator_schema(s), 1);
    err_t err = OK;
    int tries = 0;
    while (err == OK && tries < 100) {
        err = simulator_row_given(s, SEED, RNG_CHECK, tries, x, n, &rows, 0);
        tries++;
    }
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_int_equal(tries, 20);
    assert_non_null(strstr(err_text(), "died 20 times without finishing a row"));
    rows_destroy(&rows);
    simulator_close(&s);
}

// What a process says on stderr that simulates this row in itself, and how it ends.
static int crash_here(const char *name, double x, char *said, size_t cap)
{
    static const double n[1] = {5};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        simulator_t *s = load(name, false, 0);
        rows_t rows = rows_create(simulator_schema(s), 1);
        err_t err = simulator_row_given(s, SEED, RNG_CHECK, 1234, &x, n, &rows, 0);
        _exit(err == OK ? 77 : 78);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t k = 1; k > 0 && got < cap - 1; got += (size_t)(k > 0 ? k : 0))
        k = read(ends[0], said + got, cap - 1 - got);
    said[got] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

static void a_crash_in_this_process_names_plugin_and_row(void **state)
{
    (void)state;
    char said[2000];
    assert_int_equal(crash_here("wild", 0.25, said, sizeof said), 1);
    assert_non_null(strstr(said, "wild.so crashed (segmentation fault) in row 1234;"));
    assert_int_equal(crash_here("wild_abort", 0.55, said, sizeof said), 1);
    assert_non_null(strstr(said, "wild_abort.so crashed (abort) in row 1234;"));
    assert_int_equal(crash_here("wild", 0.405, said, sizeof said), 1); // its stack is full
    assert_non_null(strstr(said, "wild.so crashed (segmentation fault) in row 1234;"));
    assert_int_equal(crash_here("wild", 0.35, said, sizeof said), 77);
}

// The child of a killed process becomes ours, and has been killed too.
static void the_child_ends_with_its_parent(void **state)
{
    (void)state;
    static const double x[1] = {0.55}, n[1] = {5}; // it hangs
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t parent = fork();
    if (parent == 0) {
        simulator_t *s = load("wild", true, 0);
        rows_t rows = rows_create(simulator_schema(s), 1);
        alarm(1); // ends this process, in the middle of the row
        err_t err = simulator_row_given(s, SEED, RNG_CHECK, 0, x, n, &rows, 0);
        _exit(err == OK);
    }
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    pid_t child = waitpid(-1, &status, 0);
    assert_true(child > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_isolate PLUGIN_FOLDER\n");
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crashes_and_timeouts_are_marked),
        cmocka_unit_test(so_they_are_in_batches),
        cmocka_unit_test(given_parameters_reach_the_child),
        cmocka_unit_test(a_batch_entry_gives_the_same_rows),
        cmocka_unit_test(an_error_of_the_plugin_comes_through),
        cmocka_unit_test(a_plugin_that_always_crashes_ends_the_campaign),
        cmocka_unit_test(the_child_ends_with_its_parent),
        cmocka_unit_test(a_crash_in_this_process_names_plugin_and_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
