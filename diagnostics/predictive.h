/* SPDX-License-Identifier: Apache-2.0
 *
 * Posterior predictive checks (Gelman, Meng and Stern 1996, "Posterior predictive assessment of model fitness via realized
 * discrepancies", Statistica Sinica 6): is what was observed like what the model produces with the parameters that its
 * posterior holds for true? Replicates are data sets simulated from posterior draws with the same design; each statistic of
 * the observed data set (predictive_statistic.h) is compared with those of R replicates.
 *
 * Many statistics are looked at, so that some p-value is small by chance. What is judged is therefore the family: with
 * t_k the distance of statistic k from the median of all R + 1 data sets, in half-widths of the central 68 % of them on
 * that side, and T = max_k |t_k|,
 *
 *     adjusted p of statistic k = (1 + #{replicates r: T_r >= |t_k|}) / (R + 1)
 *
 * (Westfall and Young 1993, "Resampling-based multiple testing", single-step max-T). Observed data set and replicates are
 * treated alike, so that where they are exchangeable the smallest adjusted p of a data set is at most a with chance a, however
 * many statistics there are and however they depend on each other. Since the posterior has seen the data it is rather
 * smaller.
 */
#ifndef DIAGNOSTICS_PREDICTIVE_H
#define DIAGNOSTICS_PREDICTIVE_H

#include "diagnostics/predictive_statistic.h"

#include <stdbool.h>
#include <stdint.h>

/* Below this smallest adjusted p a data set is called not reproduced; with fewer replicates than this it can not be. */
#define PREDICTIVE_LEVEL 0.05
enum { PREDICTIVE_FEWEST = 20 };

/* One data set: of observable o its number of elements and their values (n, features), borrowed. */
typedef struct {
    const int64_t *n;           // (O)
    const float *const *values; // (O)
} predictive_set_t;

typedef struct {
    predictive_item_t item;
    double observed;
    double low, median, high;    // of the replicates: smallest, median, largest
    int64_t below, above, equal; // replicates
    double share;    // (above + equal / 2) / replicates: the posterior predictive p-value
    double p;        // two-sided: 2 min(share, 1 - share)
    double adjusted; // for all statistics of this data set
} predictive_test_t;

typedef struct {
    int64_t replicates, failed; // that were simulated; that could not be
    int n_tests;
    predictive_test_t *test; // (n_tests); what is NaN of the observed data set has NaN for each p
    double p_value;          // smallest adjusted p; NaN where there are too few replicates
    bool reproduced;         // p_value above PREDICTIVE_LEVEL
    char *words;             // the verdict
} predictive_check_t;

/* Replicates (R); `failed` ones are not among them. */
predictive_check_t predictive_check(int n_observables, const predictive_field_t *fields,
                                    const predictive_set_t *observed, int64_t r,
                                    const predictive_set_t *replicates, int64_t failed);
void predictive_check_free(predictive_check_t *check);

/* Chance that of n data sets of a right model so many or more are called not reproduced. */
double predictive_chance(int64_t n, int64_t not_reproduced);

#endif
