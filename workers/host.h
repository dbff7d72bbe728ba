/* SPDX-License-Identifier: Apache-2.0
 *
 * The host side of the random table. What a simulator hands over is checked here: a wrong argument ("gamma: shape -1")
 * gives NaN, or 0 where whole numbers are drawn, and is remembered, so that the row becomes ROW_NONFINITE.
 */
#ifndef WORKERS_HOST_H
#define WORKERS_HOST_H

#include "cluster/rng.h"
#include "workers/simulator.h"

#include <stdbool.h>

enum { HOST_REASON_CAP = 240 };

struct infermill_random {
    rng_t rng;
    bool misused;                 // a function was called outside its domain
    char reason[HOST_REASON_CAP]; // of `explain`, or the first misuse; "" when there is none
};

/* Starts the numbers of one row; reason and misuse are cleared. */
void host_random_start(infermill_random_t *random, uint64_t seed, rng_stream_t stream,
                       int64_t index);

#endif
