/* SPDX-License-Identifier: Apache-2.0
 *
 * A section of the report: what it says on a page (Markdown and HTML are pages, page.h) and what it is in report.json.
 * To add one: a member of report_t with what it is about, a file report_<name>.c with its constant, the constant below
 * and in the list of report.c.
 */
#ifndef DIAGNOSTICS_REPORT_SECTION_H
#define DIAGNOSTICS_REPORT_SECTION_H

#include "diagnostics/page.h"
#include "diagnostics/report.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct {
    const char *name;    // of its member of report.json; null there when it has nothing to say
    const char *heading; // NULL: none
    bool (*there)(const report_t *report); // whether it has something to say
    void (*page)(const report_t *report, page_t *page);
    json_t *(*json)(const report_t *report); // a new reference
} report_section_t;

extern const report_section_t report_summary, report_inferences, report_training, report_checks,
    report_pictures, report_provenance;

#endif
