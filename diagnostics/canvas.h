/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing, through cairo. Units are points of the figure (a PNG has two pixels a point); y grows downward. One drawing
 * gives a PNG and an SVG.
 */
#ifndef DIAGNOSTICS_CANVAS_H
#define DIAGNOSTICS_CANVAS_H

#include "cluster/err.h"

#include <stddef.h>

/* Okabe and Ito's colours (jfly.uni-koeln.de/color), told apart with every kind of colour vision, and greys. */
typedef enum {
    INK_TEXT, // near black
    INK_GREY, // secondary text and guides
    INK_PALE, // grid lines
    INK_WHITE,
    INK_BLUE,
    INK_ORANGE,
    INK_GREEN,
    INK_VERMILION,
    INK_SKY,
    INK_PURPLE,
    INK_COUNT
} ink_t;

typedef struct {
    ink_t ink;
    double alpha, width; // opacity; width of lines
} pen_t;

typedef enum { ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT } align_t;
typedef struct {
    double size;
    int bold;
    ink_t ink;
    align_t align;
} type_t;

typedef struct {
    double x, y, width, height;
} box_t;

/* What the text chunks of a PNG say, beside Software. */
typedef struct {
    const char *study, *weights, *title; // NULL: no such chunk
} stamp_t;

typedef struct canvas canvas_t;
canvas_t *canvas_create(double width, double height); // white
void canvas_destroy(canvas_t **canvas);

void canvas_line(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen);
void canvas_path(canvas_t *c, size_t n, const double *x, const double *y, pen_t pen);
void canvas_dashed(canvas_t *c, double x0, double y0, double x1, double y1, pen_t pen);
void canvas_area(canvas_t *c, size_t n, const double *x, const double *y,
                 pen_t pen);                        // filled polygon
void canvas_box(canvas_t *c, box_t box, pen_t pen); // filled
void canvas_disc(canvas_t *c, double x, double y, double radius, pen_t pen);
/* Grey levels (rows, columns) from 0, white, to 1, near black, filling the box; what is not a number is pale blue. */
void canvas_image(canvas_t *c, box_t box, int rows, int columns, const double *level);
/* Until canvas_unclip, nothing is drawn outside `box`. */
void canvas_clip(canvas_t *c, box_t box);
void canvas_unclip(canvas_t *c);

/* DejaVu Sans; x, y: the baseline at the alignment point. Bytes that are no UTF-8 show as '?'. */
void canvas_text(canvas_t *c, double x, double y, type_t type, const char *text);
void canvas_text_upward(canvas_t *c, double x, double y, type_t type,
                        const char *text); // turned, reading upward
double canvas_text_width(canvas_t *c, type_t type, const char *text);
/* The text, or its beginning and an ellipsis where it is wider than `width`. The caller frees it. */
char *canvas_text_fit(canvas_t *c, type_t type, double width, const char *text);
/* canvas_text of it. */
void canvas_text_within(canvas_t *c, double x, double y, type_t type, double width,
                        const char *text);

/* PNG at `path` (a name ending in .png) and SVG beside it; nothing can be drawn afterwards. ERR_IO. */
err_t canvas_save(canvas_t *c, const char *path, const stamp_t *stamp) ERR_MUST_CHECK;

#endif
