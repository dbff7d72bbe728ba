// SPDX-License-Identifier: Apache-2.0
// Whether the model with its posteriors produces data like the real ones.
#include "diagnostics/report_section.h"

#include "diagnostics/json.h"

#include <stdlib.h>

enum { PREDICTIVE_SHOWN = 50 }; // data sets in the table; of more, those that are not reproduced

static const char *const predictive_members[] = {"not_checked", "words", "simulations", "advice",
                                                 "picture"};
static const char *const set_members[] = {"id",         "reproduced", "p_value",
                                          "replicates", "failed",     "words"};

static void copy_members(const json_t *from, size_t n, const char *const *names, json_t *to)
{
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(from, names[i]);
        if (value != NULL)
            json_object_set(to, names[i], value);
    }
}

static json_t *predictive_json(const report_t *r)
{
    if (r->predictive == NULL)
        return NULL;
    json_t *object = json_object(), *shown = json_array(),
           *sets = json_object_get(r->predictive, "data_sets");
    bool all = json_array_size(sets) <= PREDICTIVE_SHOWN;
    copy_members(r->predictive, sizeof predictive_members / sizeof *predictive_members,
                 predictive_members, object);
    for (size_t i = 0; i < json_array_size(sets) && json_array_size(shown) < PREDICTIVE_SHOWN;
         i++) {
        const json_t *set = json_array_get(sets, i);
        if (!all && json_is_true(json_object_get(set, "reproduced")))
            continue;
        json_t *copy = json_object();
        copy_members(set, sizeof set_members / sizeof *set_members, set_members, copy);
        json_array_append_new(shown, copy);
    }
    json_object_set_new(object, "data_sets", shown);
    return object;
}

static void predictive_table(const json_t *sets, page_t *page)
{
    static const page_column_t columns[] = {
        {"Data set", false}, {"p", true}, {"What the simulations say", false}};
    if (json_array_size(sets) == 0)
        return;
    page_table(page, 3, columns);
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *set = json_array_get(sets, i), *p = json_object_get(set, "p_value");
        page_cell(page, json_text(set, "id"));
        if (json_is_number(p))
            page_cell_number(page, json_number_value(p));
        else
            page_cell(page, "n/a");
        page_cell_toned(
            page, json_is_true(json_object_get(set, "reproduced")) ? RATING_GOOD : RATING_POOR,
            json_text(set, "words"));
    }
    page_table_end(page);
}

static rating_t predictive_rating(const json_t *self)
{
    const json_t *sets = json_object_get(self, "data_sets");
    rating_t worst = json_array_size(sets) > 0 ? RATING_GOOD : RATING_FAIR;
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *reproduced = json_object_get(json_array_get(sets, i), "reproduced");
        if (!json_is_true(reproduced))
            worst = json_is_false(reproduced) || worst == RATING_POOR ? RATING_POOR : RATING_FAIR;
    }
    return worst;
}

static void predictive_page(const json_t *self, page_t *page)
{
    int n;
    const char **advice = json_texts(json_object_get(self, "advice"), &n);
    page_verdict(page, predictive_rating(self), json_text(self, "words"), n, advice);
    free(advice);
    predictive_table(json_object_get(self, "data_sets"), page);
    if (json_text(self, "picture")[0] != '\0')
        page_picture(
            page, json_text(self, "picture"), "Posterior predictive check",
            "Observed data beside what is simulated from their posteriors. A dark curve "
            "should run inside the blue areas, which hold 50 % and 90 % of the simulations "
            "at each place; about one place in ten is outside by chance (orange). An "
            "observed image should look like one more of its simulations.",
            "Observed data sets over what the model simulates from their posteriors.");
    if (json_array_size(json_object_get(self, "data_sets")) > 0)
        page_note(page,
                  "Each data set is simulated again from draws of its posterior, with its own "
                  "design. p is the chance of a statistic as far out as the farthest one, "
                  "among all statistics that are compared; below 0.05 the data set is called "
                  "not reproduced. All statistics are in predictive.csv.");
}

const report_section_t report_predictive = {.name = "predictive",
                                            .heading = "Does the model produce such data?",
                                            .json = predictive_json,
                                            .page = predictive_page};
