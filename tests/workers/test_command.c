// SPDX-License-Identifier: Apache-2.0
// Takes the folder of the commands; they are Python scripts.
#include "workers/command.h"

#include "cluster/mem.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 5, ROWS = 9 };

static const char *folder;

static err_t load(simulator_t **out, double timeout, const char *mood, const char *more)
{
    const char *const argv[] = {"python3", "-S", "moody.py", mood, more, NULL};
    const simulator_command_t command = {.argv = argv, .folder = folder, .timeout = timeout};
    return simulator_load_command(&command, out);
}

// Rows 0 to ROWS - 1 of a command with this mood.
static rows_t simulated(simulator_t *s)
{
    rows_t rows = rows_create(simulator_schema(s), ROWS);
    int64_t done;
    assert_int_equal(simulator_rows(s, SEED, RNG_BANK, 0, ROWS, &rows, 0, &done), OK);
    assert_int_equal(done, ROWS);
    return rows;
}

static void rows_are_a_function_of_seed_and_index(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    assert_int_equal(load(&s, 0, "good", NULL), OK);
    assert_string_equal(simulator_schema(s)->parameters[0].unit, "m");
    assert_null(simulator_table(s));
    rows_t rows = simulated(s), again = rows_create(simulator_schema(s), ROWS);
    for (int64_t i = ROWS - 1; i >= 0; i--)
        assert_int_equal(simulator_row(s, SEED, RNG_BANK, i, &again, i), OK);
    assert_true(rows_hash(&rows, 0, ROWS) == rows_hash(&again, 0, ROWS));
    assert_int_equal(simulator_row(s, SEED + 1, RNG_BANK, 0, &again, 0), OK);
    assert_int_equal(simulator_row(s, SEED, RNG_HELD_OUT, 0, &again, 1), OK);
    assert_true(again.parameters[0] != rows.parameters[0] &&
                again.parameters[1] != rows.parameters[0]);
    for (int i = 0; i < ROWS; i++)
        assert_true(rows.status[i] == ROW_DONE && rows.seconds[i] > 0);
    rows_destroy(&again);
    rows_destroy(&rows);
    simulator_close(&s);
}

static void given_parameters_are_simulated_from(void **state)
{
    (void)state;
    static const double x[1] = {0.7071067811865476}, n[1] = {5};
    simulator_t *s = NULL;
    assert_int_equal(load(&s, 0, "good", NULL), OK);
    rows_t rows = rows_create(simulator_schema(s), 1);
    assert_int_equal(simulator_row_given(s, SEED, RNG_CHECK, 3, x, n, &rows, 0), OK);
    assert_int_equal(rows.status[0], ROW_DONE);
    assert_true(rows.parameters[0] == x[0]);
    assert_int_equal(rows.length[0], 5);
    rows_destroy(&rows);
    simulator_close(&s);
    assert_int_equal(load(&s, 0, "other", NULL), OK);
    rows = rows_create(simulator_schema(s), 1);
    assert_int_equal(simulator_row_given(s, SEED, RNG_CHECK, 3, x, n, &rows, 0), OK);
    assert_int_equal(rows.status[0], ROW_ERROR);
    assert_non_null(strstr(rows.reason[0], "was given"));
    rows_destroy(&rows);
    simulator_close(&s);
}

static simulator_t *good;
static rows_t expected; // of the good one

static int setup(void **state)
{
    (void)state;
    if (load(&good, 0, "good", NULL) != OK)
        return -1;
    expected = simulated(good);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rows_destroy(&expected);
    simulator_close(&good);
    return 0;
}

// Rows 0, 3 and 6 have this status and these words in their reason, the others are those of a good command.
static void check_mood(const char *mood, const char *more, double timeout, row_status_t status,
                       const char *words)
{
    simulator_t *s = NULL;
    assert_int_equal(load(&s, timeout, mood, more), OK);
    rows_t rows = simulated(s);
    for (int64_t i = 0; i < ROWS; i++) {
        bool fine = i % 3 != 0 || status == ROW_DONE;
        if (rows.status[i] != (fine ? ROW_DONE : status) ||
            (!fine && (rows.reason[i] == NULL || strstr(rows.reason[i], words) == NULL)))
            fail_msg("%s: row %ld is %s: \"%s\"", mood, (long)i, row_status_name(rows.status[i]),
                     rows.reason[i] == NULL ? "" : rows.reason[i]);
        if (fine)
            assert_true(rows_hash(&rows, i, i + 1) == rows_hash(&expected, i, i + 1));
        assert_int_equal(rows.index[i], i);
    }
    rows_destroy(&rows);
    simulator_close(&s);
}

