/* SPDX-License-Identifier: Apache-2.0
 *
 * `infermill run --auto`: simulate, train, diagnose; where the gate does not pass, the first advice that is one setting
 * and fits the budget is taken, and all begins again with it (the bank grows, rows that are there stay), until the gate
 * passes, or budget or advice are used up.
 *
 *     auto.json        {"format", "study": xxh3 of the study's text, "decisions": [{"round", "weights", "rule", "reason",
 *                      "what", "settings", "seconds", "passed_over": [...]}], "seconds", "end"}
 *     study-auto.yaml  the study with the settings reached, to copy beside the study's own file
 *
 * The study file is never changed. A run that was stopped or killed goes on: the decisions of auto.json are applied again,
 * and each stage does what is missing; decisions follow from the numbers alone, but for those that a budget of time
 * forbids. Another study text begins anew.
 */
#ifndef COORDINATOR_AUTO_H
#define COORDINATOR_AUTO_H

#include "coordinator/job.h"

typedef struct {
    int64_t rows;   // of the bank, at most; 0: no limit
    double seconds; // of all rounds together; 0: no limit
} auto_budget_t;

/* What the command line and the study allow. ERR_USAGE where neither sets a limit, or a time makes no sense. */
err_t auto_budget(const options_t *options, const study_t *study,
                  auto_budget_t *out) ERR_MUST_CHECK;

/* Leaves job->study with the settings reached. OK: the gate passes. ERR_GATE: it does not, and why nothing more was tried.
 * ERR_STOPPED also where the time is used up within a stage: the same command with more goes on. `did` as in job.h.
 * Collective. */
err_t job_auto(job_t *job, const auto_budget_t *budget, bool *did) ERR_MUST_CHECK;

#endif
