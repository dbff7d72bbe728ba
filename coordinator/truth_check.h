/* SPDX-License-Identifier: Apache-2.0
 *
 * Can a classifier that sees the data tell the truth from posterior draws (workers/truth_test.h), and how much do the
 * learned summaries know of the parameters (diagnostics/canonical.h)?
 */
#ifndef COORDINATOR_TRUTH_CHECK_H
#define COORDINATOR_TRUTH_CHECK_H

#include "coordinator/posterior.h"
#include "diagnostics/report.h"

enum { TRUTH_CHECK_SETS = 2000, TRUTH_CHECK_PARAMETERS = 32, TRUTH_CHECK_DRAWS = 8 }; // most

/* Draws (n, TRUTH_CHECK_DRAWS, D) of the first n = truth_check_sets(rows->n) data sets, from streams (seed,
 * RNG_CLASSIFIED, data set), so that they are other draws than those of the digest: on rank 0, elsewhere only what that rank
 * made. As posteriors_make it sends each rank the observables that it needs. The caller frees. Collective. */
int64_t truth_check_sets(int64_t n);
double *truth_check_draws(const par_t *par, amortizer_t *a, rows_t *rows, uint64_t seed);

/* Of TRUTH_CHECK_PARAMETERS parameters at most, evenly chosen; data (N, width): the numbers that the classifier sees of a
 * data set, learned summaries (posteriors->width of them) first. Free with truth_check_free. One rank. */
report_told_t truth_check(const posteriors_t *posteriors, const double *draws, int width,
                          const float *data);
void truth_check_print(const report_told_t *told); // a sentence on stdout
void truth_check_free(report_told_t *told);

#endif
