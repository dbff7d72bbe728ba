/* SPDX-License-Identifier: Apache-2.0
 *
 * Many splines at once, as spline.h has them one by one: exponentials and logarithms in float32 (fmath.h), sums and
 * quotients in float64, 16 splines side by side and no branch. Within 1e-5 of spline_forward and spline_inverse for values of
 * ordinary size, the same bits at any vector width.
 */
#ifndef NN_SPLINE_MANY_H
#define NN_SPLINE_MANY_H

#include "nn/spline.h"

#include <stdbool.h>

enum { SPLINE_TILE = 16 };

/* n <= SPLINE_TILE splines: raw (n, 3 K + 3), at (n); moved (SPLINE_TILE) = f(at), or f^-1(at) where `inverse`;
 * log_slope (SPLINE_TILE) = ln f' of the forward map there. Entries from n on hold nothing. */
void spline_tile(const spline_t *s, bool inverse, int64_t n, const float *raw, const float *at,
                 double *moved, double *log_slope);

#endif
