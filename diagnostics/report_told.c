// SPDX-License-Identifier: Apache-2.0
// Whether a classifier tells the truth from posterior draws, and how much the summaries know of the parameters.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

/* A right posterior alarms in one of a hundred diagnoses; and the effect must be one that matters. */
#define TOLD_P     0.01
#define TOLD_SHARE 0.55

bool report_told_found(const report_told_t *t)
{
    return t->data_sets > 0 && t->p < TOLD_P && t->share > TOLD_SHARE;
}

char *report_told_words(const report_told_t *t)
{
    return mem_format("A classifier that sees the data tells the true parameters from a posterior "
                      "draw in %.0f of "
                      "100 cases (50 is guessing; standard error %.1f, p = %.2g)%s",
                      100 * t->share, 100 * t->error, t->p,
                      report_told_found(t)
                          ? ": given the data, these posteriors are wrong, even where ranks and "
                            "coverage are right on average."
                          : ": it finds nothing wrong with them.");
}

static json_t *told_json(const report_t *r)
{
    const report_told_t *t = r->told;
    if (t == NULL || t->data_sets == 0)
        return NULL;
    char *words = report_told_words(t);
    json_t *object = json_object(), *known = json_array();
    for (int k = 0; k < t->n_known; k++)
        json_array_append_new(known, json_number_or_null(t->known[k]));
    json_object_set_new(object, "words", json_string(words));
    json_object_set_new(object, "found", json_boolean(report_told_found(t)));
    json_object_set_new(object, "data_sets", json_integer(t->data_sets));
    json_object_set_new(object, "parameters", json_integer(t->parameters));
    json_object_set_new(object, "told", json_number_or_null(t->share));
    json_object_set_new(object, "told_error", json_number_or_null(t->error));
    json_object_set_new(object, "told_p", json_number_or_null(t->p));
    json_object_set_new(object, "canonical_correlations", known);
    json_object_set_new(object, "canonical_chance", json_number_or_null(t->chance));
    free(words);
    return object;
}

static void told_known(const json_t *self, page_t *page)
{
    json_t *known = json_object_get(self, "canonical_correlations");
    size_t n = json_array_size(known);
    text_t words = text_create();
    for (size_t k = 0; k < n && k < 10; k++)
        text_add_item(&words, page_number(json_number_value(json_array_get(known, k))).text);
    char *line = mem_format(
        "How much the learned summaries know of the parameters (canonical correlations; 1 is all, "
        "chance alone gives up to %s): %s%s.",
        page_number(json_number(self, "canonical_chance")).text, words.data, n > 10 ? ", ..." : "");
    if (n > 0)
        page_note(page, line);
    free(line);
    text_free(&words);
}

static void told_page(const json_t *self, page_t *page)
{
    bool found = json_is_true(json_object_get(self, "found"));
    page_verdict(page, found ? RATING_POOR : RATING_GOOD, json_text(self, "words"), 0, NULL);
    told_known(self, page);
}

const report_section_t report_told = {.name = "told_apart",
                                      .heading = "Can the truth be told from posterior draws?",
                                      .kept = true,
                                      .json = told_json,
                                      .page = told_page};
