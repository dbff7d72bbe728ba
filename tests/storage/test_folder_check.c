// SPDX-License-Identifier: Apache-2.0
#include "storage/folder_check.h"
#include "storage/h5_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/cluster/child.h"
#include "tests/cluster/findings_seen.h"

enum { NOBODY = 65534 };

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/folder-check-XXXXXX");
    return mkdtemp(folder) == NULL;
}

/* Fails where something was left in it. */
static int tear_down(void **state)
{
    (void)state;
    chmod(folder, 0700);
    return rmdir(folder);
}

static void a_good_folder_is_left_empty(void **state)
{
    (void)state;
    static const char *const checks[] = {"folder",      "file system", "free space",
                                         "fcntl locks", "flock",       "hard links",
                                         "renames",     "write speed", "clock"};
    findings_t list = findings_create();
    folder_check(folder, &list);
    assert_int_equal(list.n, sizeof checks / sizeof *checks);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        assert_string_equal(list.all[i].what, checks[i]);
    for (int i = 3; i < 7; i++) // what does not depend on how busy the disk is
        assert_int_equal(list.all[i].verdict, FINDING_OK);
    assert_int_equal(findings_count(&list, FINDING_FAILED), 0);
    findings_free(&list);
}

static void refuses(const char *path, const char *words)
{
    findings_t list = findings_create();
    folder_check(path, &list);
    assert_int_equal(list.n, 1);
    assert_true(last_is(&list, FINDING_FAILED, words));
    findings_free(&list);
}

static void what_is_no_folder_is_refused(void **state)
{
    (void)state;
    refuses("/nowhere/at/all", "/nowhere/at/all: No such file");
    refuses("/etc/passwd", "/etc/passwd: got a file, expected a folder");
    refuses("/proc", "/proc can not be written");
    refuses("", "No such file");
}

/* Root may write anywhere. */
static void look_as_nobody(void)
{
    findings_t list = findings_create();
    bool ready = chmod(folder, 0555) == 0 && (geteuid() != 0 || seteuid(NOBODY) == 0);
    folder_check(folder, &list);
    fprintf(stderr, "%d %s\n", ready && list.n == 1 && last_is(&list, FINDING_FAILED, "can not"),
            list.all[0].found);
    findings_free(&list);
}

static void a_folder_that_is_not_writable_is_refused(void **state)
{
    (void)state;
    char said[CHILD_CAP], expected[CHILD_CAP];
    assert_int_equal(child_run(look_as_nobody, said), 0);
    snprintf(expected, sizeof expected, "1 %s can not be written: Permission denied\n", folder);
    assert_string_equal(said, expected);
}

/* Neither the big file fits nor any other. */
static void look_with_small_files(void)
{
    findings_t list = findings_create();
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
    folder_check(folder, &list);
    const finding_t *speed = finding_of(&list, "write speed");
    fprintf(stderr, "%d %d\n", speed->verdict, strstr(speed->found, "File too large") != NULL);
    findings_free(&list);
}

static void a_file_that_does_not_fit_is_told(void **state)
{
    (void)state;
    char said[CHILD_CAP];
    assert_int_equal(child_run(look_with_small_files, said), 0);
    assert_string_equal(said, "2 1\n");
}

static void file_systems_have_names(void **state)
{
    (void)state;
    static const struct {
        uint64_t magic;
        bool network;
        finding_verdict_t verdict;
        const char *words;
    } cases[] = {
        {0xEF53, false, FINDING_OK, "ext4, local"},
        {0x6969, true, FINDING_OK, "NFS, over the network: "},
        {0x0BD00BD0, true, FINDING_OK, "Lustre, over the network: mount with flock"},
        {0x47504653, true, FINDING_OK, "GPFS, over the network"},
        {0x01021994, false, FINDING_WARNING, "tmpfs, local"},
        {0xFF534D42, true, FINDING_WARNING, "CIFS, over the network"},
    };
    findings_t list = findings_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(folder_kind(cases[i].magic)->network, cases[i].network);
        folder_check_kind(cases[i].magic, &list);
        assert_true(last_is(&list, cases[i].verdict, cases[i].words));
    }
    assert_null(folder_kind(0xABCD));
    folder_check_kind(0xABCD, &list);
    assert_true(last_is(&list, FINDING_OK, "one of type 0xabcd"));
    findings_free(&list);
}

static void numbers_are_judged(void **state)
{
    (void)state;
    findings_t list = findings_create();
    folder_check_space(5e12, 1e6, &list);
    assert_true(last_is(&list, FINDING_OK, "5000.00 GB, 1000000 files"));
    folder_check_space(5e12, 0, &list); // Btrfs does not count files
    assert_true(last_is(&list, FINDING_OK, "5000.00 GB"));
    folder_check_space(5e8, 1e6, &list);
    assert_true(last_is(&list, FINDING_WARNING, "0.50 GB"));
    folder_check_space(5e12, 10, &list);
    assert_true(last_is(&list, FINDING_WARNING, "10 files"));
    folder_check_space(1e6, 1e6, &list);
    assert_true(last_is(&list, FINDING_FAILED, "0.00 GB"));
    folder_check_speed(500, 2, &list);
    assert_true(last_is(&list, FINDING_OK, "500 MB/s"));
    folder_check_speed(5, 2, &list);
    assert_true(last_is(&list, FINDING_WARNING, "5 MB/s"));
    folder_check_speed(500, 400, &list);
    assert_true(last_is(&list, FINDING_WARNING, "400.0 ms"));
    folder_check_clock(0.4, &list);
    assert_true(last_is(&list, FINDING_OK, "+0.40 s"));
    folder_check_clock(-3600, &list);
    assert_true(last_is(&list, FINDING_WARNING, "-3600.00 s"));
    folder_check_clock(2, &list);
    assert_true(last_is(&list, FINDING_WARNING, "+2.00 s"));
    findings_free(&list);
}

static void hdf5_is_parallel(void **state)
{
    (void)state;
    findings_t list = findings_create();
    h5_check(&list);
    assert_true(last_is(&list, FINDING_OK, "parallel build"));
    findings_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_folder_is_left_empty, set_up, tear_down),
        cmocka_unit_test(what_is_no_folder_is_refused),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_writable_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_does_not_fit_is_told, set_up, tear_down),
        cmocka_unit_test(file_systems_have_names),
        cmocka_unit_test(numbers_are_judged),
        cmocka_unit_test(hdf5_is_parallel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
