/* SPDX-License-Identifier: Apache-2.0
 *
 * The posteriors of real data sets in a few numbers, for the terminal and the report. D parameters as they are declared: of an
 * array each number is the mean over its values (the draws of all values are in the posterior file).
 */
#ifndef COORDINATOR_INFERRED_H
#define COORDINATOR_INFERRED_H

#include "coordinator/doubt.h"
#include "diagnostics/misfit.h"
#include "diagnostics/report.h"
#include "storage/posterior_file.h"

typedef struct {
    report_inferred_t table;        // points into what follows and into the head
    double *mean, *sd, *low, *high; // (N, D)
    int *values;                    // (D) of each parameter; 1: no array
    const char **names;             // (D), of the head
    char **labels;                  // (D), owned: "image, means of 784 values"
    char **verdict;                 // (N), owned
    double *distance, *p;           // (N) of the distance; NaN: there is none
    bool *refused;                  // (N)
    int64_t *length;                // (N)
    int64_t accepted, unusual;
    int64_t beyond, leaning; // data that the prior never produces; posteriors that lean on its edge
    misfit_t misfit;         // of all that are accepted; filled in by whoever has the references
} inferred_t;

/* Reads all sealed blocks; `head` must outlive the result, `doubt` goes into the verdicts. Not collective. */
err_t inferred_read(const char *folder, const posterior_head_t *head, const doubt_t *doubt,
                    inferred_t *out) ERR_MUST_CHECK;
void inferred_free(inferred_t *r);
/* A table on stdout: mean, sd and 95 % interval of each parameter, a line a data set (the first 40), the counts, and whether
 * they look like simulated ones. */
void inferred_print(const inferred_t *r);
void inferred_print_json(const inferred_t *r);

#endif
