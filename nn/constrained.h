/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors under a constraint, from and to free numbers, in double precision: shares that sum to 1, ascending numbers,
 * covariance and correlation matrices. Formulas stand in adapter.h (Stan Development Team, Stan Reference Manual,
 * "Constraint Transforms"; for correlations Lewandowski, Kurowicka and Joe 2009, "Generating random correlation matrices
 * based on vines and extended onion method").
 *
 * A matrix of side k is its lower triangle by rows: of a covariance (1,1), (2,1), (2,2), (3,1), ... k (k + 1) / 2 numbers; of a
 * correlation without the diagonal, (2,1), (3,1), (3,2), ... k (k - 1) / 2.
 *
 * x_free and x_restore return ln |du / dx|, x_restore computes it at u. What is restored from finite numbers x_holds.
 */
#ifndef NN_CONSTRAINED_H
#define NN_CONSTRAINED_H

#include <stdbool.h>

enum { CONSTRAINED_MAX_SIDE = 22 }; // of a matrix

/* k positive numbers whose sum is 1 within SIMPLEX_TOLERANCE; u (k - 1). The density is over all of them but the last. */
#define SIMPLEX_TOLERANCE 1e-6
bool simplex_holds(int k, const double *x);
double simplex_free(int k, const double *x, double *u);
double simplex_restore(int k, const double *u, double *x);

/* k strictly ascending numbers; u (k). */
bool ordered_holds(int k, const double *x);
double ordered_free(int k, const double *x, double *u);
double ordered_restore(int k, const double *u, double *x);

/* Positive definite; u in the order of x: ln of the Cholesky factor's diagonal, the factor itself below it. */
bool covariance_holds(int k, const double *x);
double covariance_free(int k, const double *x, double *u);
double covariance_restore(int k, const double *u, double *x);

/* With a diagonal of 1 positive definite; u in the order of x. */
bool correlation_holds(int k, const double *x);
double correlation_free(int k, const double *x, double *u);
double correlation_restore(int k, const double *u, double *x);

/* The side of a covariance (of a correlation) of n numbers; 0: there is none. */
int covariance_side(int n);
int correlation_side(int n);

#endif
