// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/canvas.h"

#include "cluster/mem.h"
#include "diagnostics/png_file.h"
#include "diagnostics/text.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS_PER_POINT = 2 };

struct canvas {
    double width, height;
    cairo_surface_t *recording;
    cairo_t *cairo;
};

static const double canvas_inks[INK_COUNT][3] = {
    [INK_TEXT] = {0.13, 0.13, 0.13},   [INK_GREY] = {0.42, 0.42, 0.42},
    [INK_PALE] = {0.88, 0.88, 0.88},   [INK_WHITE] = {1, 1, 1},
    [INK_BLUE] = {0, 0.447, 0.698},    [INK_ORANGE] = {0.902, 0.624, 0},
    [INK_GREEN] = {0, 0.620, 0.451},   [INK_VERMILION] = {0.835, 0.369, 0},
    [INK_SKY] = {0.337, 0.706, 0.914}, [INK_PURPLE] = {0.8, 0.475, 0.655}};

canvas_t *canvas_create(double width, double height)
{
    canvas_t *c = MEM_NEW(canvas_t, 1);
    cairo_rectangle_t extent = {0, 0, width, height};
    c->width = width;
    c->height = height;
    c->recording = cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, &extent);
    c->cairo = cairo_create(c->recording);
    cairo_set_line_join(c->cairo, CAIRO_LINE_JOIN_ROUND);
    canvas_box(c, (box_t){0, 0, width, height}, (pen_t){INK_WHITE, 1, 0});
    return c;
}

void canvas_destroy(canvas_t **canvas)
{
    if (*canvas == NULL)
        return;
    cairo_destroy((*canvas)->cairo);
    cairo_surface_destroy((*canvas)->recording);
    free(*canvas);
    *canvas = NULL;
}

static void canvas_pen(canvas_t *c, pen_t pen)
{
    const double *rgb = canvas_inks[pen.ink];
    cairo_set_source_rgba(c->cairo, rgb[0], rgb[1], rgb[2], pen.alpha);
    cairo_set_line_width(c->cairo, pen.width);
}

void canvas_line(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen)
{
    canvas_pen(c, pen);
    cairo_move_to(c->cairo, x0, y0);
    cairo_line_to(c->cairo, x1, y1);
    cairo_stroke(c->cairo);
}

void canvas_dashed(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen)
{
    const double dash[2] = {4, 3};
    cairo_set_dash(c->cairo, dash, 2, 0);
    canvas_line(c, x0, y0, x1, y1, pen);
    cairo_set_dash(c->cairo, NULL, 0, 0);
}

void canvas_path(canvas_t *c, size_t n, const double *x, const double *y, pen_t pen)
{
    canvas_pen(c, pen);
    for (size_t i = 0; i < n; i++)
        cairo_line_to(c->cairo, x[i], y[i]);
    cairo_stroke(c->cairo);
}

void canvas_area(canvas_t *c, size_t n, const double *x, const double *y, pen_t pen)
{
    canvas_pen(c, pen);
    for (size_t i = 0; i < n; i++)
        cairo_line_to(c->cairo, x[i], y[i]);
    cairo_close_path(c->cairo);
    cairo_fill(c->cairo);
}

void canvas_box(canvas_t *c, box_t box, pen_t pen)
{
    canvas_pen(c, pen);
    cairo_rectangle(c->cairo, box.x, box.y, box.width, box.height);
    cairo_fill(c->cairo);
}

void canvas_disc(canvas_t *c, double x, double y, double radius, pen_t pen)
{
    canvas_pen(c, pen);
    cairo_new_sub_path(c->cairo);
    cairo_arc(c->cairo, x, y, radius, 0, 2 * M_PI);
    cairo_fill(c->cairo);
}

void canvas_clip(canvas_t *c, box_t box)
{
    cairo_save(c->cairo);
    cairo_rectangle(c->cairo, box.x, box.y, box.width, box.height);
    cairo_clip(c->cairo);
}

void canvas_unclip(canvas_t *c)
{
    cairo_restore(c->cairo);
}

