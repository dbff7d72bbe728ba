/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank's copy on each node that trains (train.stage of the study; storage/stage.h). Weights are the same with it.
 */
#ifndef COORDINATOR_TRAINING_STAGE_H
#define COORDINATOR_TRAINING_STAGE_H

#include "coordinator/job.h"
#include "storage/stage.h"

typedef struct {
    stage_t *stage; // on the first rank of a node
    char *folder;   // where the ranks of this node read the bank
    bool keep;
} training_stage_t;

/* Copies the study's bank to each node; a node without room reads the bank where it lies, with a warning. ERR_USAGE:
 * train.stage names a variable that is not set; ERR_FORMAT: the bank is damaged. Collective. */
err_t training_stage_open(const job_t *job, training_stage_t *out) ERR_MUST_CHECK;
/* Once no rank reads any more. Collective. */
void training_stage_close(const par_t *par, training_stage_t *stage);
/* A text with its $NAME and ${NAME} replaced by variables of the environment. ERR_USAGE; the caller frees it. */
err_t training_stage_expand(const char *text, char **out) ERR_MUST_CHECK;

#endif
