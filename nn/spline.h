/* SPDX-License-Identifier: Apache-2.0
 *
 * A monotone rational-quadratic spline of one number (Durkan, Bekasov, Murray and Papamakarios 2019, "Neural spline
 * flows"; map and inverse as in Gregory and Delbourgo 1982), with its parameters made from unbounded ones. K bins inside
 * a box of free place and size, linear outside, with the slope of the box's diagonal:
 *
 *     raw: [left, bottom, width, height, K bin widths, K bin heights, K - 1 inner slopes]          3 K + 3 numbers
 *     left = raw - D;  bottom = raw - D                                       D: half the side of the box at raw = 0
 *     width = (2 D - m) asinh(softplus(raw + c)) + m, m = max(1, K / 10)      c: so that raw = 0 gives 2 D
 *     bins = (width - K / 10) softmax(raw) + 1 / 10;   heights alike
 *     slopes = softplus(raw + ln(e - 1)) inside, height / width at both edges
 *
 * At raw = 0 it is the identity. In double precision, but for the softmax. Values that are not finite come out as
 * they went in: nothing is hidden. For gradients, and to hold spline_many.h to.
 */
#ifndef NN_SPLINE_H
#define NN_SPLINE_H

#include <stdint.h>

enum { SPLINE_MAX_BINS = 64 };

typedef struct {
    int bins;           // K, 2 .. SPLINE_MAX_BINS
    double half_width;  // D; 2 D must exceed m
    double size_offset; // c
} spline_t;

/* The box at raw = 0 is [-half_width, half_width] on both axes. */
spline_t spline_make(int bins, double half_width);
/* As BayesFlow 2 has it: c = sinh(1) ln(e - 1), so that a half width of 3 begins as the box [-3, 2.665]. */
spline_t spline_make_peer(int bins);
int spline_raw_count(const spline_t *s); // 3 K + 3

/* y = f(x); *log_slope = ln f'(x). */
double spline_forward(const spline_t *s, const float *raw, double x, double *log_slope);
/* x = f^-1(y) through the root that does not cancel; *log_slope = ln f'(x), of the forward map. */
double spline_inverse(const spline_t *s, const float *raw, double y, double *log_slope);
/* Of a function with gradient gy by y and gl by log_slope: returns the gradient by x and writes that by raw (3 K + 3;
 * NULL: not wanted). */
double spline_backward(const spline_t *s, const float *raw, double x, double gy, double gl,
                       float *graw);

#endif
