// SPDX-License-Identifier: Apache-2.0
//
// Ranks that read each other's memory.
#include "cluster/par_shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void others_read_what_a_rank_wrote(void **state)
{
    const par_t *par = *state;
    size_t bytes = 100000 + 1000 * (size_t)par->rank;
    par_shared_t *s = par_shared_create(par, bytes, 0);
    char *mine = par_shared_mine(s);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(mine[i], 0);
    memset(mine, 'a' + par->rank, bytes);
    par_barrier(par);
    assert_true(par_shared_everywhere(s));
    for (int r = 0; r < par->size; r++) {
        const char *theirs = par_shared_of(s, r);
        assert_int_equal(theirs[0], 'a' + r);
        assert_int_equal(theirs[100000 + 1000 * r - 1], 'a' + r);
    }
    par_barrier(par);
    par_shared_destroy(&s);
    assert_null(s);
    par_shared_destroy(&s);
}

static void ranks_of_other_machines_are_not_near(void **state)
{
    const par_t *par = *state;
    par_shared_t *s = par_shared_create(par, 64, par->rank / 2);
    for (int r = 0; r < par->size; r++)
        assert_int_equal(par_shared_of(s, r) != NULL, r / 2 == par->rank / 2);
    assert_int_equal(par_shared_everywhere(s), par->size <= 2);
    par_barrier(par);
    par_shared_destroy(&s);
}

static void no_memory_is_shared_too(void **state)
{
    const par_t *par = *state;
    par_shared_t *s = par_shared_create(par, par->rank == 0 ? 0 : 8, 0);
    assert_true(par_shared_everywhere(s));
    par_barrier(par);
    par_shared_destroy(&s);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(others_read_what_a_rank_wrote, &par),
        cmocka_unit_test_prestate(ranks_of_other_machines_are_not_near, &par),
        cmocka_unit_test_prestate(no_memory_is_shared_too, &par),
    };
    int failed = cmocka_run_group_tests_name("par_shared", tests, NULL, NULL);
    par_stop(&par);
    return failed;
}
