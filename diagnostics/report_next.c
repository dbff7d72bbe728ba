// SPDX-License-Identifier: Apache-2.0
// What to do next, the most promising first.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>
#include <string.h>

static json_t *next_one(const advice_t *a)
{
    json_t *object = json_object(), *settings = json_object();
    for (int k = 0; k < a->n_settings; k++)
        json_object_set_new(settings, a->setting[k].key, json_string(a->setting[k].value));
    json_object_set_new(object, "rule", json_string(advice_rule_name(a->rule)));
    json_object_set_new(object, "reason", json_string(a->reason));
    json_object_set_new(object, "what", json_string(a->what));
    json_object_set_new(object, "settings", settings);
    json_object_set_new(object, "automatic", json_boolean(a->automatic));
    return object;
}

static json_t *next_json(const report_t *r)
{
    if (r->advice == NULL)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < r->advice->n; i++)
        json_array_append_new(list, next_one(&r->advice->at[i]));
    return list;
}

/* As it stands in a study: "bank: {rows: 60000}"; an item of a list below its key. */
static char *next_setting(const char *key, const char *value)
{
    const char *dot = strchr(key, '.');
    if (dot == NULL)
        return mem_format(value[0] == '-' ? "%s:\n  %s" : "%s: %s", key, value);
    char *inner = next_setting(dot + 1, value);
    char *words = mem_format("%.*s: {%s}", (int)(dot - key), key, inner);
    free(inner);
    return words;
}

static void next_settings(const json_t *settings, page_t *page)
{
    const char *key;
    json_t *value;
    text_t text = text_create();
    json_object_foreach((json_t *)settings, key, value)
    {
        char *words = next_setting(key, json_string_value(value));
        text_add(&text, "%s\n", words);
        free(words);
    }
    if (text.length > 0)
        page_code(page, text.data);
    text_free(&text);
}

static void next_page(const json_t *self, page_t *page)
{
    if (json_array_size(self) == 0)
        page_paragraph(page, "Nothing: the numbers ask for no change.");
    for (size_t i = 0; i < json_array_size(self); i++) {
        const json_t *advice = json_array_get(self, i);
        char *words =
            mem_format("%zu. %s %s", i + 1, json_text(advice, "reason"), json_text(advice, "what"));
        page_paragraph(page, words);
        free(words);
        next_settings(json_object_get(advice, "settings"), page);
    }
    if (json_array_size(self) > 0)
        page_note(page, "The most promising first. infermill run --auto takes those that are a "
                        "setting, one after the other, within a budget.");
}

const report_section_t report_next = {.name = "next",
                                      .heading = "What to do next",
                                      .kept = true,
                                      .json = next_json,
                                      .page = next_page};
