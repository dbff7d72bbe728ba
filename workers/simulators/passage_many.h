/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over many first passages (passage.h), eight at once in vector code. The bits do not depend on the CPU.
 */
#ifndef WORKERS_SIMULATORS_PASSAGE_MANY_H
#define WORKERS_SIMULATORS_PASSAGE_MANY_H

/* Stands in x for a passage that is left out. */
#define PASSAGE_MANY_NONE 0.5

/* Sums over passages x. With drift m, the sum of the logs of passage_density at n of them is log_density + n m - m^2 / 2 times
 * the sum of x. */
typedef struct {
    int outside; // whether not all x are above 1e-100 or their sum is not below 1e100: there is nothing else then
    double log_density; // without drift
} passage_many_t;

/* n passages, of which `none` are PASSAGE_MANY_NONE. Unless pull is NULL, pull[i] becomes x times the slope d log f / dx. Beside
 * the n rounding errors of the sums as exact as passage.h. */
passage_many_t passage_many(int n, const double *x, int none, double *pull);

#endif
