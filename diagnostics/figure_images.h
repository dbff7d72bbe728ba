/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of posteriors that are images: the images themselves, and numbers by pixel. Grey levels; what is large is dark.
 */
#ifndef DIAGNOSTICS_FIGURE_IMAGES_H
#define DIAGNOSTICS_FIGURE_IMAGES_H

#include "cluster/err.h"
#include "diagnostics/canvas.h"
#include "diagnostics/digest.h"
#include "diagnostics/metrics.h"

#include <stdint.h>

enum { IMAGES_DRAWS = 4, IMAGES_SETS = 8 };

/* An image among the D parameters of a digest: values [first, first + height * width * channels), row-major. Of several
 * channels the mean is shown. */
typedef struct {
    const char *name;
    int first;
    int64_t height, width, channels;
} image_target_t;

/* Draws of the first data sets, (sets, draws, D), and what was observed of them. */
typedef struct {
    int64_t sets, draws;
    const double *kept;
    const float *const *observed;    // (sets): (height, width, channels); NULL: no such column
    int64_t height, width, channels; // of it
} image_samples_t;

/* images.png: a row a data set (the first IMAGES_SETS): truth, observed, posterior mean, posterior sd, IMAGES_DRAWS draws. All
 * but the sd share one scale, the sds have their own. */
err_t figure_images(const char *path, const stamp_t *stamp, const image_target_t *target,
                    const digest_t *digest, const image_samples_t *samples) ERR_MUST_CHECK;

/* pixels.png: calibration error, ECDF deviation, contraction and mean posterior sd, an image each. Values that never vary are
 * pale blue. `metrics` are those of all values. */
err_t figure_pixels(const char *path, const stamp_t *stamp, const image_target_t *target,
                    const digest_t *digest, const metrics_t *metrics) ERR_MUST_CHECK;

#endif
