/* SPDX-License-Identifier: Apache-2.0
 *
 * Can a classifier that sees the data tell the truth from posterior draws? If the posterior is right it can not: given the
 * data set, the truth is one more draw (Yao and Domke 2023, arXiv:2305.14593; Linhart, Gramfort and Rodrigues 2023,
 * arXiv:2306.03580). Unlike ranks and coverage this finds a posterior that is right on average over all data sets alone:
 * a parameter that is ignored (posterior = prior), a width that is too small in one place and too large in another,
 * correlations that are wrong.
 *
 * Of each of N data sets the classifier gets the truth and K draws, each as
 *
 *     z_p = (theta_p - mean_p) / sd_p      with the posterior's mean and sd of this data set
 *     z_p^2,  r_p,  z_p r_p                r_p: linear regression of theta_p on the learned summaries, standardised
 *     z_p z_q                              for up to 6 parameters
 *
 * and is scored on data sets that it was not trained on: how often does it give the truth a higher score than a draw of
 * the same data set? Regression and standardisation take truth and draws alike, so nothing tells them apart but what
 * the posterior has wrong.
 */
#ifndef WORKERS_TRUTH_TEST_H
#define WORKERS_TRUTH_TEST_H

#include "workers/classifier.h"

typedef struct {
    int64_t n; // data sets, 2 a fold or more
    int draws; // K of each, 1 or more
    int parameters, summaries;
    const double *truth;     // (N, P)
    const double *draw;      // (N, K, P)
    const double *mean, *sd; // (N, P), of other draws than those; sd > 0 (else z is 0)
    const float *summary;    // (N, summaries)
} truth_test_data_t;

typedef struct {
    double told;  // chance that the truth is scored above a draw: 0.5 for a right posterior
    double error; // its standard error for a right posterior
    double
        p_value; // of a `told` as large for a right posterior; on the safe side, since scores have ties
} truth_test_t;

/* 300 data sets with 8 draws take about a second, 2,000 take 5. */
truth_test_t truth_test(const classifier_config_t *config, const truth_test_data_t *data);

#endif
