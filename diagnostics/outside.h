/* SPDX-License-Identifier: Apache-2.0
 *
 * Do the observed data sets as a whole lie outside of everything that the prior produces? Then no posterior of theirs is more
 * than a guess, and the usual reason is one mistake made for all of them: another unit (milliseconds for seconds), another
 * column, a prior that is too narrow.
 *
 * Looked at are the statistics of the data (prior_reach.h), both ends, and the distance of the learned summaries
 * (distance.h). A data set is outside by one of these where it lies beyond the limit that a simulated one exceeds with a
 * chance of at most a (tail.h); a value of 0 or less, where the simulated ones are positive, must also be off by some of
 * their range (PRIOR_OUTSIDE_SLACK), since a smallest distance or time may well be 0. The data are outside where at least
 * PRIOR_OUTSIDE_SHARE of them are, all by the same number and on the same side. If each data set is a draw from the model,
 * that happens with a chance of at most a / PRIOR_OUTSIDE_SHARE, however much data sets have in common (Markov's
 * inequality), so it does for any of the 2 K + 1 tails with a chance of at most PRIOR_OUTSIDE_LEVEL. Some bad data sets
 * among many are never a reason.
 */
#ifndef DIAGNOSTICS_OUTSIDE_H
#define DIAGNOSTICS_OUTSIDE_H

#include "diagnostics/distance.h"
#include "diagnostics/prior_reach.h"

#include <stdbool.h>

typedef struct {
    bool found;
    int which; // statistic; that of the reach's K: the distance
    bool above;
    int64_t n, outside;          // data sets, those outside
    double least, median, most;  // of the observed data sets outside
    double reference, low, high; // the simulated ones: median (statistics), smallest, largest
    double limit;                // beyond which a data set is outside
    int64_t simulations;
} outside_t;

/* Of n data sets: statistics (n, reach->k) and distances (n); what is not finite counts as inside. Of several numbers by
 * which they are outside, that with most data sets outside, then the one farthest out. */
outside_t outside_judge(const prior_reach_t *reach, const distance_t *distance, int64_t n,
                        const double *statistics, const double *distances);
/* What is found, what the prior makes, and what to do, where the reach has k statistics (`items`, k); the caller frees it. */
char *outside_words(const outside_t *o, int k, const predictive_field_t *fields,
                    const predictive_item_t *items);

#endif
