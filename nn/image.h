/* SPDX-License-Identifier: Apache-2.0
 *
 * Images inside tensors: a unit of any class of rows is one image; its rows are the pixels, row by row, its columns the
 * channels. And the two kernels that lead from one scale to the next: each pixel of the coarse image stands for 2 x 2 of
 * the fine one, less where that ends with an odd row or column.
 */
#ifndef NN_IMAGE_H
#define NN_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t height, width;
} image_t;

static inline int64_t image_pixels(image_t a)
{
    return a.height * a.width;
}

/* The coarse image of a fine one. */
static inline image_t image_half(image_t fine)
{
    return (image_t){(fine.height + 1) / 2, (fine.width + 1) / 2};
}

static inline image_t image_double(image_t a)
{
    return (image_t){2 * a.height, 2 * a.width};
}

/* coarse = factor * the sum of the fine pixels, or added to it; `units` images. */
void image_gather(int64_t units, image_t fine_size, int64_t channels, float factor,
                  const float *fine, bool add, float *coarse);
/* fine = factor * the coarse pixel, or added to it. */
void image_spread(int64_t units, image_t fine_size, int64_t channels, float factor,
                  const float *coarse, bool add, float *fine);

#endif
