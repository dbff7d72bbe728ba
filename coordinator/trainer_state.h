/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trainer has learned, as named arrays of a checkpoint: weights, moment1, moment2, average, best (params_size each), and
 * optimizer_steps. The moments are those of all ranks after trainer_collect. Not collective.
 */
#ifndef COORDINATOR_TRAINER_STATE_H
#define COORDINATOR_TRAINER_STATE_H

#include "coordinator/trainer.h"
#include "storage/named_arrays.h"

typedef struct {
    trainer_t *trainer;
    amortizer_t *amortizer;
    float *best; // (params_size)
} trainer_state_t;

err_t trainer_state_put(const trainer_state_t *state, arrays_writer_t *writer) ERR_MUST_CHECK;
err_t trainer_state_get(const trainer_state_t *state, const arrays_t *arrays) ERR_MUST_CHECK;

#endif
