// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_check.h"
#include "coordinator/study_near.h"

#include "cluster/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole message, word for word. */
static void refused(const char *lines, const char *message)
{
    char *text = mem_format("study: a\nmodel: {builtin: ddm}\n%s\n", lines);
    study_t study;
    assert_int_equal(study_parse(text, "a.yaml", &study), -ERR_USAGE);
    assert_string_equal(err_text(), message);
    free(text);
}

static study_t read_study(const char *lines)
{
    char *text = mem_format("study: a\nmodel: {builtin: ddm}\n%s\n", lines);
    study_t study;
    if (study_parse(text, "a.yaml", &study) != OK)
        fail_msg("%s", err_text());
    free(text);
    return study;
}

static void too_few_held_out_data_sets_are_refused(void **state)
{
    (void)state;
    refused("diagnose: {datasets: 150}",
            "a.yaml:3: diagnose.datasets: got 150, expected 200 or more: on fewer held-out data "
            "sets a wrong posterior passes by luck and a right one fails. Leave it out: 300 are "
            "the default");
    refused("diagnose: {minimum_datasets: 10, datasets: 500}",
            "a.yaml:3: diagnose.minimum_datasets: got 10, expected 200 or more: on fewer held-out "
            "data sets a wrong posterior passes by luck and a right one fails. Leave it out: 300 "
            "are the default");
    refused("diagnose: {datasets: 250}",
            "a.yaml:3: diagnose.datasets: got 250, expected 300 or more: the gate does not pass on "
            "fewer than diagnose.minimum_datasets. Ask for datasets: 300, or, where each costs too "
            "much, minimum_datasets: 250");
    study_t study = read_study("diagnose: {datasets: 200, minimum_datasets: 200}");
    assert_int_equal(study.diagnose.datasets, 200);
    study_free(&study);
}

static void ratings_out_of_order_are_refused(void **state)
{
    (void)state;
    refused("diagnose: {ratings: {nrmse_good: 0.2}}",
            "a.yaml:3: diagnose.ratings: nrmse_good is 0.2 and nrmse_fair is 0.15, expected the "
            "first to be the smaller");
}

static void training_without_held_out_rows_is_refused(void **state)
{
    (void)state;
    refused("train: {validation_rows: 0}",
            "a.yaml:3: train.validation_rows: got 0, expected 32 or more: without rows that are "
            "held back nothing tells learning from memorising. Leave it out: 1000 are the default; "
            "of a small bank a tenth");
    refused("bank: {rows: 600}\ntrain: {validation_rows: 600}",
            "a.yaml:4: train.validation_rows: got 600, expected at most half of bank.rows (600), "
            "or little is left to train on: simulate more rows, or hold back fewer");
    refused("bank: {rows: 600}",
            "a.yaml:1: train.validation_rows: got 1000, expected at most half of bank.rows (600), "
            "or little is left to train on: simulate more rows, or hold back fewer");
}

static void a_batch_larger_than_what_is_left_is_refused(void **state)
{
    (void)state;
    refused("bank: {rows: 600}\ntrain: {validation_rows: 100, batch_size: 512}",
            "a.yaml:4: train.batch_size: got 512, expected at most 500, the rows that are left to "
            "train on (bank.rows 600 less train.validation_rows 100): take a smaller batch, or "
            "simulate more rows");
}

