// SPDX-License-Identifier: Apache-2.0
// What `infermill run --auto` decided, and why.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *auto_json(const report_t *r)
{
    return r->automatic ? json_deep_copy(r->automatic) : NULL;
}

static char *auto_change(const json_t *settings)
{
    const char *key;
    json_t *value;
    text_t text = text_create();
    json_object_foreach((json_t *)settings, key, value)
    {
        char *item = mem_format("%s: %s", key, json_string_value(value));
        text_add_item(&text, item);
        free(item);
    }
    return text.data;
}

static void auto_page(const json_t *self, page_t *page)
{
    static const page_column_t columns[] = {
        {"Round", false}, {"What was found", false}, {"What was changed", false}, {"After", true}};
    json_t *decisions = json_object_get(self, "decisions");
    page_paragraph(page, "infermill run --auto followed the advice of the report, round by round. "
                         "The study file was not changed; study-auto.yaml holds the settings "
                         "reached.");
    if (json_array_size(decisions) > 0)
        page_table(page, 4, columns);
    for (size_t i = 0; i < json_array_size(decisions); i++) {
        const json_t *d = json_array_get(decisions, i);
        char *change = auto_change(json_object_get(d, "settings"));
        page_cell(page, page_count(json_whole(d, "round")).text);
        page_cell(page, json_text(d, "reason"));
        page_cell(page, change);
        page_cell(page, page_duration(json_number(d, "seconds")).text);
        free(change);
    }
    if (json_array_size(decisions) > 0)
        page_table_end(page);
    if (json_text(self, "end")[0] != '\0') {
        char *words =
            mem_format("It ended after %s, since %s.",
                       page_duration(json_number(self, "seconds")).text, json_text(self, "end"));
        page_paragraph(page, words);
        free(words);
    }
}

const report_section_t report_auto = {
    .name = "auto", .heading = "What was tried", .json = auto_json, .page = auto_page};