static void a_bad_row_is_marked_and_the_others_are_as_ever(void **state)
{
    (void)state;
    check_mood("garbage", NULL, 0, ROW_ERROR, "no JSON");
    check_mood("half", NULL, 0, ROW_CRASHED, "exit code 3");
    check_mood("crash", NULL, 0, ROW_CRASHED,
               "signal 11 (Segmentation fault); it said: out of luck");
    check_mood("exit", NULL, 0, ROW_CRASHED, "exit code 7");
    check_mood("error", NULL, 0, ROW_ERROR, "did not converge");
    check_mood("rejected", NULL, 0, ROW_REJECTED, "too cold");
    check_mood("short", NULL, 0, ROW_ERROR, "a list of 1, expected");
    check_mood("nan", NULL, 0, ROW_NONFINITE, "observable y: value 0 is nan");
    check_mood("chatty", NULL, 0, ROW_DONE, "");
}

static void silence_is_a_timeout(void **state)
{
    (void)state;
    check_mood("mute", NULL, 0.3, ROW_TIMEOUT, "longer than 0.3 s");
    check_mood("deaf", NULL, 0.3, ROW_TIMEOUT, "longer than 0.3 s"); // not even SIGTERM
}

static void an_answer_without_end_takes_no_memory(void **state)
{
    (void)state;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    check_mood("endless", NULL, 0, ROW_ERROR, "has no end");
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 << 10); // kB
}

static void a_batch_gives_the_same_rows(void **state)
{
    (void)state;
    enum { MANY = 600 };
    simulator_t *s[2] = {NULL, NULL};
    rows_t rows[2];
    for (int b = 0; b < 2; b++) {
        int64_t done;
        assert_int_equal(load(&s[b], 0, "good", b == 0 ? NULL : "batch"), OK);
        rows[b] = rows_create(simulator_schema(s[b]), MANY);
        assert_int_equal(simulator_rows(s[b], SEED, RNG_BANK, 0, MANY, &rows[b], 0, &done), OK);
        assert_int_equal(done, MANY);
    }
    assert_true(rows_hash(&rows[0], 0, MANY) == rows_hash(&rows[1], 0, MANY));
    for (int b = 0; b < 2; b++) {
        rows_destroy(&rows[b]);
        simulator_close(&s[b]);
    }
    check_mood("crash", "batch", 0, ROW_CRASHED, "signal 11");
    check_mood("mute", "batch", 0.2, ROW_TIMEOUT, "longer than");
    check_mood("garbage", "batch", 0, ROW_ERROR, "no JSON");
    check_mood("error", "batch", 0, ROW_ERROR, "did not converge");
}

static void many_deaths_without_a_row_end_the_campaign(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    int64_t done = 0;
    assert_int_equal(load(&s, 0, "crash", "always"), OK);
    rows_t rows = rows_create(simulator_schema(s), 2 * MOST_DEATHS);
    err_t err = simulator_rows(s, SEED, RNG_BANK, 0, 2 * MOST_DEATHS, &rows, 0, &done);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "20 times"));
    assert_non_null(strstr(err_text(), "out of luck"));
    assert_int_equal(done, MOST_DEATHS - 1);
    rows_destroy(&rows);
    simulator_close(&s);
}

static void a_failure_stops_where_the_study_says_so(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    int64_t done = 0;
    assert_int_equal(load(&s, 0, "exit", NULL), OK);
    simulator_stop_on_failure(s, true);
    rows_t rows = rows_create(simulator_schema(s), ROWS);
    assert_true(err_is(simulator_rows(s, SEED, RNG_BANK, 1, ROWS, &rows, 0, &done), ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "row 3: crashed: exit code 7"));
    assert_int_equal(done, 2);
    rows_destroy(&rows);
    simulator_close(&s);
}

