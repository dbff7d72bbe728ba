// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/png_file.h"

#include "cluster/mem.h"
#include "diagnostics/markup.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 4 };

static void image_collect(png_structp png, png_bytep bytes, png_size_t n)
{
    text_add_bytes(png_get_io_ptr(png), n, bytes);
}

static void image_flush(png_structp png)
{
    (void)png;
}

static void image_error(png_structp png, png_const_charp words)
{
    err_fail(ERR_IO, "libpng: %s", words);
    png_longjmp(png, 1);
}

static void image_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words;
}

static int text_is_ascii(const char *text)
{
    while (*text > 0)
        text++;
    return *text == '\0';
}

static void image_set_stamp(png_structp png, png_infop info, const stamp_t *stamp)
{
    char software[] = "infermill " INFERMILL_VERSION;
    char keys[CHUNKS][10] = {"Software", "Study", "Weights", "Title"};
    char *values[CHUNKS] = {
        software, (char *)(uintptr_t)stamp->study, (char *)(uintptr_t)stamp->weights,
        (char *)(uintptr_t)stamp->title}; // libpng copies them; its struct lacks const
    for (int i = 0; i < CHUNKS; i++) {
        if (values[i] == NULL)
            continue;
        int kind = text_is_ascii(values[i]) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
        png_text text = {.compression = kind, .key = keys[i], .text = values[i]};
        png_set_text(png, info, &text, 1);
    }
}

static void image_write_rows(png_structp png, const png_image_t *image, png_bytep row)
{
    for (int y = 0; y < image->height; y++) {
        const unsigned char *line = image->pixels + (size_t)y * (size_t)image->stride;
        for (int x = 0; x < image->width; x++) {
            uint32_t pixel;
            memcpy(&pixel, line + 4 * x, sizeof pixel);
            row[3 * x] = (png_byte)(pixel >> 16);
            row[3 * x + 1] = (png_byte)(pixel >> 8);
            row[3 * x + 2] = (png_byte)pixel;
        }
        png_write_row(png, row);
    }
}

static err_t image_encode(const png_image_t *image, const stamp_t *stamp, png_bytep row,
                          text_t *out)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, image_error, image_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    CHECK(info != NULL, "out of memory for a PNG");
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return -(err_t)ERR_IO;
    }
    png_set_write_fn(png, out, image_collect, image_flush);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_uint_32 per_metre = (png_uint_32)lround(image->dots_per_inch / 0.0254);
    png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
    image_set_stamp(png, info, stamp);
    png_write_info(png, info);
    image_write_rows(png, image, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return OK;
}

err_t png_file_write(const char *path, const png_image_t *image, const stamp_t *stamp)
{
    text_t bytes = text_create();
    png_bytep row = MEM_NEW(png_byte, 3 * (size_t)image->width);
    err_t err = image_encode(image, stamp, row, &bytes);
    if (err == OK)
        err = file_replace(path, bytes.length, bytes.data);
    else
        err_context(err, "%s", path);
    text_free(&bytes);
    free(row);
    return err;
}
