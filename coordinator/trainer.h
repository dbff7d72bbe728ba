/* SPDX-License-Identifier: Apache-2.0
 *
 * One training step over ranks: each slice's loss and gradient alone, summed along a fixed binary tree (exchange.h) while the
 * last slice still goes backward; then each rank steps its share of the weights with AdamW, and all get them. The weights
 * after a step are the same bit for bit for any number of ranks.
 */
#ifndef COORDINATOR_TRAINER_H
#define COORDINATOR_TRAINER_H

#include "cluster/par.h"
#include "nn/adamw.h"
#include "nn/amortizer.h"
#include "storage/rows.h"

#include <stdbool.h>

typedef struct {
    int slices; // of a batch, over all ranks
    int64_t slice_rows;
    uint64_t seed;
    double subsets; // share of data sets cut to a random smaller set
    bool
        refining; // weights are trained already: noise of a stream of its own, progress 1 throughout
    schedule_t schedule;
    adamw_config_t adamw;
} trainer_config_t;

typedef struct trainer trainer_t;

/* Borrows par, schema and amortizer. Each rank plans memory for one slice at a time. Collective in that all ranks do it. */
trainer_t *trainer_create(const par_t *par, const trainer_config_t *config, const schema_t *schema,
                          amortizer_t *amortizer);
void trainer_destroy(trainer_t **t); // collective
adamw_t *trainer_optimizer(trainer_t *t);
/* Moments and moving average are up to date on the rank whose share they are in; after this on all, as a checkpoint needs
 * them. Collective. */
void trainer_collect(trainer_t *t);
double trainer_rate(const trainer_t *t, int64_t step); // learning rate of a step
double trainer_flops(const trainer_t *t);              // of the slice added last
/* Slices of this rank: count, and the number of the k-th. */
int trainer_slice_count(const trainer_t *t);
int trainer_slice(const trainer_t *t, int k);

/* Hands in slice k of this rank for the running step, k = 0, 1, ... in order. Not collective. */
void trainer_add(trainer_t *t, int64_t step, int k, const rows_t *rows);
/* Ends the step: sums, steps the optimizer. `loss` is the batch's mean, `norm` the gradient's. ERR_DIVERGED on every rank
 * when either is not finite; the weights are then as before the step. Collective. */
err_t trainer_finish_step(trainer_t *t, int64_t step, double *loss, double *norm) ERR_MUST_CHECK;

/* Mean loss over these rows (the same on every rank), under the averaged weights, without dropout and with noise that is the
 * same each time, in blocks of fixed size dealt over ranks. Collective. */
double trainer_validate(trainer_t *t, const rows_t *rows);
/* The same as sums over blocks of trainer_block_rows() rows: (trainer_blocks), on every rank. Collective. */
void trainer_block_losses(trainer_t *t, const rows_t *rows, double *sums);
int trainer_blocks(const rows_t *rows);
int64_t trainer_block_rows(void);
/* Puts the averaged weights into the network and the raw ones aside: collective. And back: not. */
void trainer_use_average(trainer_t *t);
void trainer_use_raw(trainer_t *t);

/* Borrowed view of rows [begin, end) as a batch; `fields` gets the pointers that are offset (O of them). */
batch_t batch_of_rows(const rows_t *rows, int64_t begin, int64_t end, const float **fields);

#endif
