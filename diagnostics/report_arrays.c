// SPDX-License-Identifier: Apache-2.0
// Parameters that are arrays: what the medians of the summary do not say.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/gate_array.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *arrays_json(const report_t *r)
{
    json_t *list = r->gate != NULL ? gate_arrays_json(r->gate) : NULL;
    for (size_t k = 0; k < json_array_size(list); k++) {
        char *words = gate_array_words(r->gate, (int)k);
        json_object_set_new(json_array_get(list, k), "words", json_string(words));
        free(words);
    }
    return list;
}

static void arrays_page(const json_t *self, page_t *page)
{
    int n = (int)json_array_size(self);
    const char **lines = MEM_NEW(const char *, n + 1);
    page_paragraph(page, "An array counts as one parameter: its numbers are medians over its "
                         "values. metrics.csv holds those of each value; pictures with a panel a "
                         "parameter show some of the values, from the best calibrated to the "
                         "worst.");
    for (int k = 0; k < n; k++)
        lines[k] = json_text(json_array_get(self, (size_t)k), "words");
    page_list(page, n, lines);
    free(lines);
}

const report_section_t report_arrays = {
    .name = "arrays", .heading = "Arrays", .json = arrays_json, .page = arrays_page};
