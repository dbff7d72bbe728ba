// SPDX-License-Identifier: Apache-2.0
//
// The program plays both parts: without ranks it runs the tests, each starting this program again below mpirun; as a rank
// it does what its first argument says.
#include "cluster/launch.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/par.h"
#include "cluster/session.h"
#include "cluster/stop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAVE_SECONDS = 3, LIMIT_SECONDS = 60, RANKS = 2 };

/* ---- as a rank ---- */

static void rank_tells_pid(const char *folder, int rank)
{
    char path[256], there[256];
    snprintf(path, sizeof path, "%s/new%d", folder, rank);
    snprintf(there, sizeof there, "%s/pid%d", folder, rank);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL, "can not write %s", path);
    fprintf(file, "%d %d\n", (int)getpid(), (int)getppid());
    fclose(file);
    CHECK(rename(path, there) == 0, "can not rename %s", path);
}

static int rank_waits_for_stop(const char *folder, int rank, double save_seconds)
{
    stop_install();
    rank_tells_pid(folder, rank);
    double start = log_clock();
    while (!stop_requested() && log_clock() - start < LIMIT_SECONDS)
        usleep(10000);
    if (!stop_requested())
        return 1;
    for (double saved = log_clock(); log_clock() - saved < save_seconds;)
        usleep(10000);
    return 4;
}

static int rank_looks_around(const par_t *par)
{
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    bool fine = par->size == 3 && threads != NULL && strcmp(threads, "1") == 0 && getchar() == EOF;
    return par_any(par, !fine);
}

static int rank_main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    int code;
    if (strcmp(argv[1], "exit") == 0)
        code = atoi(argv[2]);
    else if (strcmp(argv[1], "look") == 0)
        code = rank_looks_around(&par);
    else if (strcmp(argv[1], "crash") == 0 && par.rank == 1)
        code = raise(SIGSEGV);
    else if (strcmp(argv[1], "crash") == 0)
        code = 0;
    else
        code =
            rank_waits_for_stop(argv[2], par.rank, strcmp(argv[1], "save") == 0 ? SAVE_SECONDS : 0);
    par_stop(&par);
    return code;
}

/* ---- the tests ---- */

static pid_t start(int ranks, const char *what, const char *argument)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"test", (char *)what, (char *)argument, NULL};
        _exit(launch_self(ranks, argument == NULL ? 2 : 3, argv));
    }
    return pid;
}

static int finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

typedef struct {
    char folder[64];
    pid_t launcher, mpirun, rank[RANKS];
} scene_t;

// Ranks that wait for a stop, all of them up.
static scene_t scene_start(const char *what)
{
    scene_t s = {.folder = "/tmp/test_launch_XXXXXX"};
    assert_non_null(mkdtemp(s.folder));
    s.launcher = start(RANKS, what, s.folder);
    for (int rank = 0; rank < RANKS; rank++) {
        char path[256];
        FILE *file = NULL;
        snprintf(path, sizeof path, "%s/pid%d", s.folder, rank);
        for (double begin = log_clock(); file == NULL && log_clock() - begin < LIMIT_SECONDS;
             usleep(10000))
            file = fopen(path, "r");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%d %d", &s.rank[rank], &s.mpirun), 2);
        fclose(file);
        remove(path);
    }
    rmdir(s.folder);
    return s;
}

static void assert_ranks_end(const scene_t *s)
{
    for (int rank = 0; rank < RANKS; rank++) {
        double begin = log_clock();
        while (kill(s->rank[rank], 0) == 0 && log_clock() - begin < LIMIT_SECONDS)
            usleep(10000);
        assert_int_equal(kill(s->rank[rank], 0), -1);
    }
}

static void exit_codes_come_through(void **state)
{
    (void)state;
    assert_int_equal(finish(start(2, "exit", "0")), 0);
    assert_int_equal(finish(start(2, "exit", "3")), 3);
    assert_int_equal(finish(start(1, "exit", "4")), 4);
}

static void ranks_find_their_surroundings(void **state)
{
    (void)state;
    assert_int_equal(finish(start(3, "look", NULL)), 0);
}

static void an_allocation_of_a_scheduler_is_not_used(void **state)
{
    (void)state;
    setenv("SLURM_JOBID", "77", 1);
    setenv("SLURM_NODELIST", "n[1-2]", 1);
    setenv("SLURM_NNODES", "2", 1);
    setenv("SLURM_TASKS_PER_NODE", "4(x2)", 1);
    assert_false(launch_ranks_given());
    int code = finish(start(3, "look", NULL));
    unsetenv("SLURM_JOBID");
    unsetenv("SLURM_NODELIST");
    unsetenv("SLURM_NNODES");
    unsetenv("SLURM_TASKS_PER_NODE");
    assert_int_equal(code, 0);
}

