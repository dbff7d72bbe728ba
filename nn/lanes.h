/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums for use inside kernels: 16 lanes, entry i into lane i mod 16, then the lanes along a fixed tree; so a kernel compiled
 * for any vector width gives the same bits.
 */
#ifndef NN_LANES_H
#define NN_LANES_H

#include "nn/fmath.h"

#define LANES 16
typedef float lanes_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

VEC_INLINE float lanes_fold(float *lane)
{
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

VEC_INLINE float lanes_sum(int64_t n, const float *x)
{
    lanes_t sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        sum += *(const lanes_t *)(x + i);
    float lane[LANES];
    memcpy(lane, &sum, sizeof lane);
    for (int l = 0; i < n; i++, l++)
        lane[l] += x[i];
    return lanes_fold(lane);
}

VEC_INLINE float lanes_dot(int64_t n, const float *a, const float *b)
{
    lanes_t sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        sum += *(const lanes_t *)(a + i) * *(const lanes_t *)(b + i);
    float lane[LANES];
    memcpy(lane, &sum, sizeof lane);
    for (int l = 0; i < n; i++, l++)
        lane[l] += a[i] * b[i];
    return lanes_fold(lane);
}

#endif
