/* SPDX-License-Identifier: Apache-2.0
 *
 * Minimisation without derivatives by a simplex (Nelder and Mead 1965).
 */
#ifndef TESTS_REFERENCE_NELDER_MEAD_H
#define TESTS_REFERENCE_NELDER_MEAD_H

enum { NELDER_MEAD_MAX_DIMS = 8 };

/* From x (dims), with a first simplex of the given step; x becomes the best point found, whose value is returned. Starts
 * a fresh simplex there until that brings less than 1e-10. f may return INFINITY, never NaN. */
double nelder_mead(int dims, double *x, double step,
                   double (*f)(const void *context, const double *x), const void *context);

#endif
