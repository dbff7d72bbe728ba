/* SPDX-License-Identifier: Apache-2.0
 *
 * The unbounded scale of a parameter whose support is the open interval (lower, upper):
 *
 *     no bound   u = x                                ln du/dx = 0
 *     lower      u = ln(x - lower)                               = -u
 *     upper      u = -ln(upper - x)                              = u
 *     both       u = ln(x - lower) - ln(upper - x)               = ln(upper - lower) - ln(x - lower) - ln(upper - x)
 */
#ifndef NN_BOUNDS_H
#define NN_BOUNDS_H

#include <stdbool.h>

bool bounds_hold(double lower, double upper, double x); // lower < x < upper; false for NaN
/* ln du/dx is added to *log_slope (NULL: not wanted). x must be inside. */
double bounds_free(double lower, double upper, double x, double *log_slope);
/* The inverse. A finite u gives a number strictly inside, also where rounding would hit the bound; NaN gives NaN. */
double bounds_restore(double lower, double upper, double u);

#endif
