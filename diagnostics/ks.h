/* SPDX-License-Identifier: Apache-2.0
 *
 * The two-sample Kolmogorov-Smirnov test: do two samples come from one distribution?
 */
#ifndef DIAGNOSTICS_KS_H
#define DIAGNOSTICS_KS_H

#include <stdint.h>

typedef struct {
    double
        distance; // largest difference of the two empirical distributions; NaN where a sample is empty
    double p; // of one as large by chance, for large samples (Stephens 1970); ties make it larger
} ks_t;

/* Sorts both samples in place. Values must be no NaN. */
ks_t ks_two_samples(int64_t n, double *x, int64_t m, double *y);

#endif
