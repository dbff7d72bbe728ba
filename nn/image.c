// SPDX-License-Identifier: Apache-2.0
#include "nn/image.h"

#include "nn/vec.h"

typedef struct {
    image_t fine, coarse;
    int64_t channels;
} scales_t;

static int64_t fine_at(const scales_t *s, int64_t unit, int64_t y, int64_t x)
{
    return ((unit * s->fine.height + y) * s->fine.width + x) * s->channels;
}

static int64_t coarse_at(const scales_t *s, int64_t unit, int64_t y, int64_t x)
{
    return ((unit * s->coarse.height + y) * s->coarse.width + x) * s->channels;
}

void image_gather(int64_t units, image_t fine_size, int64_t channels, float factor,
                  const float *fine, bool add, float *coarse)
{
    scales_t s = {fine_size, image_half(fine_size), channels};
    for (int64_t u = 0; u < units; u++)
        for (int64_t y = 0; y < fine_size.height; y++)
            for (int64_t x = 0; x < fine_size.width; x++)
                vec_scale_put(channels, factor, fine + fine_at(&s, u, y, x),
                              add || y % 2 == 1 || x % 2 == 1,
                              coarse + coarse_at(&s, u, y / 2, x / 2));
}

void image_spread(int64_t units, image_t fine_size, int64_t channels, float factor,
                  const float *coarse, bool add, float *fine)
{
    scales_t s = {fine_size, image_half(fine_size), channels};
    for (int64_t u = 0; u < units; u++)
        for (int64_t y = 0; y < fine_size.height; y++)
            for (int64_t x = 0; x < fine_size.width; x++)
                vec_scale_put(channels, factor, coarse + coarse_at(&s, u, y / 2, x / 2), add,
                              fine + fine_at(&s, u, y, x));
}
