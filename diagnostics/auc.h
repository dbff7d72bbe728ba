/* SPDX-License-Identifier: Apache-2.0
 *
 * The area under the ROC curve: the chance that a number of one kind is larger than one of the other (Mann-Whitney's
 * statistic, ties count half). 0.5: a score does not tell the kinds apart.
 */
#ifndef DIAGNOSTICS_AUC_H
#define DIAGNOSTICS_AUC_H

#include <stdint.h>

typedef struct {
    double value, error; // error: standard error (DeLong et al. 1988, doi:10.2307/2531595)
} auc_t;

/* P(x > y) + P(x = y) / 2 over all pairs of x (n) and y (m), n, m > 1, by mid-ranks: (n + m) log (n + m) steps. No NaN. */
auc_t auc_of(int64_t n, const double *x, int64_t m, const double *y);

#endif