static void a_stop_ends_the_campaign(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    int64_t done = 0;
    assert_int_equal(load(&s, 0, "stop", NULL), OK);
    rows_t rows = rows_create(simulator_schema(s), ROWS);
    assert_true(err_is(simulator_rows(s, SEED, RNG_BANK, 1, ROWS, &rows, 0, &done), ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "row 3"));
    assert_non_null(strstr(err_text(), "the licence ran out"));
    rows_destroy(&rows);
    simulator_close(&s);
}

static err_t start(const char *const *argv, const char *where)
{
    simulator_t *s = NULL;
    const simulator_command_t command = {.argv = argv, .folder = where};
    err_t err = simulator_load_command(&command, &s);
    assert_null(s);
    return err;
}

static void what_can_not_describe_itself_is_refused(void **state)
{
    (void)state;
    assert_true(err_is(start((const char *const[]){"./nothing-here", NULL}, folder), ERR_MISSING));
    assert_non_null(strstr(err_text(), "./nothing-here can not be started"));
    assert_true(err_is(start((const char *const[]){"true", NULL}, "/nowhere"), ERR_MISSING));
    assert_true(err_is(start((const char *const[]){"true", NULL}, folder), ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "description: it ended (exit code 0)"));
    assert_true(err_is(
        start((const char *const[]){"sh", "-c", "echo no such library >&2; exit 4", NULL}, folder),
        ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "exit code 4; it said: no such library"));
    assert_true(err_is(start((const char *const[]){"cat", NULL}, folder), ERR_FORMAT));
    assert_true(
        err_is(start((const char *const[]){"sh", "-c", "read line; echo hello", NULL}, folder),
               ERR_FORMAT));
    assert_true(
        err_is(start((const char *const[]){"cat", "/dev/zero", NULL}, folder), ERR_SIMULATOR));
}

static void stderr_goes_to_the_log(void **state)
{
    (void)state;
    char path[] = "test_command_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    simulator_t *s = NULL;
    assert_int_equal(load(&s, 0, "crash", NULL), OK);
    simulator_log_to(s, path);
    rows_t rows = simulated(s);
    rows_destroy(&rows);
    simulator_close(&s);
    char text[200] = "";
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    size_t n = fread(text, 1, sizeof text - 1, log);
    fclose(log);
    unlink(path);
    text[n] = '\0';
    assert_string_equal(text, "out of luck\nout of luck\nout of luck\n");
}

static void its_environment_is_not_that_of_a_rank(void **state)
{
    (void)state;
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    setenv("PMIX_RANK", "3", 1);
    setenv("PMI_RANK", "3", 1);
    setenv("SIMULATOR_DATA", "here", 1);
    err_t err =
        start((const char *const[]){"sh", "-c",
                                    "env | grep -E '^(OMPI|PMI|SIM)' | tr '\\n' ' ' >&2", NULL},
              folder);
    assert_true(err_is(err, ERR_SIMULATOR));
    assert_non_null(strstr(err_text(), "it said: SIMULATOR_DATA=here)"));
}

// The command of a killed process becomes our child, and has been told to end.
static void it_ends_with_its_parent(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t parent = fork();
    if (parent == 0) {
        simulator_t *s = NULL;
        err_t err = load(&s, 0, "mute", NULL);
        rows_t rows = rows_create(simulator_schema(s), 1);
        alarm(1); // ends this process, in the middle of the row
        err = err == OK ? simulator_row(s, SEED, RNG_BANK, 0, &rows, 0) : err;
        _exit(err == OK);
    }
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    pid_t child = waitpid(-1, &status, 0); // not `good`, which goes on
    assert_true(child > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_command FOLDER\n");
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_a_function_of_seed_and_index),
        cmocka_unit_test(given_parameters_are_simulated_from),
        cmocka_unit_test(a_bad_row_is_marked_and_the_others_are_as_ever),
        cmocka_unit_test(silence_is_a_timeout),
        cmocka_unit_test(an_answer_without_end_takes_no_memory),
        cmocka_unit_test(a_batch_gives_the_same_rows),
        cmocka_unit_test(many_deaths_without_a_row_end_the_campaign),
        cmocka_unit_test(a_failure_stops_where_the_study_says_so),
        cmocka_unit_test(a_stop_ends_the_campaign),
        cmocka_unit_test(what_can_not_describe_itself_is_refused),
        cmocka_unit_test(it_ends_with_its_parent),
        cmocka_unit_test(stderr_goes_to_the_log),
        cmocka_unit_test(its_environment_is_not_that_of_a_rank),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
