// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/report.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"
#include "diagnostics/report_section.h"

#include <stdlib.h>

/* In the order in which a reader wants them. */
static const report_section_t *const report_sections[] = {&report_summary,  &report_inferences,
                                                          &report_training, &report_checks,
                                                          &report_pictures, &report_provenance};
enum { REPORT_SECTIONS = sizeof report_sections / sizeof *report_sections };

char *report_verdict(const report_t *report)
{
    const gate_record_t *g = report->gate;
    if (g == NULL)
        return mem_format("Trained, not checked yet: the amortizer may not judge real data before "
                          "`infermill diagnose`.");
    if (g->passed)
        return mem_format("Passed: on %ld simulated data sets the posteriors of all %d parameters "
                          "are calibrated within the limits. The amortizer may judge real data.",
                          (long)g->rows, g->n_parameters);
    return mem_format("Not passed: the amortizer should not judge real data yet.");
}

static err_t report_page(const report_t *r, page_format_t format, const char *folder,
                         const char *name)
{
    page_t page = page_begin(format, folder, r->study);
    for (int i = 0; i < REPORT_SECTIONS; i++) {
        const report_section_t *section = report_sections[i];
        if (!section->there(r))
            continue;
        if (section->heading != NULL)
            page_heading(&page, section->heading);
        section->page(r, &page);
    }
    text_t text;
    TRY(page_finish(&page, &text));
    char *path = mem_format("%s/%s", folder, name);
    err_t err = file_replace(path, text.length, text.data);
    free(path);
    text_free(&text);
    return err;
}

static err_t report_json(const report_t *r, const char *folder)
{
    json_t *root = json_object();
    json_object_set_new(root, "study", json_string(r->study));
    for (int i = 0; i < REPORT_SECTIONS; i++) {
        const report_section_t *section = report_sections[i];
        json_object_set_new(root, section->name,
                            section->there(r) ? section->json(r) : json_null());
    }
    char *path = mem_format("%s/report.json", folder);
    err_t err = json_write(path, root);
    free(path);
    json_decref(root);
    return err;
}

err_t report_write(const char *folder, const report_t *report)
{
    TRY(report_page(report, PAGE_HTML, folder, "report.html"));
    TRY(report_page(report, PAGE_MARKDOWN, folder, "report.md"));
    return report_json(report, folder);
}
