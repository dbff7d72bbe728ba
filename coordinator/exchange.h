/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of long arrays over slices and ranks, while the arrays are still being filled. Each slice has an array of n floats,
 * cut into buckets of EXCHANGE_BUCKET. The sum of a bucket over all slices follows the fixed tree of par.h, so it is the
 * same bit for bit for every number of ranks, and ends at the rank that owns the bucket: they are dealt in turn to the ranks
 * that have slices, so that all of these have an equal part of what becomes final last. Ranks of one machine read each other's arrays where they lie; between
 * machines go messages, which do not block and move whenever one of these functions is called.
 */
#ifndef COORDINATOR_EXCHANGE_H
#define COORDINATOR_EXCHANGE_H

#include "cluster/par.h"

#include <stdbool.h>

enum { EXCHANGE_BUCKET = 1 << 16 };

typedef struct exchange exchange_t;

/* `island`: 0, see par_shared.h. Collective. */
exchange_t *exchange_create(const par_t *par, int slices, int64_t n, int island);
/* Finishes what is under way, whatever the numbers are. Collective. */
void exchange_destroy(exchange_t **x);

/* The array (n) of this rank's k-th slice, ascending, zero at first: to be filled, and overwritten by sums. After
 * exchange_finish it is not filled again before another collective call: the others may still be reading. */
float *exchange_array(const exchange_t *x, int k);
int exchange_buckets(const exchange_t *x);
range_t exchange_bucket(const exchange_t *x, int bucket); // floats of it
bool exchange_owns(const exchange_t *x, int bucket);      // whether it is this rank's

/* All arrays of this rank are filled in this bucket, and stay so until exchange_finish. Once a round. Not collective. */
void exchange_ready(exchange_t *x, int bucket);
/* Lets what is under way go on: to be called now and then. Not collective. */
void exchange_progress(exchange_t *x);
/* Declares the rest ready, waits for the sums of this rank's buckets, and ends the round. Collective. */
void exchange_finish(exchange_t *x);
/* The sum of a bucket of this rank, until the arrays are filled again. Not collective. */
const float *exchange_sum(const exchange_t *x, int bucket);

/* array (n): the buckets of each rank to all ranks. Collective. */
void exchange_spread(const exchange_t *x, float *array);

#endif
