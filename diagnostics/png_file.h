/* SPDX-License-Identifier: Apache-2.0
 *
 * PNG files by libpng, with text chunks (Software, Study, Weights, Title) that say where a picture comes from: Latin
 * tEXt for ASCII, iTXt for other UTF-8.
 */
#ifndef DIAGNOSTICS_PNG_FILE_H
#define DIAGNOSTICS_PNG_FILE_H

#include "diagnostics/canvas.h"

typedef struct {
    int width, height, stride;   // pixels, pixels, bytes a row
    const unsigned char *pixels; // 32-bit words 0x00RRGGBB of this machine's byte order
    double dots_per_inch;
} png_image_t;

/* Written beside and renamed. ERR_IO. */
err_t png_file_write(const char *path, const png_image_t *image,
                     const stamp_t *stamp) ERR_MUST_CHECK;

#endif
