// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/canvas.h"

#include "cluster/mem.h"
#include "diagnostics/png_file.h"
#include "diagnostics/markup.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS_PER_POINT = 2 };

/* Everything is drawn on both surfaces at once. (One recording replayed on both would be shorter, but cairo 1.16 never
 * frees a recording that was painted on an SVG surface.) */
enum { TARGET_PNG, TARGET_SVG, TARGETS };
struct canvas {
    double width, height;
    cairo_surface_t *surface[TARGETS];
    cairo_t *cairo[TARGETS];
    text_t svg; // what the SVG surface has written
};

static const double canvas_inks[INK_COUNT][3] = {
    [INK_TEXT] = {0.13, 0.13, 0.13},   [INK_GREY] = {0.42, 0.42, 0.42},
    [INK_PALE] = {0.88, 0.88, 0.88},   [INK_WHITE] = {1, 1, 1},
    [INK_BLUE] = {0, 0.447, 0.698},    [INK_ORANGE] = {0.902, 0.624, 0},
    [INK_GREEN] = {0, 0.620, 0.451},   [INK_VERMILION] = {0.835, 0.369, 0},
    [INK_SKY] = {0.337, 0.706, 0.914}, [INK_PURPLE] = {0.8, 0.475, 0.655}};

static cairo_status_t canvas_collect(void *closure, const unsigned char *bytes, unsigned int n)
{
    text_add_bytes(closure, n, bytes);
    return CAIRO_STATUS_SUCCESS;
}

canvas_t *canvas_create(double width, double height)
{
    canvas_t *c = MEM_NEW(canvas_t, 1);
    c->width = width;
    c->height = height;
    c->svg = text_create();
    c->surface[TARGET_PNG] =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width * PIXELS_PER_POINT),
                                   (int)ceil(height * PIXELS_PER_POINT));
    c->surface[TARGET_SVG] =
        cairo_svg_surface_create_for_stream(canvas_collect, &c->svg, width, height);
    for (int t = 0; t < TARGETS; t++) {
        c->cairo[t] = cairo_create(c->surface[t]);
        cairo_set_line_join(c->cairo[t], CAIRO_LINE_JOIN_ROUND);
    }
    cairo_scale(c->cairo[TARGET_PNG], PIXELS_PER_POINT, PIXELS_PER_POINT);
    canvas_box(c, (box_t){0, 0, width, height}, (pen_t){INK_WHITE, 1, 0});
    return c;
}

void canvas_destroy(canvas_t **canvas)
{
    if (*canvas == NULL)
        return;
    for (int t = 0; t < TARGETS; t++) {
        cairo_destroy((*canvas)->cairo[t]);
        cairo_surface_destroy((*canvas)->surface[t]);
    }
    text_free(&(*canvas)->svg);
    free(*canvas);
    *canvas = NULL;
}

/* The context of one surface, with colour and line width set. */
static cairo_t *canvas_pen(canvas_t *c, int target, pen_t pen)
{
    const double *rgb = canvas_inks[pen.ink];
    cairo_set_source_rgba(c->cairo[target], rgb[0], rgb[1], rgb[2], pen.alpha);
    cairo_set_line_width(c->cairo[target], pen.width);
    return c->cairo[target];
}

void canvas_line(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen)
{
    const double x[2] = {x0, x1}, y[2] = {y0, y1};
    canvas_path(c, 2, x, y, pen);
}

void canvas_dashed(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen)
{
    const double dash[2] = {4, 3};
    for (int t = 0; t < TARGETS; t++)
        cairo_set_dash(c->cairo[t], dash, 2, 0);
    canvas_line(c, x0, y0, x1, y1, pen);
    for (int t = 0; t < TARGETS; t++)
        cairo_set_dash(c->cairo[t], NULL, 0, 0);
}

void canvas_path(canvas_t *c, size_t n, const double *x, const double *y, pen_t pen)
{
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = canvas_pen(c, t, pen);
        for (size_t i = 0; i < n; i++)
            cairo_line_to(cairo, x[i], y[i]);
        cairo_stroke(cairo);
    }
}

void canvas_area(canvas_t *c, size_t n, const double *x, const double *y, pen_t pen)
{
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = canvas_pen(c, t, pen);
        for (size_t i = 0; i < n; i++)
            cairo_line_to(cairo, x[i], y[i]);
        cairo_close_path(cairo);
        cairo_fill(cairo);
    }
}

void canvas_box(canvas_t *c, box_t box, pen_t pen)
{
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = canvas_pen(c, t, pen);
        cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
        cairo_fill(cairo);
    }
}

void canvas_disc(canvas_t *c, double x, double y, double radius, pen_t pen)
{
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = canvas_pen(c, t, pen);
        cairo_new_sub_path(cairo);
        cairo_arc(cairo, x, y, radius, 0, 2 * M_PI);
        cairo_fill(cairo);
    }
}

