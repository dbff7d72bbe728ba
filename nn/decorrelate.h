/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns made nearly uncorrelated. With each column standardised and cut off,  c = clip((x - mean) / sd, -limit, limit),
 * and R the correlation matrix of the x,
 *
 *     y = size L^-1 c,   L L' = R + ridge I (Cholesky)
 *
 * so a direction of variance v among the standardised columns comes out with v / (v + ridge) size^2: neighbouring order
 * statistics say nearly the same, and without this a network learns what they say differently last.
 */
#ifndef NN_DECORRELATE_H
#define NN_DECORRELATE_H

#include <stdint.h>

typedef struct {
    int64_t cols;
    float *mean, *factor; // (cols); factor 1 / sd, 0 for a constant column
    float *transform;     // (cols, cols): y = c transform, upper triangle
} decorrelate_t;

/* mean 0, factor 1, transform size * I. */
void decorrelate_identity(const decorrelate_t *d);
/* From x (n, cols), n >= 2. */
void decorrelate_fit(const decorrelate_t *d, int64_t n, const float *x);
/* x (n, cols) is overwritten; y (n, cols). NaN stays. */
void decorrelate_apply(const decorrelate_t *d, int64_t n, float *x, float *y);

#endif
