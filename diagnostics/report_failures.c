// SPDX-License-Identifier: Apache-2.0
// Simulations that failed or were rejected: how many, where, why.
#include "diagnostics/report_section.h"

#include "diagnostics/json.h"

static json_t *failures_json_of(const report_t *r)
{
    const report_simulations_t *s = r->simulations;
    if (s == NULL)
        return NULL;
    json_t *object = json_object();
    int64_t failed = 0;
    for (int i = 0; i < s->n_outcomes; i++)
        failed += i > 0 ? s->outcome[i].rows : 0;
    json_object_set_new(object, "rows", json_integer(failed));
    json_object_set_new(object, "words", json_string(s->failures ? s->failures : ""));
    return object;
}

static void failures_page(const json_t *self, page_t *page)
{
    if (json_text(self, "words")[0] == '\0')
        page_paragraph(page, "No simulation failed and none was rejected.");
    else
        page_code(page, json_text(self, "words"));
}

const report_section_t report_failures = {.name = "failures",
                                          .heading = "Failures",
                                          .kept = true,
                                          .json = failures_json_of,
                                          .page = failures_page};
