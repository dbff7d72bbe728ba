/* SPDX-License-Identifier: Apache-2.0
 *
 * The Kolmogorov-Smirnov distance of draws from a distribution.
 */
#ifndef TESTS_REFERENCE_KS_H
#define TESTS_REFERENCE_KS_H

#include <stdint.h>

/* sqrt(n) times the largest difference of the empirical distribution of x (n), which is sorted in place, from cdf. For
 * large n it exceeds 1.95 with probability 0.001 (Kolmogorov 1933: 2 exp(-2 d^2)). */
double ks_distance(int64_t n, double *x, double (*cdf)(const void *context, double x),
                   const void *context);

#endif
