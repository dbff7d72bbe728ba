/* SPDX-License-Identifier: Apache-2.0
 *
 * A section of the report. It is made once, as its member of report.json, and its page (Markdown and HTML are pages,
 * page.h) is written from that, so that all three say the same. To add one: a member of report_t with what it is about, a
 * file report_<name>.c with its constant, the constant below and in the list of report.c.
 *
 * Stages that run later (infer, a second diagnose) write the report anew and do not know all that earlier ones knew. What
 * a section that is `kept` said of the same weights stays then.
 */
#ifndef DIAGNOSTICS_REPORT_SECTION_H
#define DIAGNOSTICS_REPORT_SECTION_H

#include "diagnostics/page.h"
#include "diagnostics/report.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct {
    const char *name;    // of its member of report.json; null there: nothing to say
    const char *heading; // NULL: none
    bool kept;           // from an earlier report about the same weights
    json_t *(*json)(const report_t *report); // a new reference, or NULL: nothing to say
    void (*page)(const json_t *self, page_t *page);
} report_section_t;

extern const report_section_t report_summary, report_arrays, report_next, report_auto, report_model,
    report_inferences, report_misfit, report_budget, report_training, report_checks,
    report_pictures, report_failures, report_reproduce, report_predictive;
extern const report_section_t report_told, report_refine;

#endif
