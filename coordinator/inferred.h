/* SPDX-License-Identifier: Apache-2.0
 *
 * The posteriors of real data sets in a few numbers, for the terminal and the report. D parameters as they are declared: of an
 * array each number is the mean over its values (the draws of all values are in the posterior file).
 */
#ifndef COORDINATOR_INFERRED_H
#define COORDINATOR_INFERRED_H

#include "cluster/text.h"
#include "diagnostics/group_means.h"
#include "diagnostics/histogram.h"
#include "diagnostics/ledger.h"
#include "diagnostics/misfit.h"
#include "diagnostics/report.h"
#include "storage/posterior_file.h"
#include "workers/ladder.h"

typedef struct {
    report_inferred_t table; // points into what follows and into the head
    ledger_t ledger;
    int d;
    int *values;                   // (D) of each parameter; 1: no array
    const char **names;            // (D), of the head
    char **labels;                 // (D), owned: "image, means of 784 values"
    int shown;                     // parameters that population.png has: of the first ones ...
    histogram_t *means, *sds;      // (shown) ... over all accepted
    group_means_t groups;          // of posterior means; n 0: no groups
    const int *group;              // (N) of the head
    double *distance;              // (N); NaN where there is no posterior
    int64_t rung[POSTERIOR_RUNGS]; // data sets whose draws each rung made
    text_t unanswered;             // ids of the first that no rung answered
    report_rung_t
        rungs[POSTERIOR_RUNGS]; // the same, for the report; filled in by inferred_tell_costs
    int64_t beyond, leaning; // data that the prior never produces; posteriors that lean on its edge
    int64_t first_accepted;  // -1: none
    misfit_t misfit;         // of all that are accepted; filled in by whoever has the references
} inferred_t;

/* Goes through all sealed blocks, without their draws; `head` must outlive the result, whose memory grows by 8 bytes a data set. Not
 * collective. */
err_t inferred_read(const char *folder, const posterior_head_t *head,
                    inferred_t *out) ERR_MUST_CHECK;
/* What the rungs cost, for terminal and report. */
void inferred_tell_costs(inferred_t *r, ladder_rungs_t rungs, const ladder_costs_t *costs);
void inferred_free(inferred_t *r);
/* A table on stdout: mean, sd and 95 % interval of each parameter, a line a data set (the first 40), the counts, and whether
 * they look like simulated ones. */
void inferred_print(const inferred_t *r);
/* All data sets as one JSON list on stdout, from the sealed blocks. */
err_t inferred_print_json(const char *folder, const posterior_head_t *head) ERR_MUST_CHECK;

#endif
