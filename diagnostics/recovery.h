/* SPDX-License-Identifier: Apache-2.0
 *
 * How well the truth is found again: error, contraction, z-score, bias. Schad, Betancourt and Vasishth
 * 2021 (doi:10.1037/met0000275) for contraction and z-score. Values that need a spread are NaN where there is none.
 */
#ifndef DIAGNOSTICS_RECOVERY_H
#define DIAGNOSTICS_RECOVERY_H

#include "diagnostics/digest.h"

#include <stdint.h>

/* What the root mean square error is divided by. PRIOR: the median error of a posterior that ignores the data, its draws
 * being truths of other data sets (chosen at random, with replacement, from a fixed seed). STD has ddof 0. */
typedef enum {
    NRMSE_PRIOR,
    NRMSE_RANGE,
    NRMSE_STD,
    NRMSE_MEAN,
    NRMSE_MEDIAN,
    NRMSE_IQR,
    NRMSE_NONE
} nrmse_by_t;

/* median_n sqrt(mean_s (draw - truth)^2) / normaliser. */
double recovery_nrmse(const marginal_t *m, nrmse_by_t by);
/* median_n of 1 - Var(draws) / Var(truths), each cut to [0, 1]. */
double recovery_contraction(const marginal_t *m);
/* The same of one data set; prior_variance: that of all truths, ddof 1. */
double recovery_contraction_of(const marginal_t *m, int64_t data_set, double prior_variance);
double recovery_prior_variance(const marginal_t *m);
/* median_n (posterior mean - truth) / posterior sd; and that of one data set. */
double recovery_z_score(const marginal_t *m);
double recovery_z_score_of(const marginal_t *m, int64_t data_set);

/* Where on its range a parameter is estimated with a bias. Data sets are put in BIAS_BINS groups of equal size by their
 * posterior mean; grouped so (and not by the truth) a right posterior has no bias in any group. */
enum { BIAS_BINS = 5 };
typedef struct {
    double overall; // mean of (posterior mean - truth), in prior standard deviations
    double worst;   // of the group where it is farthest from zero, counted in its standard errors
    double worst_error; // that standard error, in prior standard deviations
    double from, to;    // posterior means of that group, on the parameter's scale
} bias_t;
bias_t recovery_bias(const marginal_t *m);

#endif
