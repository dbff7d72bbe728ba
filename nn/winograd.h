/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions with a 3 x 3 kernel by Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin & Gray 2016): 2 x 2 pixels of the
 * result from 4 x 4 of the image,
 *
 *     Y = A' [ (G w G') o (B' d B) ] A
 *
 * summed over channels before A, takes 16 products instead of 36. For the weights the same transforms the other way:
 * dw = G' [ sum over tiles (B' d B) o (A dY A') ] G. The coefficients are 1, 1/2 and sums of a few terms, so the rounding is
 * that of a plain sum but for a small factor.
 */
#ifndef NN_WINOGRAD_H
#define NN_WINOGRAD_H

#include "nn/image.h"

#include <stddef.h>

typedef struct {
    int64_t units;
    image_t image;
    int64_t in, out; // channels, such that winograd_fits
} winograd_t;

enum { WINOGRAD_CHANNELS = 16, WINOGRAD_MOST = 2048 };
/* Multiples of WINOGRAD_CHANNELS, WINOGRAD_MOST at most. */
bool winograd_fits(int64_t in, int64_t out);

/* Of the scratch that both functions need for these channels, and for the same the other way round. */
size_t winograd_floats(int64_t in, int64_t out);

/* y (units * pixels, out), or added to it, = begin (out, NULL: zero) + the convolution of x (units * pixels, in) with weight
 * (9 * in, out); if `turned`, with the map that leads back: weight is (9 * out, in), taps in reverse. */
void winograd_convolve(const winograd_t *w, const float *x, const float *weight, bool turned,
                       const float *begin, bool add, float *y, float *scratch);
/* dw (9 * in, out), or added to it: gradient by the weights from that by the result, dy (units * pixels, out). */
void winograd_weights(const winograd_t *w, const float *x, const float *dy, bool add, float *dw,
                      float *scratch);

#endif
