/* SPDX-License-Identifier: Apache-2.0
 *
 * Logarithms of probabilities on both sides of a point, and of the powers in which densities are written, without loss
 * of digits in far tails. Relative accuracy of the probabilities about 1e-13 for shapes up to TAILS_SHAPE_MAX.
 */
#ifndef WORKERS_TAILS_H
#define WORKERS_TAILS_H

#define TAILS_SHAPE_MAX 1e6

typedef struct {
    double below, above; // log P(X <= x), log P(X > x)
} tails_t;

tails_t tails_normal(double z); // N(0, 1)
tails_t tails_half_normal(double z);
tails_t tails_exponential(double x);         // rate 1
tails_t tails_gamma(double shape, double x); // rate 1
tails_t tails_beta(double a, double b, double x);
tails_t tails_student_t(double degrees, double z);

/* log(x^a exp(-x) / Gamma(a)) */
double tails_gamma_power(double a, double x);
/* log(x^a y^b / B(a, b)), with y = 1 - x */
double tails_beta_power(double a, double b, double x, double y);
/* log(1 - exp(x)), x <= 0 */
double tails_rest(double x);

#endif
