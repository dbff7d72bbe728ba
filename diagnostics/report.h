/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of a study: report.md, report.html (one self-contained file, pictures inside) and report.json, with the same
 * content: the verdict in words first, then a section for each thing there is to say (report_section.h).
 */
#ifndef DIAGNOSTICS_REPORT_H
#define DIAGNOSTICS_REPORT_H

#include "cluster/err.h"
#include "diagnostics/gate.h"
#include "diagnostics/history.h"
#include "diagnostics/rating.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *file;    // name inside the report's folder: "recovery.png"
    const char *title;   // "Recovery"
    const char *reading; // a sentence on how to read it; NULL: that of report_reading(file)
} report_picture_t;
/* How to read the pictures of figures.h, by file name; "" for others. */
const char *report_reading(const char *file);

/* Posteriors of real data sets, (N, D) row-major. */
typedef struct {
    int64_t n;
    int d;
    const char *const *ids;      // (N)
    const char *const *names;    // (D)
    const double *mean, *sd;     // (N, D); NaN where there is no posterior
    const double *low, *high;    // (N, D) central 95 % interval
    const char *const *verdicts; // (N): "accepted", or why there is no posterior or why to doubt it
} report_inferred_t;

/* Everything is borrowed; what is NULL (or NAN, or 0 rows) is left out of the report. */
typedef struct {
    const char *study, *model, *created; // created: date and time as text
    const gate_record_t *gate;           // verdict and metrics; NULL: trained, not checked yet
    ratings_t ratings;                   // where one rating ends and the next begins
    const history_verdict_t *training;
    double training_seconds; // NAN: unknown
    int64_t training_rows;
    const char *hosts; // "4 ranks on node7 (AMD EPYC ...)"
    int n_pictures;
    const report_picture_t *pictures;
    const report_inferred_t *inferred;
} report_t;

/* Writes the three files into `folder`, where the pictures are. ERR_MISSING: a picture is not there. ERR_IO. */
err_t report_write(const char *folder, const report_t *report) ERR_MUST_CHECK;

/* The verdict in a sentence, as all three begin; the caller frees it. */
char *report_verdict(const report_t *report);

#endif
