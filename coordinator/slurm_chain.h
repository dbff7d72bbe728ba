/* SPDX-License-Identifier: Apache-2.0
 *
 * A study as Slurm jobs that wait for each other: simulate, train, diagnose, with `refine:` in the study the hub and an array of
 * workers, and infer where the study has data. One folder below the results holds what they need:
 *     stage.sbatch    what each job runs (cluster/slurm); left as it is where it was edited
 *     jobs            a line a job that was submitted: its number, its stage
 *     STAGE.log       what the jobs say; keys/, hub: of a refinement
 * Nothing here is collective.
 */
#ifndef COORDINATOR_SLURM_CHAIN_H
#define COORDINATOR_SLURM_CHAIN_H

#include "cluster/err.h"
#include "cluster/text.h"
#include "coordinator/study.h"

/* Texts are borrowed; NULL: sbatch decides. */
typedef struct {
    const study_t *study;
    const char *path;                                       // of the study
    const char *out;                                        // folder of results, NULL: the study's
    const char *partition, *nodes, *tasks, *time, *account; // of each job; tasks: ranks a node
    const char *more; // further options of sbatch with blanks between them
    int64_t workers;  // streaming workers of a refinement
    bool dry;         // write the script, show the commands
} slurm_request_t;

/* Writes stage.sbatch and submits the chain; a line for each job goes to stdout. ERR_LOCKED while jobs of an earlier chain wait or
 * run; ERR_MISSING without sbatch, and what was written is named; ERR_IO where sbatch refuses: jobs that were submitted before are
 * cancelled. */
err_t slurm_chain_submit(const slurm_request_t *request) ERR_MUST_CHECK;

/* Cancels those jobs of the study's chain that wait or run; they save what they have. `folder` is that of the results. */
err_t slurm_chain_cancel(const char *folder) ERR_MUST_CHECK;

/* One line for each job that was submitted, with its state by squeue ("-" once Slurm has forgotten it); empty where nothing was
 * submitted, or squeue is not there. */
err_t slurm_chain_states(const char *folder, text_t *lines) ERR_MUST_CHECK;

#endif
