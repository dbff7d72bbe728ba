// SPDX-License-Identifier: Apache-2.0
#include "storage/lock.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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

static char *lock_text(const char *folder)
{
    int64_t bytes;
    char *text = sample_bytes(folder, "lock", &bytes);
    text[bytes] = '\0';
    return text;
}

static void write_lock(const char *folder, const char *text)
{
    char *path = mem_format("%s/lock", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

// The lock as a run on another host would have written it.
static void make_foreign(const char *folder)
{
    write_lock(
        folder,
        "{\"run\":\"far\",\"host\":\"another-host\",\"boot\":\"b\",\"space\":\"s\",\"pid\":1,"
        "\"start\":\"1\",\"beat\":\"0000000001\"}");
}

static void it_is_taken_and_given_back(void **state)
{
    lock_t *lock;
    char *path = mem_format("%s/lock", (char *)*state);
    assert_int_equal(lock_take(*state, "one", 1, &lock), OK);
    assert_int_equal(lock_check(*state, "one"), OK);
    assert_true(err_is(lock_check(*state, "two"), ERR_LOCKED));
    lock_release(&lock);
    assert_null(lock);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(err_is(lock_check(*state, "one"), ERR_LOCKED));
    lock_release(&lock);
    free(path);
}

static void a_living_holder_keeps_it(void **state)
{
    lock_t *first, *second;
    assert_int_equal(lock_take(*state, "one", 1, &first), OK);
    assert_true(err_is(lock_take(*state, "two", 1, &second), ERR_LOCKED));
    assert_non_null(strstr(err_text(), "run one"));
    assert_null(second);
    assert_int_equal(lock_check(*state, "one"), OK);
    lock_release(&first);
}

static void a_killed_holder_loses_it_at_once(void **state)
{
    lock_t *lock;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (lock_take(*state, "one", 1, &lock) == OK && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL); // not waited for yet: a zombie holds nothing
    assert_int_equal(lock_take(*state, "two", 1000, &lock), OK);
    waitpid(child, NULL, 0);
    assert_int_equal(lock_check(*state, "two"), OK);
    lock_release(&lock);
    close(ready[0]);
    close(ready[1]);
}

static void a_pid_that_was_used_again_is_no_holder(void **state)
{
    lock_t *lock;
    assert_int_equal(lock_take(*state, "one", 1, &lock), OK);
    char *text = lock_text(*state), *start = strstr(text, "\"start\":\"");
    assert_non_null(start);
    start[9] = start[9] == '9' ? '8' : '9'; // this very process, as if started at another time
    lock_release(&lock);
    write_lock(*state, text);
    free(text);
    assert_int_equal(lock_take(*state, "two", 1000, &lock), OK);
    lock_release(&lock);
}

static void a_holder_before_a_reboot_is_dead(void **state)
{
    lock_t *lock;
    assert_int_equal(lock_take(*state, "one", 1, &lock), OK);
    char *text = lock_text(*state), *boot = strstr(text, "\"boot\":\"");
    assert_non_null(boot);
    boot[8] = boot[8] == 'a' ? 'b' : 'a';
    lock_release(&lock);
    write_lock(*state, text);
    free(text);
    assert_int_equal(lock_take(*state, "two", 1000, &lock), OK);
    lock_release(&lock);
}

static void a_silent_holder_elsewhere_is_watched_and_replaced(void **state)
{
    lock_t *lock;
    make_foreign(*state);
    assert_int_equal(lock_take(*state, "two", 0.5, &lock), OK);
    assert_int_equal(lock_check(*state, "two"), OK);
    lock_release(&lock);
}

static void a_beating_holder_elsewhere_keeps_it(void **state)
{
    lock_t *lock;
    make_foreign(*state);
    pid_t child = fork();
    if (child == 0) {
        usleep(500000);
        write_lock(
            *state,
            "{\"run\":\"far\",\"host\":\"another-host\",\"boot\":\"b\",\"space\":\"s\",\"pid\":1,"
            "\"start\":\"1\",\"beat\":\"0000000002\"}");
        _exit(0);
    }
    assert_true(err_is(lock_take(*state, "two", 30, &lock), ERR_LOCKED));
    assert_non_null(strstr(err_text(), "another-host"));
    waitpid(child, NULL, 0);
}

static void rubbish_is_watched_and_replaced(void **state)
{
    lock_t *lock;
    write_lock(*state, "not a lock");
    assert_int_equal(lock_take(*state, "two", 0.5, &lock), OK);
    lock_release(&lock);
}

static void a_release_leaves_the_lock_of_another_run(void **state)
{
    lock_t *lock;
    assert_int_equal(lock_take(*state, "one", 1, &lock), OK);
    make_foreign(*state);
    lock_release(&lock);
    assert_int_equal(lock_check(*state, "far"), OK);
}

static void a_missing_folder_is_an_error(void **state)
{
    lock_t *lock;
    (void)state;
    assert_true(err_is(lock_take("/nonexistent/bank", "one", 1, &lock), ERR_IO));
    assert_null(lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_taken_and_given_back),
        TEST(a_living_holder_keeps_it),
        TEST(a_killed_holder_loses_it_at_once),
        TEST(a_pid_that_was_used_again_is_no_holder),
        TEST(a_holder_before_a_reboot_is_dead),
        TEST(a_silent_holder_elsewhere_is_watched_and_replaced),
        TEST(a_beating_holder_elsewhere_keeps_it),
        TEST(rubbish_is_watched_and_replaced),
        TEST(a_release_leaves_the_lock_of_another_run),
        TEST(a_missing_folder_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
