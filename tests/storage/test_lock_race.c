// SPDX-License-Identifier: Apache-2.0
// Many processes want one lock at the same moment, and holders are killed.
#include "storage/lock.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { RACERS = 8, TURNS = 12 };
enum { TOOK = 0, REFUSED = 2, TWO_HOLDERS = 3, FAILED = 4 }; // how a child ends

static int make_folder(void **state)
{
    *state = sample_folder();
    return 0;
}

static int remove_folder(void **state)
{
    sample_remove(*state);
    free(*state);
    return 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

// Waits until the other end of the pipe is closed.
static void wait_for_end(int fd)
{
    char byte;
    while (read(fd, &byte, 1) > 0)
        continue;
}

static int result_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- one start of everybody: one holds, all others are told who ---- */

static _Noreturn void try_once(const char *folder, int start, int finish)
{
    char run[LOCK_RUN_BYTES];
    lock_t *lock;
    lock_new_run(run);
    wait_for_end(start);
    err_t err = lock_take(folder, run, 1, &lock);
    if (err != OK)
        _exit(err_is(err, ERR_LOCKED) && strstr(err_text(), " since 20") != NULL ? REFUSED
                                                                                 : FAILED);
    wait_for_end(finish);
    err = lock_check(folder, run);
    lock_release(&lock);
    _exit(err == OK ? TOOK : FAILED);
}

// All racers at once; the one that holds lives until the others have ended.
static void race(const char *folder)
{
    int start[2], finish[2], took = 0, refused = 0, status;
    assert_int_equal(pipe(start), 0);
    assert_int_equal(pipe(finish), 0);
    for (int i = 0; i < RACERS; i++)
        if (fork() == 0) {
            close(start[1]);
            close(finish[1]);
            try_once(folder, start[0], finish[0]);
        }
    close(start[1]);
    for (int ended = 0; ended < RACERS; ended++) {
        if (ended == RACERS - 1)
            close(finish[1]);
        assert_true(wait(&status) > 0 && WIFEXITED(status));
        took += WEXITSTATUS(status) == TOOK;
        refused += WEXITSTATUS(status) == REFUSED;
    }
    close(start[0]);
    close(finish[0]);
    assert_int_equal(took, 1);
    assert_int_equal(refused, RACERS - 1);
}

static void one_of_many_starts_holds(void **state)
{
    race(*state);
}

static void one_of_many_takes_over_from_a_killed_holder(void **state)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t holder = fork();
    if (holder == 0) {
        lock_t *lock;
        if (lock_take(*state, "dead", 1, &lock) == OK && write(ready[1], "x", 1) == 1)
            pause();
        _exit(FAILED);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(holder, SIGKILL);
    assert_int_equal(result_of(holder), 128 + SIGKILL);
    race(*state);
    close(ready[0]);
    close(ready[1]);
}

/* ---- a long row of holders, every other of them killed while it holds ---- */

// Whoever holds the lock makes a file of its own, which must not be there yet.
static int hold_a_moment(const char *mark)
{
    int fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return TWO_HOLDERS;
    close(fd);
    pause_ms(1);
    return unlink(mark) == 0 ? TOOK : TWO_HOLDERS;
}

static _Noreturn void take_a_turn(const char *folder, const char *mark, bool dies)
{
    char run[LOCK_RUN_BYTES];
    lock_t *lock;
    lock_new_run(run);
    if (lock_take(folder, run, 1, &lock) != OK) {
        fprintf(stderr, "%s\n", err_text());
        _exit(FAILED);
    }
    int result = hold_a_moment(mark);
    if (dies && result == TOOK)
        raise(SIGKILL);
    lock_release(&lock);
    _exit(result);
}

static void killed_holders_never_leave_two(void **state)
{
    char *mark = mem_format("%s/mark", (char *)*state);
    pid_t racer[RACERS];
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < RACERS; i++) {
            racer[i] = fork();
            if (racer[i] == 0)
                take_a_turn(*state, mark, i % 2 == 0);
        }
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(result_of(racer[i]), i % 2 == 0 ? 128 + SIGKILL : TOOK);
    }
    free(mark);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_of_many_starts_holds),
        TEST(one_of_many_takes_over_from_a_killed_holder),
        TEST(killed_holders_never_leave_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
