/* SPDX-License-Identifier: Apache-2.0
 *
 * How a refinement goes, by its settings alone: chunks of fresh rows, steps of each, rounds. Pure functions.
 *
 *   rows    |<- chunk_rows ->|<- chunk_rows ->| ... |<- rest ->|
 *   rounds  |----------- round 0 -----------|------ round 1 ...      whole chunks, as even as they come
 *   batch   S slices of slice_rows rows: bank_rows of the offline training's bank, fresh_rows of the reservoir
 *
 * The steps of a chunk follow from its rows, not from how many of them are done, so that the length of the schedule is known
 * at the start; where rows fail the reservoir gives more.
 */
#ifndef COORDINATOR_REFINE_PLAN_H
#define COORDINATOR_REFINE_PLAN_H

#include "coordinator/replay.h"
#include "coordinator/study.h"

typedef struct {
    int slices;
    int64_t slice_rows;            // of one slice in one step,
    int64_t bank_rows, fresh_rows; // of them
    int64_t rows, chunk_rows, chunks, rounds;
    int64_t steps;          // of all chunks
    replay_config_t replay; // but for schema and this rank's slices
} refine_plan_t;

/* Of a study that has `refine.rows`. A slice has one fresh row at least. */
refine_plan_t refine_plan(const study_t *study);
int64_t refine_plan_rows(const refine_plan_t *plan, int64_t chunk);      // of a chunk
int64_t refine_plan_steps(const refine_plan_t *plan, int64_t chunk);     // of a chunk
int64_t refine_plan_round_end(const refine_plan_t *plan, int64_t round); // chunk after its last

#endif
