// SPDX-License-Identifier: Apache-2.0
#include "cluster/ranks_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/cluster/findings_seen.h"

enum { RANKS = 4 };

/* Two hosts of two ranks, each rank on a core of its own, all well. */
static void good_cards(ranks_card_t cards[RANKS])
{
    memset(cards, 0, RANKS * sizeof *cards);
    for (int r = 0; r < RANKS; r++) {
        snprintf(cards[r].host, sizeof cards[r].host, "node%d", r / 2);
        CPU_SET((size_t)(r % 2), &cards[r].affinity);
        cards[r].near = 2;
        cards[r].sees = 1;
        cards[r].shut = r > 0 ? 1 : -1;
    }
}

static void look(const ranks_card_t *cards, findings_t *list)
{
    *list = findings_create();
    ranks_check_cards(RANKS, cards, list);
}

static void good_ranks_have_no_warning(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    look(cards, &list);
    assert_int_equal(findings_count(&list, FINDING_OK), 5);
    assert_int_equal(list.n, 5);
    assert_string_equal(finding_of(&list, "ranks on cores")->found,
                        "4 ranks on 2 hosts, each with a core of its own");
    findings_free(&list);
}

static void ranks_on_one_core_are_told_with_their_host(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    cards[3].affinity = cards[2].affinity;
    look(cards, &list);
    const finding_t *f = finding_of(&list, "ranks on cores");
    assert_int_equal(f->verdict, FINDING_WARNING);
    assert_string_equal(f->found, "4 ranks on 2 hosts; node1: 2 ranks on 1 cores");
    assert_int_equal(findings_count(&list, FINDING_OK), 4);
    findings_free(&list);
}

static void the_worst_clock_is_told(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    cards[1].ahead = 0.5;
    look(cards, &list);
    assert_int_equal(finding_of(&list, "clocks of ranks")->verdict, FINDING_OK);
    findings_free(&list);
    cards[2].ahead = -100;
    look(cards, &list);
    const finding_t *f = finding_of(&list, "clocks of ranks");
    assert_int_equal(f->verdict, FINDING_WARNING);
    assert_string_equal(f->found, "node1 is -100.000 s from node0");
    findings_free(&list);
}

static void memory_that_is_not_read_is_told(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    cards[0].near = 1;
    look(cards, &list);
    const finding_t *f = finding_of(&list, "memory of ranks");
    assert_int_equal(f->verdict, FINDING_WARNING);
    assert_non_null(strstr(f->found, "1 ranks can not"));
    findings_free(&list);
}

static void a_folder_of_one_host_fails(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    cards[2].sees = cards[3].sees = 0;
    look(cards, &list);
    const finding_t *f = finding_of(&list, "folder of ranks");
    assert_int_equal(f->verdict, FINDING_FAILED);
    assert_string_equal(f->found, "another one, or none, on node1");
    assert_non_null(strstr(f->advice, "node0 alone"));
    findings_free(&list);
    for (int r = 0; r < RANKS; r++)
        cards[r].sees = -1; // not to be written anyway
    look(cards, &list);
    assert_null(finding_of(&list, "folder of ranks"));
    findings_free(&list);
}

static void locks_that_do_not_hold_are_told(void **state)
{
    (void)state;
    findings_t list;
    ranks_card_t cards[RANKS];
    good_cards(cards);
    cards[2].shut = 0;
    look(cards, &list);
    const finding_t *f = finding_of(&list, "locks of ranks");
    assert_int_equal(f->verdict, FINDING_WARNING);
    assert_string_equal(f->found, "rank 2 on node1 gets an fcntl lock that rank 0 on node0 holds");
    findings_free(&list);
    for (int r = 0; r < RANKS; r++)
        cards[r].shut = -1; // rank 0 could not lock at all
    look(cards, &list);
    assert_null(finding_of(&list, "locks of ranks"));
    findings_free(&list);
}

static void real_ranks_find_the_folder(void **state)
{
    const par_t *par = *state;
    findings_t list = findings_create();
    ranks_check(par, "/tmp", &list);
    assert_int_equal(list.n, par->rank > 0 ? 0 : par->size > 1 ? 5 : 4);
    if (par->rank == 0) {
        assert_int_equal(finding_of(&list, "folder of ranks")->verdict, FINDING_OK);
        assert_int_equal(finding_of(&list, "memory of ranks")->verdict, FINDING_OK);
        const finding_t *locks = finding_of(&list, "locks of ranks");
        assert_true(par->size == 1 ? locks == NULL : locks->verdict == FINDING_OK);
        assert_non_null(strstr(finding_of(&list, "ranks on cores")->found, "on 1 host"));
    }
    findings_free(&list);
    ranks_check(par, "/nowhere/at/all", &list);
    assert_null(finding_of(&list, "folder of ranks"));
    findings_free(&list);
}

/* Each rank has a working folder of its own, as on disks of nodes. */
static void real_ranks_miss_a_folder_of_another(void **state)
{
    const par_t *par = *state;
    char folder[] = "/tmp/ranks-check-XXXXXX";
    findings_t list = findings_create();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    ranks_check(par, ".", &list);
    if (par->rank == 0)
        assert_int_equal(finding_of(&list, "folder of ranks")->verdict,
                         par->size == 1 ? FINDING_OK : FINDING_FAILED);
    findings_free(&list);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ranks_have_no_warning),
        cmocka_unit_test(ranks_on_one_core_are_told_with_their_host),
        cmocka_unit_test(the_worst_clock_is_told),
        cmocka_unit_test(memory_that_is_not_read_is_told),
        cmocka_unit_test(a_folder_of_one_host_fails),
        cmocka_unit_test(locks_that_do_not_hold_are_told),
        cmocka_unit_test_prestate(real_ranks_find_the_folder, &par),
        cmocka_unit_test_prestate(real_ranks_miss_a_folder_of_another, &par),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    par_stop(&par);
    return failed;
}
