// SPDX-License-Identifier: Apache-2.0
// The verdict, and each parameter in a line of words.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"

#include <stdlib.h>

static bool summary_there(const report_t *r)
{
    (void)r;
    return true;
}

static void summary_parameters(const report_t *r, page_t *page)
{
    const gate_record_t *g = r->gate;
    char **lines = MEM_NEW(char *, g->n_parameters);
    for (int k = 0; k < g->n_parameters; k++)
        lines[k] = rating_words(&r->ratings, g->parameters[k].name, &g->parameters[k].metrics);
    page_list(page, g->n_parameters, (const char *const *)lines);
    for (int k = 0; k < g->n_parameters; k++)
        free(lines[k]);
    free(lines);
}

static void summary_page(const report_t *r, page_t *page)
{
    const gate_record_t *g = r->gate;
    char *verdict = report_verdict(r);
    rating_t rating = g == NULL ? RATING_FAIR : g->passed ? RATING_GOOD : RATING_POOR;
    page_verdict(page, rating, verdict, g ? g->n_reasons : 0,
                 g ? (const char *const *)g->reasons : NULL);
    free(verdict);
    if (g != NULL)
        summary_parameters(r, page);
}

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
    json_object_set_new(object, "parameters", words);
    free(verdict);
    return object;
}

const report_section_t report_summary = {
    .name = "verdict", .there = summary_there, .page = summary_page, .json = summary_json};
