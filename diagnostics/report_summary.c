// SPDX-License-Identifier: Apache-2.0
// The verdict, and each parameter in a line of words.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *summary_json(const report_t *r)
{
    const gate_record_t *g = r->gate;
    char *verdict = report_verdict(r);
    json_t *object = json_object(), *reasons = json_array(), *words = json_array();
    for (int i = 0; g != NULL && i < g->n_reasons; i++)
        json_array_append_new(reasons, json_string(g->reasons[i]));
    for (int k = 0; g != NULL && k < g->n_parameters; k++) {
        char *line = rating_words(&r->ratings, g->parameters[k].name, &g->parameters[k].metrics);
        json_array_append_new(words, json_string(line));
        free(line);
    }
    json_object_set_new(object, "checked", json_boolean(g != NULL));
    json_object_set_new(object, "passed", json_boolean(g != NULL && g->passed));
    json_object_set_new(object, "words", json_string(verdict));
    json_object_set_new(object, "reasons", reasons);
    json_object_set_new(object, "remark", json_string(g ? g->remark : ""));
    json_object_set_new(object, "parameters", words);
    free(verdict);
    return object;
}

static void summary_page(const json_t *self, page_t *page)
{
    int n;
    const char **reasons = json_texts(json_object_get(self, "reasons"), &n);
    rating_t rating = !json_flag(self, "checked") ? RATING_FAIR
                      : json_flag(self, "passed") ? RATING_GOOD
                                                  : RATING_POOR;
    page_verdict(page, rating, json_text(self, "words"), n, reasons);
    free(reasons);
    const char **lines = json_texts(json_object_get(self, "parameters"), &n);
    page_list(page, n, lines);
    free(lines);
    if (json_text(self, "remark")[0] != '\0')
        page_paragraph(page, json_text(self, "remark"));
}

const report_section_t report_summary = {
    .name = "verdict", .json = summary_json, .page = summary_page};
