// SPDX-License-Identifier: Apache-2.0
#include "cluster/machine_check.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/cluster/child.h"
#include "tests/cluster/findings_seen.h"

static void one_core_of_many_is_a_warning(void **state)
{
    (void)state;
    findings_t list = findings_create();
    machine_check_cores(64, 64, INT_MAX, &list);
    assert_true(last_is(&list, FINDING_OK, "64 of 64 by affinity, no quota"));
    machine_check_cores(64, 8, INT_MAX, &list);
    assert_true(last_is(&list, FINDING_OK, "8 of 64"));
    machine_check_cores(64, 1, INT_MAX, &list);
    assert_true(last_is(&list, FINDING_WARNING, "1 of 64"));
    machine_check_cores(64, 64, 1, &list);
    assert_true(last_is(&list, FINDING_WARNING, "a quota of 1"));
    machine_check_cores(64, 64, 0, &list); // half a core
    assert_true(last_is(&list, FINDING_WARNING, "a quota of 0"));
    machine_check_cores(1, 1, INT_MAX, &list);
    assert_true(last_is(&list, FINDING_OK, "1 of 1"));
    findings_free(&list);
}

static void threads_beside_ranks_are_a_warning(void **state)
{
    (void)state;
    findings_t list = findings_create();
    machine_check_threads("OMP_NUM_THREADS", NULL, &list);
    assert_true(last_is(&list, FINDING_OK, "not set"));
    machine_check_threads("OMP_NUM_THREADS", "1", &list);
    assert_true(last_is(&list, FINDING_OK, "1"));
    static const char *const bad[] = {"2", "16", "0", "-1", "", "4,2", "all"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        machine_check_threads("OMP_NUM_THREADS", bad[i], &list);
        assert_true(last_is(&list, FINDING_WARNING, bad[i]));
        assert_non_null(strstr(list.all[list.n - 1].advice, "export OMP_NUM_THREADS=1"));
    }
    findings_free(&list);
}

static void few_open_files_are_told(void **state)
{
    (void)state;
    findings_t list = findings_create();
    machine_check_files(1024, 524288, &list);
    assert_true(last_is(&list, FINDING_OK, "limit 1024, hard limit 524288"));
    machine_check_files(1024, 1024, &list);
    assert_true(last_is(&list, FINDING_WARNING, "hard limit 1024"));
    machine_check_files(64, 64, &list);
    assert_true(last_is(&list, FINDING_FAILED, "hard limit 64"));
    findings_free(&list);
}

static void look_when_limited(void)
{
    findings_t list = findings_create();
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 100});
    setenv("OPENBLAS_NUM_THREADS", "8", 1);
    setenv("PATH", "/nowhere", 1);
    unsetenv("PMIX_RANK");
    unsetenv("PMI_RANK");
    setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
    machine_check(&list);
    fprintf(stderr, "%d %d %d %s %d\n", finding_of(&list, "open files")->verdict,
            finding_of(&list, "OPENBLAS_NUM_THREADS")->verdict,
            finding_of(&list, "mpirun")->verdict, finding_of(&list, "ranks")->found,
            finding_of(&list, "cores") != NULL);
    findings_free(&list);
}

static void a_bad_machine_is_found_out(void **state)
{
    (void)state;
    char said[CHILD_CAP];
    assert_int_equal(child_run(look_when_limited, said), 0);
    assert_string_equal(said, "2 1 1 given by mpirun (OMPI_COMM_WORLD_SIZE) 0\n");
}

static void this_machine_has_what_tests_need(void **state)
{
    (void)state;
    findings_t list = findings_create();
    machine_check(&list);
    assert_int_equal(finding_of(&list, "mpirun")->verdict, FINDING_OK);
    assert_non_null(strstr(finding_of(&list, "mpirun")->found, "/mpirun"));
    assert_non_null(strstr(finding_of(&list, "MPI")->found, "Open MPI"));
    assert_int_not_equal(finding_of(&list, "shared memory")->verdict, FINDING_FAILED);
    assert_non_null(finding_of(&list, "cores"));
    findings_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_core_of_many_is_a_warning),
        cmocka_unit_test(threads_beside_ranks_are_a_warning),
        cmocka_unit_test(few_open_files_are_told),
        cmocka_unit_test(a_bad_machine_is_found_out),
        cmocka_unit_test(this_machine_has_what_tests_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