/* Grey from white to near black; what is not a number is pale blue. */
static uint32_t canvas_grey(double level)
{
    const double *ink = canvas_inks[INK_TEXT];
    double at = level < 0 ? 0 : level > 1 ? 1 : level;
    uint32_t colour = 0;
    if (isnan(level))
        return 0xd9e8f5;
    for (int k = 0; k < 3; k++)
        colour = colour << 8 | (uint32_t)lround(255 * (1 - at + at * ink[k]));
    return colour;
}

static cairo_surface_t *canvas_pixels(int rows, int columns, const double *level)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows);
    cairo_surface_flush(s);
    unsigned char *bytes = cairo_image_surface_get_data(s);
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < columns; k++) {
            uint32_t colour = canvas_grey(level[(size_t)r * (size_t)columns + (size_t)k]);
            memcpy(bytes + (size_t)r * (size_t)cairo_image_surface_get_stride(s) + 4 * (size_t)k,
                   &colour, sizeof colour);
        }
    cairo_surface_mark_dirty(s);
    return s;
}

void canvas_image(canvas_t *c, box_t box, int rows, int columns, const double *level)
{
    cairo_surface_t *pixels = canvas_pixels(rows, columns, level);
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = c->cairo[t];
        cairo_save(cairo);
        cairo_translate(cairo, box.x, box.y);
        cairo_scale(cairo, box.width / columns, box.height / rows);
        cairo_set_source_surface(cairo, pixels, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
        cairo_rectangle(cairo, 0, 0, columns, rows);
        cairo_fill(cairo);
        cairo_restore(cairo);
    }
    cairo_surface_destroy(pixels);
}

void canvas_clip(canvas_t *c, box_t box)
{
    for (int t = 0; t < TARGETS; t++) {
        cairo_save(c->cairo[t]);
        cairo_rectangle(c->cairo[t], box.x, box.y, box.width, box.height);
        cairo_clip(c->cairo[t]);
    }
}

void canvas_unclip(canvas_t *c)
{
    for (int t = 0; t < TARGETS; t++)
        cairo_restore(c->cairo[t]);
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

static cairo_t *canvas_type(canvas_t *c, int target, type_t type)
{
    cairo_t *cairo = canvas_pen(c, target, (pen_t){type.ink, 1, 1});
    cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           type.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, type.size);
    return cairo;
}

static double canvas_clean_width(canvas_t *c, type_t type, const char *clean)
{
    cairo_text_extents_t extents;
    cairo_text_extents(canvas_type(c, TARGET_PNG, type), clean, &extents);
    return extents.x_advance;
}

static void canvas_show(canvas_t *c, double x, double y, double turn, type_t type, const char *text)
{
    char *clean = utf8_clean(text);
    double width = canvas_clean_width(c, type, clean);
    double shift = type.align == ALIGN_LEFT ? 0 : type.align == ALIGN_CENTRE ? width / 2 : width;
    for (int t = 0; t < TARGETS; t++) {
        cairo_t *cairo = canvas_type(c, t, type);
        cairo_save(cairo);
        cairo_translate(cairo, x, y);
        cairo_rotate(cairo, turn);
        cairo_move_to(cairo, -shift, 0);
        cairo_show_text(cairo, clean);
        cairo_new_path(cairo);
        cairo_restore(cairo);
    }
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
    double width = canvas_clean_width(c, type, clean);
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

void canvas_text_within(canvas_t *c, double x, double y, type_t type, double width,
                        const char *text)
{
    char *fitted = canvas_text_fit(c, type, width, text);
    canvas_text(c, x, y, type, fitted);
    free(fitted);
}

static err_t canvas_save_png(canvas_t *c, const char *path, const stamp_t *stamp)
{
    cairo_surface_t *image = c->surface[TARGET_PNG];
    cairo_status_t status = cairo_status(c->cairo[TARGET_PNG]);
    if (status != CAIRO_STATUS_SUCCESS)
        return err_fail(ERR_FAILED, "%s: drawing failed: %s", path, cairo_status_to_string(status));
    cairo_surface_flush(image);
    png_image_t png = {.width = cairo_image_surface_get_width(image),
                       .height = cairo_image_surface_get_height(image),
                       .stride = cairo_image_surface_get_stride(image),
                       .pixels = cairo_image_surface_get_data(image),
                       .dots_per_inch = 96 * PIXELS_PER_POINT};
    return png_file_write(path, &png, stamp);
}

static err_t canvas_save_svg(canvas_t *c, const char *path)
{
    cairo_surface_finish(c->surface[TARGET_SVG]);
    return file_replace(path, c->svg.length, c->svg.data);
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
