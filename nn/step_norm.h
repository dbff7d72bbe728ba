/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a step of a solver that moves all draws of a data set together is from its tolerance. The error of a draw from x to y,
 * with the local error e,  is
 *
 *     sqrt(mean_j (e_j / (atol + rtol max(|x_j|, |y_j|)))^2)
 *
 * and that of the step is the `quantile` of those of its draws (1: the largest): infinite where a draw is led to an infinity or a
 * NaN. Draws that were lost to them before count no more.
 */
#ifndef NN_STEP_NORM_H
#define NN_STEP_NORM_H

#include <stdint.h>

typedef struct {
    double atol, rtol;
    double quantile; // in (0, 1]
} step_tolerance_t;

/* x, y, e (n, d); work (n). */
double step_norm(const step_tolerance_t *tolerance, int64_t n, int64_t d, const double *x,
                 const double *y, const double *e, double *work);

#endif
