/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the results of a study lie: one folder beside the study file, named by the study's slug.
 *     amortizer.h5 checkpoint.h5 history.json loss.png held_out.h5 metrics.csv *.png report.md report.html report.json
 *     gate.json posterior.h5 log auto.json study-auto.yaml
 *     simulator-<rank>.log (what a command simulator says on stderr)
 */
#ifndef COORDINATOR_RUN_FOLDER_H
#define COORDINATOR_RUN_FOLDER_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "coordinator/study.h"

/* The folder's path (not made yet); `out` overrides the default and may be NULL. The caller frees it. */
char *run_folder_path(const study_t *study, const char *out);
/* Makes it, and opens its log on rank 0. Collective. */
err_t run_folder_open(const par_t *par, const char *folder) ERR_MUST_CHECK;
/* "folder/name"; the caller frees it. */
char *run_folder_file(const char *folder, const char *name);
bool file_exists(const char *path);

/* Version, BLAS kernel and CPU in one line, for provenance. The caller frees it. */
char *software_text(void);

#endif
