/* SPDX-License-Identifier: Apache-2.0
 *
 * What a study must not ask for, told before anything is computed: settings that do not fit together, and settings under
 * which a result could not be believed (too few held-out data sets, nothing left to train on). A message says what was
 * got, what is expected, and what to write instead.
 */
#ifndef COORDINATOR_STUDY_CHECK_H
#define COORDINATOR_STUDY_CHECK_H

#include "coordinator/study.h"

enum {
    STUDY_FEWEST_VALIDATION = 32, // rows held back; fewer do not tell an early stop from chance
    STUDY_FEWEST_DATASETS =
        200 // of `diagnose`; fewer do not tell a wrong posterior from a right one
};

/* Fills what follows from other settings (train.slices, model.timeout_seconds). `root` is for the line numbers.
 * ERR_USAGE. */
err_t study_check(study_t *study, yaml_node_ref_t root) ERR_MUST_CHECK;

/* "500ms", "30s", "5m", "2h" in seconds; 0: it is none. */
double study_duration(const char *text);
/* Whether enough rows are left to train on, where the bank has told how many a declared model has. ERR_USAGE. */
err_t study_check_rows(const study_t *study) ERR_MUST_CHECK;

#endif
