// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_plan.h"

#include "cluster/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

static study_t read_study(const char *lines)
{
    char *text = mem_format("study: a\nmodel: {builtin: ddm}\n%s\n", lines);
    study_t study;
    if (study_parse(text, "a.yaml", &study) != OK)
        fail_msg("%s", err_text());
    free(text);
    return study;
}

/* 64 rows in 4 slices of 16: 8 of the bank, 8 fresh. A chunk of 1000 has 250 rows a slice, used twice: 63 steps of 8. */
static void steps_follow_from_the_settings(void **state)
{
    (void)state;
    study_t study = read_study("refine: {rows: 9500, rounds: 3, chunk_rows: 1000}");
    refine_plan_t p = refine_plan(&study);
    assert_int_equal(p.slices, 4);
    assert_int_equal(p.slice_rows, 16);
    assert_int_equal(p.bank_rows, 8);
    assert_int_equal(p.fresh_rows, 8);
    assert_int_equal(p.chunks, 10);
    assert_int_equal(refine_plan_rows(&p, 0), 1000);
    assert_int_equal(refine_plan_rows(&p, 9), 500);
    assert_int_equal(refine_plan_steps(&p, 0), 63);
    assert_int_equal(refine_plan_steps(&p, 9), 32);
    assert_int_equal(p.steps, 9 * 63 + 32);
    assert_int_equal(p.replay.places, 4096);
    study_free(&study);
}

static void rounds_are_whole_chunks_and_end_with_the_last(void **state)
{
    (void)state;
    study_t study = read_study("refine: {rows: 9500, rounds: 3, chunk_rows: 1000}");
    refine_plan_t p = refine_plan(&study);
    assert_int_equal(refine_plan_round_end(&p, 0), 3);
    assert_int_equal(refine_plan_round_end(&p, 1), 6);
    assert_int_equal(refine_plan_round_end(&p, 2), 10);
    study_free(&study);
}

static void a_slice_keeps_a_fresh_row(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        int64_t bank, fresh;
    } cases[] = {{"refine: {rows: 5000, bank_share: 0.99}", 15, 1},
                 {"refine: {rows: 5000, bank_share: 0}", 0, 16},
                 {"refine: {rows: 5000, bank_share: 0.9}\ntrain: {slices: 64}", 0, 1},
                 {"refine: {rows: 5000, bank_share: 0.25}", 4, 12}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        study_t study = read_study(cases[i].lines);
        refine_plan_t p = refine_plan(&study);
        assert_int_equal(p.bank_rows, cases[i].bank);
        assert_int_equal(p.fresh_rows, cases[i].fresh);
        study_free(&study);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_from_the_settings),
        cmocka_unit_test(rounds_are_whole_chunks_and_end_with_the_last),
        cmocka_unit_test(a_slice_keeps_a_fresh_row),
    };
    return cmocka_run_group_tests_name("refine_plan", tests, NULL, NULL);
}
