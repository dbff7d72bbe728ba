/* SPDX-License-Identifier: Apache-2.0
 *
 * The three formats of a report, for report.c: each appends the whole report to `out`.
 */
#ifndef DIAGNOSTICS_REPORT_PARTS_H
#define DIAGNOSTICS_REPORT_PARTS_H

#include "diagnostics/report.h"
#include "diagnostics/markup.h"

void report_markdown(const report_t *report, text_t *out);
/* Reads the pictures from `folder`. */
err_t report_html(const char *folder, const report_t *report, text_t *out) ERR_MUST_CHECK;
err_t report_json(const char *path, const report_t *report) ERR_MUST_CHECK;

/* Rows of the provenance table: name and value as text. */
enum { FACTS_CAP = 16 };
typedef struct {
    int n;
    const char *name[FACTS_CAP];
    char *value[FACTS_CAP];
} facts_t;
facts_t report_facts(const report_t *report);
void report_facts_free(facts_t *facts);

/* What a number looks like in a table: "0.034", a true minus, "n/a" for NaN. */
typedef struct {
    char text[32];
} cell_t;
cell_t report_cell(
    double x); // 3 digits after the point for sizes around 1, 3 significant ones elsewhere

#endif
