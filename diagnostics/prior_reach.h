/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the prior reaches, as simulations from it show: the range of each parameter, and of each statistic of the data
 * (predictive_statistic.h). An amortizer knows what lies there. A posterior that leans on the edge of the range would go
 * on beyond it under a wider prior, and few simulations taught the amortizer what such data look like; data beyond the
 * range of all simulations were never seen.
 */
#ifndef DIAGNOSTICS_PRIOR_REACH_H
#define DIAGNOSTICS_PRIOR_REACH_H

#include "diagnostics/predictive_statistic.h"

#include <stdbool.h>
#include <stdint.h>

/* An open struct: whoever stores it writes the arrays and fills them in again. n 0: nothing is known. */
typedef struct {
    int64_t n;            // simulations
    int d, k;             // parameters, statistics
    double *low, *high;   // (d) the central 99 % of the simulations: quantiles 0.005 and 0.995
    double *least, *most; // (k) smallest and largest value; NaN where no simulation has one
    double *middle;       // (k) median
    double *floor,
        *ceiling; // (k) what one more simulation hardly ever lies beyond; infinite where that is not known
} prior_reach_t;

/* The data as a whole are outside of what the prior produces (outside.h) where at least this share of the data sets is; which
 * happens with a chance of at most this level if they are draws from the model. A tenth of what a guard may cost: data sets
 * whose design is not spread as the simulated one are a little more often beyond a limit than all are on average. */
#define PRIOR_OUTSIDE_SHARE 0.9
#define PRIOR_OUTSIDE_LEVEL 1e-4
/* So one more simulation lies beyond each of the 2 k + 1 limits with at most this chance: LEVEL * SHARE / (2 k + 1). */
double prior_outside_chance(int k);

/* From n simulations: parameters (n, d), statistics (n, k), NaN left out. */
prior_reach_t prior_reach_fit(int64_t n, int d, const double *parameters, int k,
                              const double *statistics);
void prior_reach_free(prior_reach_t *reach);

/* Of the prior itself 0.5 % lie beyond each end. A posterior with more than this share beyond one leans on it; of d parameters
 * with more than d times PRIOR_EDGE_SHARE_EACH, but never more than PRIOR_EDGE_SHARE_MOST: of 2 d ends some are leant on by
 * chance. If the data are such as the prior makes, a share of s or more is had at 2 d * 0.005 / s ends of a data set at most
 * (Markov's inequality), here a half; of Gaussian posteriors of up to 40 parameters, however narrow, a quarter of all data
 * sets lean at most. */
#define PRIOR_EDGE_SHARE      0.05
#define PRIOR_EDGE_SHARE_EACH 0.02
#define PRIOR_EDGE_SHARE_MOST 0.8
#define PRIOR_EDGE_CHANCE     0.25

typedef struct {
    double below, above; // shares of the draws
} prior_edge_t;
/* How much of s draws of parameter p lies beyond the range. */
prior_edge_t prior_reach_edge(const prior_reach_t *reach, int p, int64_t s, const double *draws);
bool prior_edge_leans(prior_edge_t edge, int d);
/* "the posterior of a leans on the upper edge of its prior (34 % of it beyond 4.92, where 0.5 % of the simulations are):
 * widen the prior"; the caller frees it. */
char *prior_edge_words(const prior_reach_t *reach, int p, const char *name, prior_edge_t edge);

/* What to do where `leaning` of n posteriors lean on an edge: NULL where that is no more than chance (99 %) explains; the
 * caller frees it. */
char *prior_edges_words(int64_t n, int64_t leaning);

/* Values beyond the range of the simulations by less than this share of it are hardly outside. */
#define PRIOR_OUTSIDE_SLACK 0.1
/* The statistic (K values) that lies farthest outside all simulations, -1 where none does. Values within the slack are not
 * counted: of K statistics of n simulations some are the largest by chance. */
int prior_reach_outside(const prior_reach_t *reach, const double *statistics);
/* "the minimum of y, -44, lies outside all 1000 simulations (-9.1 to 12): the prior never produces such data"; the caller
 * frees it. */
char *prior_outside_words(const prior_reach_t *reach, const predictive_field_t *fields,
                          const predictive_item_t *item, int which, double value);

#endif
