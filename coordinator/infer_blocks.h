/* SPDX-License-Identifier: Apache-2.0
 *
 * The posteriors of all data sets, block after block: blocks are lent to ranks (workers/lender.h), and each is sealed when it
 * is done, so that a kill costs the blocks that are being made. What is in a block does not depend on who makes it.
 */
#ifndef COORDINATOR_INFER_BLOCKS_H
#define COORDINATOR_INFER_BLOCKS_H

#include "cluster/par.h"
#include "coordinator/learned_simulator.h"
#include "storage/posterior_file.h"

/* Everything is borrowed. */
typedef struct {
    const par_t *par;
    const trained_t *trained;
    const real_data_t *data; // staged
    const posterior_head_t *head;
    const char *folder; // of the blocks, which run `run` has locked
    const char *run;
    const exact_model_t *exact; // the ladder
    int64_t seed;
} infer_blocks_t;

/* Makes the blocks that are not there yet. Each rank needs the memory of one block. ERR_STOPPED: on request; the same call goes on.
 * ERR_LOCKED: another run took the folder over; ERR_IO. Collective. */
err_t infer_blocks(const infer_blocks_t *config) ERR_MUST_CHECK;

#endif