static void a_crashed_rank_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(finish(start(2, "crash", "/nowhere")), 1);
}

static void every_stop_signal_is_heard_and_leaves_time_to_save(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        scene_t s = scene_start(i == 0 ? "save" : "wait");
        kill(s.launcher, numbers[i]);
        assert_int_equal(finish(s.launcher), 4);
        assert_ranks_end(&s);
    }
}

static void a_stop_before_the_ranks_listen_is_not_lost(void **state)
{
    (void)state;
    static const int microseconds[] = {20000, 200000};
    for (size_t i = 0; i < sizeof microseconds / sizeof *microseconds; i++) {
        char folder[] = "/tmp/test_launch_XXXXXX", path[256];
        assert_non_null(mkdtemp(folder));
        pid_t launcher = start(RANKS, "wait", folder);
        usleep((useconds_t)microseconds[i]);
        kill(launcher, SIGTERM);
        assert_int_equal(finish(launcher), 4);
        for (int rank = 0; rank < RANKS; rank++) {
            snprintf(path, sizeof path, "%s/pid%d", folder, rank);
            remove(path);
        }
        rmdir(folder);
    }
}

static void a_second_interrupt_ends_at_once(void **state)
{
    (void)state;
    scene_t s = scene_start("save");
    kill(s.launcher, SIGINT);
    usleep(300000);
    kill(s.launcher, SIGINT);
    assert_int_equal(finish(s.launcher), 4);
    assert_ranks_end(&s);
}

static void ranks_do_not_outlive_a_killed_launcher(void **state)
{
    (void)state;
    scene_t s = scene_start("wait");
    kill(s.launcher, SIGKILL);
    assert_int_equal(finish(s.launcher), -SIGKILL);
    assert_ranks_end(&s);
}

static void ranks_do_not_outlive_a_killed_mpirun(void **state)
{
    (void)state;
    scene_t s = scene_start("wait");
    kill(s.mpirun, SIGKILL);
    assert_int_equal(finish(s.launcher), 1);
    assert_ranks_end(&s);
}

static void a_missing_mpirun_is_told(void **state)
{
    (void)state;
    char *path = mem_copy_text(getenv("PATH"));
    setenv("PATH", "/nowhere:/etc", 1);
    int code = finish(start(2, "exit", "0"));
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(code, 1);
}

static void ranks_given_are_seen(void **state)
{
    (void)state;
    assert_false(launch_ranks_given());
    setenv("SLURM_PROCID", "0", 1);
    assert_false(launch_ranks_given());
    unsetenv("SLURM_PROCID");
    setenv("PMI_RANK", "0", 1);
    assert_true(launch_ranks_given());
    unsetenv("PMI_RANK");
    assert_true(launch_cores() >= 1);
}

static void a_session_leaves_nothing(void **state)
{
    (void)state;
    session_t session;
    char inside[128];
    assert_int_equal(session_open(1, &session), OK);
    snprintf(inside, sizeof inside, "%s/sub", session.path);
    assert_int_equal(mkdir(inside, 0700), 0);
    session_close(&session);
    assert_int_equal(access(session.path, F_OK), -1);
}

static void a_session_sweeps_the_dead_and_spares_the_living(void **state)
{
    (void)state;
    session_t dead, alive, next;
    assert_int_equal(session_open(1, &dead), OK);
    assert_int_equal(session_open(1, &alive), OK);
    close(dead.lock); // as the death of its process does
    assert_int_equal(session_open(1, &next), OK);
    assert_int_equal(access(dead.path, F_OK), -1);
    assert_int_equal(access(alive.path, F_OK), 0);
    session_close(&alive);
    session_close(&next);
}

int main(int argc, char **argv)
{
    if (launch_ranks_given())
        return rank_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_given_are_seen),
        cmocka_unit_test(a_session_leaves_nothing),
        cmocka_unit_test(a_session_sweeps_the_dead_and_spares_the_living),
        cmocka_unit_test(exit_codes_come_through),
        cmocka_unit_test(ranks_find_their_surroundings),
        cmocka_unit_test(an_allocation_of_a_scheduler_is_not_used),
        cmocka_unit_test(a_crashed_rank_is_a_failure),
        cmocka_unit_test(a_missing_mpirun_is_told),
        cmocka_unit_test(every_stop_signal_is_heard_and_leaves_time_to_save),
        cmocka_unit_test(a_stop_before_the_ranks_listen_is_not_lost),
        cmocka_unit_test(a_second_interrupt_ends_at_once),
        cmocka_unit_test(ranks_do_not_outlive_a_killed_launcher),
        cmocka_unit_test(ranks_do_not_outlive_a_killed_mpirun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
