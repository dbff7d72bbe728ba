/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums for use inside kernels: 16 lanes, entry i into lane i mod 16, then the lanes along a fixed tree; so a kernel compiled
 * for any vector width gives the same bits.
 */
#ifndef NN_LANES_H
#define NN_LANES_H

#include "nn/fmath.h"

#define LANES 16
typedef float lanes_half_t
    __attribute__((vector_size(LANES * sizeof(float) / 2), aligned(4), may_alias));

/* Lanes 0 to 7 and 8 to 15. */
typedef struct {
    lanes_half_t low, high;
} lanes_t;

VEC_INLINE lanes_t lanes_zero(void)
{
    return (lanes_t){{0}, {0}};
}

VEC_INLINE lanes_t lanes_load(const float *x)
{
    return (lanes_t){*(const lanes_half_t *)x, *(const lanes_half_t *)(x + LANES / 2)};
}

/* The n < LANES entries of x, then zeros. */
VEC_INLINE lanes_t lanes_load_some(int64_t n, const float *x)
{
    float lane[LANES] = {0};
    for (int64_t l = 0; l < n; l++)
        lane[l] = x[l];
    return lanes_load(lane);
}

VEC_INLINE float lanes_fold(lanes_t sum)
{
    float lane[LANES / 2];
    *(lanes_half_t *)lane = sum.low + sum.high;
    float a = lane[0] + lane[4], b = lane[1] + lane[5];
    float c = lane[2] + lane[6], d = lane[3] + lane[7];
    return (a + c) + (b + d);
}

VEC_INLINE float lanes_sum(int64_t n, const float *x)
{
    lanes_t sum = lanes_zero();
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes_t a = lanes_load(x + i);
        sum.low += a.low;
        sum.high += a.high;
    }
    if (i < n) {
        lanes_t a = lanes_load_some(n - i, x + i);
        sum.low += a.low;
        sum.high += a.high;
    }
    return lanes_fold(sum);
}

VEC_INLINE float lanes_dot(int64_t n, const float *x, const float *y)
{
    lanes_t sum = lanes_zero();
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes_t a = lanes_load(x + i), b = lanes_load(y + i);
        sum.low += a.low * b.low;
        sum.high += a.high * b.high;
    }
    if (i < n) {
        lanes_t a = lanes_load_some(n - i, x + i), b = lanes_load_some(n - i, y + i);
        sum.low += a.low * b.low;
        sum.high += a.high * b.high;
    }
    return lanes_fold(sum);
}

/* sum (x - centre)^2 */
VEC_INLINE float lanes_squares_from(int64_t n, float centre, const float *x)
{
    lanes_t sum = lanes_zero();
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes_t a = lanes_load(x + i);
        sum.low += (a.low - centre) * (a.low - centre);
        sum.high += (a.high - centre) * (a.high - centre);
    }
    if (i < n) {
        float rest[LANES] = {0};
        for (int64_t l = 0; i + l < n; l++)
            rest[l] = x[i + l] - centre;
        lanes_t a = lanes_load(rest);
        sum.low += a.low * a.low;
        sum.high += a.high * a.high;
    }
    return lanes_fold(sum);
}

#endif
