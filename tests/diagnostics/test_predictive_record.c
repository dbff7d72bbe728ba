// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive_record.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/markup.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPLICATES = 40, LENGTH = 30, MOST = 24 };
static const char JSON[] = "predictive_test.json", CSV[] = "predictive_test.csv";

static const predictive_field_t field = {"y, \"raw\"", PREDICTIVE_SET, LENGTH, 1};

/* A data set of standard normals; the first of its values is `first`. */
static predictive_check_t check_of(uint64_t index, float first, int64_t failed)
{
    float x[REPLICATES + 1][LENGTH];
    const float *at[REPLICATES + 1];
    int64_t n = LENGTH;
    predictive_set_t set[REPLICATES + 1];
    rng_t r = rng_at(5, RNG_CHECK, index);
    rng_fill_normal_f32(&r, (REPLICATES + 1) * LENGTH, x[0]);
    x[0][0] = first;
    for (int i = 0; i <= REPLICATES; i++) {
        at[i] = x[i];
        set[i] = (predictive_set_t){&n, &at[i]};
    }
    return predictive_check(1, &field, &set[0], REPLICATES - failed, set + 1, failed);
}

typedef struct {
    predictive_record_t record;
    predictive_check_t checks[MOST];
    const char *ids[MOST];
} world_t;

/* n data sets, the first `unlike` of which have an outlier. */
static void world_fill(world_t *w, int64_t n, int64_t unlike)
{
    *w = (world_t){.record = {.study = "études",
                              .weights = "9f3c21ab",
                              .stamp = "stamp 1",
                              .simulations = REPLICATES,
                              .n_observables = 1,
                              .fields = &field,
                              .n = n}};
    for (int64_t i = 0, k = 0; i < n; k++) {
        w->checks[i] = check_of((uint64_t)k, i < unlike ? 60 : 0, 0);
        if (w->checks[i].reproduced == (i >= unlike))
            w->ids[i++] = "p, 1";
        else
            predictive_check_free(&w->checks[i]);
    }
    w->record.ids = w->ids;
    w->record.checks = w->checks;
}

static void world_free(world_t *w)
{
    for (int64_t i = 0; i < w->record.n; i++)
        predictive_check_free(&w->checks[i]);
}

static void say(int64_t n, int64_t unlike, const char *expected)
{
    world_t w;
    world_fill(&w, n, unlike);
    char *words = predictive_record_words(&w.record);
    if (strstr(words, expected) == NULL)
        fail_msg("\"%s\" is not in: %s", expected, words);
    free(words);
    world_free(&w);
}

static void words_count_data_sets_against_chance(void **state)
{
    (void)state;
    say(20, 0,
        "20 of 20 data sets are reproduced by the model with parameters of their posteriors.");
    say(20, 1, "19 of 20 data sets are reproduced");
    say(20, 1, "; 1 is not (by chance alone, about 1.0).");
    say(20, 6,
        "; 6 are not, where chance alone gives about 1.0: the model does not describe such data.");
    say(1, 0, "The data set is reproduced");
    say(1, 1, "The data set is not reproduced");
    say(0, 0, "no data set has a posterior");
}

static void what_was_not_checked_says_why(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, 0, 0);
    w.record.not_checked = "no such file";
    char *words = predictive_record_words(&w.record);
    assert_string_equal(words, "Not checked: no such file.");
    free(words);
    w.record.not_checked = NULL;
    w.record.n = 2;
    w.ids[0] = w.ids[1] = "p";
    w.checks[0] = check_of(0, 0, 0);
    w.checks[1] = check_of(1, 0, REPLICATES - 3);
    words = predictive_record_words(&w.record);
    assert_non_null(strstr(words, "1 could not be checked: too many of their simulations failed"));
    free(words);
    world_free(&w);
}

static void files_hold_every_number(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, 2, 1);
    assert_int_equal(predictive_record_write(&w.record, JSON, CSV), OK);
    assert_true(predictive_record_has(JSON, "stamp", "stamp 1"));
    assert_false(predictive_record_has(JSON, "stamp", "stamp 2"));
    json_t *root;
    assert_int_equal(predictive_record_read(JSON, &root), OK);
    json_t *set = json_array_get(json_object_get(root, "data_sets"), 0),
           *tests = json_object_get(set, "statistics"), *last = json_array_get(tests, 6);
    assert_true(json_is_false(json_object_get(set, "reproduced")));
    assert_int_equal(json_array_size(tests), 7);
    assert_string_equal(json_string_value(json_object_get(last, "statistic")), "maximum");
    assert_true(json_number_value(json_object_get(last, "observed")) == 60);
    assert_int_equal(json_integer_value(json_object_get(last, "below")), REPLICATES);
    assert_true(json_number_value(json_object_get(last, "p")) == 0);
    const char *advice = json_string_value(json_array_get(json_object_get(root, "advice"), 0));
    assert_non_null(strstr(advice, "heavier tails"));
    json_decref(root);
    text_t csv;
    assert_int_equal(file_read(CSV, &csv), OK);
    assert_non_null(strstr(csv.data, "\n\"p, 1\",\"y, \"\"raw\"\"\",maximum,1,60,"));
    text_free(&csv);
    world_free(&w);
    unlink(JSON);
    unlink(CSV);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    json_t *root;
    assert_true(err_is(predictive_record_read("no_such.json", &root), ERR_MISSING));
    assert_false(predictive_record_has("no_such.json", "stamp", ""));
    static const char *const texts[] = {"", "{", "[]", "{\"format\": \"infermill-gate-1\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(file_replace(JSON, strlen(texts[i]), texts[i]), OK);
        assert_true(err_is(predictive_record_read(JSON, &root), ERR_FORMAT));
        assert_null(root);
        assert_false(predictive_record_has(JSON, "stamp", ""));
    }
    unlink(JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_count_data_sets_against_chance),
        cmocka_unit_test(what_was_not_checked_says_why),
        cmocka_unit_test(files_hold_every_number),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
