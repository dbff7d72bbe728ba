/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed (coordinator/feed.h) without workers, hub and bank: each rank simulates the rows of a chunk itself, when it is asked.
 */
#ifndef TESTS_COORDINATOR_FEED_DOUBLE_H
#define TESTS_COORDINATOR_FEED_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

/* What the next feed does. */
typedef struct {
    int64_t stop_after;  // chunks, after which a stop is asked for; 0: none
    int64_t break_after; // chunks, after which the disk is full; 0: none
    bool sorted;         // `order: arrival`: rows with a small first parameter come first
    bool late;           // every other call has nothing yet
    int64_t simulated;   // rows, counted
} feed_double_t;
extern feed_double_t feed_double;

#endif
