// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/report.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"
#include "diagnostics/report_section.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which a reader wants them. */
// clang-format off
static const report_section_t *const report_sections[] = {
    &report_summary,
    &report_next,
    &report_auto,
    &report_model,
    &report_inferences,
    &report_misfit,
    &report_predictive,
    &report_budget,
    &report_training,
    &report_refine,
    &report_checks,
    &report_arrays,
    &report_told,
    &report_pictures,
    &report_failures,
    &report_reproduce,
};
// clang-format on
enum { REPORT_SECTIONS = sizeof report_sections / sizeof *report_sections };

static char *passed_words(const gate_record_t *g)
{
    char *whose = g->n_parameters == 1
                      ? mem_format("posterior of %s is", g->parameters[0].name)
                      : mem_format("posteriors of all %d parameters are", g->n_parameters);
    char *words = mem_format("Passed: on %s simulated data sets the %s calibrated within the "
                             "limits. The amortizer may judge real data.",
                             page_count(g->rows).text, whose);
    free(whose);
    return words;
}

char *report_verdict(const report_t *report)
{
    const gate_record_t *g = report->gate;
    if (g == NULL)
        return mem_format("Trained, not checked yet: the amortizer may not judge real data before "
                          "infermill diagnose.");
    if (g->passed)
        return passed_words(g);
    return mem_format("Not passed: the amortizer should not judge real data yet.");
}

/* What lies in the folder, when it is about the same weights; NULL otherwise. */
static json_t *report_earlier(const char *folder, const char *weights)
{
    char *path = mem_format("%s/report.json", folder);
    json_t *root = json_load_file(path, 0, NULL);
    free(path);
    if (root != NULL && (weights == NULL || strcmp(json_text(root, "weights"), weights) != 0)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

static json_t *report_build(const report_t *r, const json_t *earlier)
{
    json_t *root = json_object();
    json_object_set_new(root, "study", json_string(r->study));
    json_object_set_new(root, "weights", json_string(r->weights ? r->weights : ""));
    for (int i = 0; i < REPORT_SECTIONS; i++) {
        const report_section_t *section = report_sections[i];
        json_t *self = section->json(r);
        if (self == NULL && section->kept)
            self = json_incref(json_object_get(earlier, section->name));
        json_object_set_new(root, section->name, self ? self : json_null());
    }
    return root;
}

static err_t report_page(const json_t *root, page_format_t format, const char *folder,
                         const char *name)
{
    page_t page = page_begin(format, folder, json_text(root, "study"));
    for (int i = 0; i < REPORT_SECTIONS; i++) {
        const report_section_t *section = report_sections[i];
        const json_t *self = json_object_get(root, section->name);
        if (json_is_null(self))
            continue;
        if (section->heading != NULL)
            page_heading(&page, section->heading);
        section->page(self, &page);
    }
    text_t text;
    TRY(page_finish(&page, &text));
    char *path = mem_format("%s/%s", folder, name);
    err_t err = file_replace(path, text.length, text.data);
    free(path);
    text_free(&text);
    return err;
}

err_t report_write(const char *folder, const report_t *report)
{
    json_t *earlier = report_earlier(folder, report->weights);
    json_t *root = report_build(report, earlier);
    char *path = mem_format("%s/report.json", folder);
    err_t err;
    TRY_TO(done, report_page(root, PAGE_HTML, folder, "report.html"));
    TRY_TO(done, report_page(root, PAGE_MARKDOWN, folder, "report.md"));
    TRY_TO(done, json_write(path, root));
done:
    free(path);
    json_decref(root);
    json_decref(earlier);
    return err;
}