/* Bytes of the UTF-8 character at c (1-4), or 0 where there is none. Overlong forms and surrogates are refused. */
static size_t utf8_length(const unsigned char *c)
{
    size_t n = c[0] < 0x80                   ? 1
               : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
               : (c[0] & 0xf0) == 0xe0       ? 3
               : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

static char *utf8_clean(const char *text)
{
    char *clean = mem_copy_text(text);
    for (size_t i = 0; clean[i] != '\0';) {
        size_t n = utf8_length((const unsigned char *)clean + i);
        if (n == 0 || (unsigned char)clean[i] < 0x20)
            clean[i] = '?';
        i += n == 0 ? 1 : n;
    }
    return clean;
}

static double canvas_type(canvas_t *c, type_t type, const char *clean)
{
    cairo_text_extents_t extents;
    cairo_select_font_face(c->cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           type.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c->cairo, type.size);
    canvas_pen(c, (pen_t){type.ink, 1, 1});
    cairo_text_extents(c->cairo, clean, &extents);
    return extents.x_advance;
}

static void canvas_show(canvas_t *c, double x, double y, double turn, type_t type, const char *text)
{
    char *clean = utf8_clean(text);
    double width = canvas_type(c, type, clean);
    double shift = type.align == ALIGN_LEFT ? 0 : type.align == ALIGN_CENTRE ? width / 2 : width;
    cairo_save(c->cairo);
    cairo_translate(c->cairo, x, y);
    cairo_rotate(c->cairo, turn);
    cairo_move_to(c->cairo, -shift, 0);
    cairo_show_text(c->cairo, clean);
    cairo_new_path(c->cairo);
    cairo_restore(c->cairo);
    free(clean);
}

void canvas_text(canvas_t *c, double x, double y, type_t type, const char *text)
{
    canvas_show(c, x, y, 0, type, text);
}

void canvas_text_upward(canvas_t *c, double x, double y, type_t type, const char *text)
{
    canvas_show(c, x, y, -M_PI / 2, type, text);
}

double canvas_text_width(canvas_t *c, type_t type, const char *text)
{
    char *clean = utf8_clean(text);
    double width = canvas_type(c, type, clean);
    free(clean);
    return width;
}

char *canvas_text_fit(canvas_t *c, type_t type, double width, const char *text)
{
    char *clean = utf8_clean(text);
    size_t length = strlen(clean);
    char *shown = mem_copy_text(clean);
    while (length > 1 && canvas_text_width(c, type, shown) > width) {
        do {
            length--;
        } while (length > 1 && ((unsigned char)clean[length] & 0xc0) == 0x80);
        free(shown);
        shown = mem_format("%.*s…", (int)length, clean);
    }
    free(clean);
    return shown;
}

static err_t canvas_save_png(canvas_t *c, const char *path, const stamp_t *stamp)
{
    int width = (int)ceil(c->width * PIXELS_PER_POINT),
        height = (int)ceil(c->height * PIXELS_PER_POINT);
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cairo = cairo_create(image);
    cairo_scale(cairo, PIXELS_PER_POINT, PIXELS_PER_POINT);
    cairo_set_source_surface(cairo, c->recording, 0, 0);
    cairo_paint(cairo);
    cairo_status_t status = cairo_status(cairo);
    cairo_destroy(cairo);
    cairo_surface_flush(image);
    png_image_t png = {.width = width,
                       .height = height,
                       .stride = cairo_image_surface_get_stride(image),
                       .pixels = cairo_image_surface_get_data(image),
                       .dots_per_inch = 96 * PIXELS_PER_POINT};
    err_t err = status == CAIRO_STATUS_SUCCESS ? png_file_write(path, &png, stamp)
                                               : err_fail(ERR_FAILED, "%s: drawing failed: %s",
                                                          path, cairo_status_to_string(status));
    cairo_surface_destroy(image);
    return err;
}

static cairo_status_t canvas_collect(void *closure, const unsigned char *bytes, unsigned int n)
{
    text_add_bytes(closure, n, bytes);
    return CAIRO_STATUS_SUCCESS;
}

static err_t canvas_save_svg(canvas_t *c, const char *path)
{
    text_t svg = text_create();
    cairo_surface_t *surface =
        cairo_svg_surface_create_for_stream(canvas_collect, &svg, c->width, c->height);
    cairo_t *cairo = cairo_create(surface);
    cairo_set_source_surface(cairo, c->recording, 0, 0);
    cairo_paint(cairo);
    cairo_destroy(cairo);
    cairo_surface_finish(surface);
    cairo_surface_destroy(surface);
    err_t err = file_replace(path, svg.length, svg.data);
    text_free(&svg);
    return err;
}

err_t canvas_save(canvas_t *c, const char *path, const stamp_t *stamp)
{
    size_t length = strlen(path);
    CHECK(length > 4 && strcmp(path + length - 4, ".png") == 0, "%s: a picture's name ends in .png",
          path);
    TRY(canvas_save_png(c, path, stamp));
    char *beside = mem_format("%.*s.svg", (int)(length - 4), path);
    err_t err = canvas_save_svg(c, beside);
    free(beside);
    TRY(err);
    return OK;
}