static void a_batch_of_any_size_is_cut_evenly(void **state)
{
    (void)state;
    static const struct {
        int64_t batch, slices;
    } known[] = {{1, 1}, {15, 1}, {64, 4}, {100, 5}, {512, 32}, {601, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *lines = mem_format("train: {batch_size: %ld}", (long)known[i].batch);
        study_t study = read_study(lines);
        assert_int_equal(study.train.slices, known[i].slices);
        study_free(&study);
        free(lines);
    }
    refused("train: {batch_size: 64, slices: 3}",
            "a.yaml:3: train.batch_size: got 64, expected a multiple of train.slices (3): change "
            "one of them, or leave slices out");
}

static void a_name_beyond_ascii_keeps_its_letters(void **state)
{
    (void)state;
    study_t study;
    assert_int_equal(study_parse("study: Über alle 2\nmodel: {builtin: ddm}\n", "a.yaml", &study),
                     OK);
    assert_string_equal(study.slug, "Über-alle-2");
    study_free(&study);
}

static void assert_near(const char *path, const char *expected)
{
    char *text = study_near(path);
    assert_string_equal(text, expected);
    free(text);
}

static void the_study_that_was_meant_is_named(void **state)
{
    (void)state;
    char folder[] = "near-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_near("study.yaml", "");
    fclose(fopen("reaction.yaml", "w"));
    fclose(fopen("other.yml", "w"));
    assert_int_equal(mkdir("reaction", 0777), 0);
    assert_int_equal(mkdir("town", 0777), 0);
    fclose(fopen("town/study.yaml", "w"));
    assert_near("raection.yaml", "; did you mean reaction.yaml?");
    assert_near("quite-something.yaml", "");
    assert_near("reaction", "; did you mean reaction.yaml?");
    assert_near("town", "; did you mean town/study.yaml?");
    assert_near("town/any.yaml", "; did you mean town/study.yaml?");
    study_t study;
    assert_int_equal(study_read("town", &study), -ERR_IO);
    assert_string_equal(err_text(), "study file town: it is a folder, expected a study in YAML; "
                                    "did you mean town/study.yaml?");
    assert_int_equal(study_read("raection.yaml", &study), -ERR_MISSING);
    assert_string_equal(err_text(), "study file raection.yaml: No such file or directory; did you "
                                    "mean reaction.yaml?");
    const char *const files[] = {"town/study.yaml", "town", "reaction", "reaction.yaml",
                                 "other.yml"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(remove(files[i]), 0);
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void refinement_has_rows_and_a_simulator(void **state)
{
    (void)state;
    refused("refine: {rounds: 4}",
            "a.yaml:3: refine: rows: got 0, expected how many fresh simulations to train on: rows: "
            "20000 "
            "doubles what the offline training has. Without refinement leave `refine` out");
    study_t study;
    assert_int_equal(study_parse("study: a\nmodel: {declaration: m.yaml}\nrefine: {rows: 1000}\n",
                                 "a.yaml", &study),
                     -ERR_USAGE);
    assert_string_equal(err_text(), "a.yaml:3: refine: the model is only declared, so nothing can "
                                    "be simulated: leave the section out, or give the simulator "
                                    "(model: {plugin: FILE})");
}

static void wrong_numbers_of_refinement_are_refused(void **state)
{
    (void)state;
    refused("refine: {rows: 1000, bank_share: 1}",
            "a.yaml:3: refine.bank_share: got 1, expected less than 1: with 1 no fresh row would "
            "be trained on");
    refused("refine: {rows: 600, rounds: 10}",
            "a.yaml:3: refine.rows: got 600, expected 640 or more: each of refine.rounds (10) has "
            "one train.batch_size (64) at least. Simulate more rows, or take fewer rounds");
    refused("refine: {rows: 10000, chunk_rows: 32}",
            "a.yaml:3: refine.chunk_rows: got 32, expected 64 to 1000: one batch at least, and at "
            "most the rows of a round. Leave it out");
    refused("refine: {rows: 10000, chunk_rows: 1001}",
            "a.yaml:3: refine.chunk_rows: got 1001, expected 64 to 1000: one batch at least, and "
            "at most the rows of a round. Leave it out");
    refused("refine: {rows: 20000, look_ahead_rows: 1000}",
            "a.yaml:3: refine.look_ahead_rows: got 1000, expected at least one chunk (1024 rows), "
            "or training would wait for ever. Leave it out: 8 are the default");
    refused("refine: {rows: 20000, reservoir_rows: 1000}",
            "a.yaml:3: refine.reservoir_rows: got 1000, expected at least one chunk (1024 rows). "
            "Leave it out: 16384 are the default");
}

static void refinement_has_defaults_that_fit(void **state)
{
    (void)state;
    study_t none = read_study(""), large = read_study("refine: {rows: 50000}"),
            small = read_study("refine: {rows: 5000, workers: 3}\ntrain: {learning_rate: 0.002}");
    assert_int_equal(none.refine.rows, 0);
    assert_int_equal(large.refine.chunk_rows, 16 * 64);
    assert_int_equal(large.refine.look_ahead_rows, 8 * 16 * 64);
    assert_int_equal(small.refine.chunk_rows, 500);
    assert_float_equal(small.refine.learning_rate, 0.0004, 1e-12);
    char *text = study_refining_text(&small);
    assert_string_equal(text, "refine.rows: 5000\nrefine.rounds: 10\nrefine.bank_share: 0.5\n"
                              "refine.uses: 2\nrefine.chunk_rows: 500\n"
                              "refine.reservoir_rows: 16384\nrefine.learning_rate: 0.0004\n"
                              "refine.order: index\nrefine.seed: 1\n");
    free(text);
    study_free(&none);
    study_free(&large);
    study_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refinement_has_rows_and_a_simulator),
        cmocka_unit_test(wrong_numbers_of_refinement_are_refused),
        cmocka_unit_test(refinement_has_defaults_that_fit),
        cmocka_unit_test(too_few_held_out_data_sets_are_refused),
        cmocka_unit_test(ratings_out_of_order_are_refused),
        cmocka_unit_test(training_without_held_out_rows_is_refused),
        cmocka_unit_test(a_batch_larger_than_what_is_left_is_refused),
        cmocka_unit_test(a_batch_of_any_size_is_cut_evenly),
        cmocka_unit_test(a_name_beyond_ascii_keeps_its_letters),
        cmocka_unit_test(the_study_that_was_meant_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
