// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_draws.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int ranks_of(const char *settings, int cores, double memory)
{
    char text[256];
    study_t study;
    snprintf(text, sizeof text, "study: s\nmodel: {plugin: x.so%s}\n", settings);
    assert_int_equal(study_parse(text, "s.yaml", &study), OK);
    int ranks = study_draws_ranks(&study, cores, memory);
    study_free(&study);
    return ranks;
}

static void ranks_are_what_cores_threads_and_memory_leave(void **state)
{
    (void)state;
    assert_int_equal(ranks_of("", 6, INFINITY), 6);
    assert_int_equal(ranks_of(", ranks_per_draw: 4", 6, INFINITY), 4);
    assert_int_equal(ranks_of(", ranks_per_draw: 4", 2, INFINITY), 4); // one draw there is
    assert_int_equal(ranks_of(", threads_per_draw: 3", 7, INFINITY), 2);
    assert_int_equal(ranks_of(", threads_per_draw: 9", 7, INFINITY), 1);
    assert_int_equal(ranks_of(", memory_per_draw: 2 GB", 64, 7e9), 3);
    assert_int_equal(ranks_of(", memory_per_draw: 500MB", 64, 7e9), 14);
    assert_int_equal(ranks_of(", memory_per_draw: 2 GB", 64, 1e9), 1);
    assert_int_equal(ranks_of(", memory_per_draw: 1.5 GB, ranks_per_draw: 4", 64, 14e9), 8);
    assert_int_equal(ranks_of(", memory_per_draw: 1 TB", 3, INFINITY), 3);
}

static void memory_without_a_unit_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"2", "GB", "2 G", "-1 GB", "0 MB", "1e9 TB", "2 GB or so"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256];
        study_t study;
        snprintf(text, sizeof text, "study: s\nmodel:\n  plugin: x.so\n  memory_per_draw: %s\n",
                 wrong[i]);
        assert_true(err_is(study_parse(text, "s.yaml", &study), ERR_USAGE));
        assert_non_null(strstr(err_text(), "s.yaml:4"));
        assert_non_null(strstr(err_text(), "expected memory with its unit"));
    }
}

static void this_machine_tells_its_memory(void **state)
{
    (void)state;
    double memory = study_draws_memory();
    assert_true(memory > 0 && memory < 1e15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_what_cores_threads_and_memory_leave),
        cmocka_unit_test(memory_without_a_unit_is_refused),
        cmocka_unit_test(this_machine_tells_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
