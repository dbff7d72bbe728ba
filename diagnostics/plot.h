/* SPDX-License-Identifier: Apache-2.0
 *
 * Axes and the grid of panels that every figure is made of: a title over the figure, labels shared by all panels, one
 * panel a parameter with its own title, a second line below it, and axes with round tick values.
 */
#ifndef DIAGNOSTICS_PLOT_H
#define DIAGNOSTICS_PLOT_H

#include "diagnostics/canvas.h"

enum { TICKS_CAP = 16 };

typedef struct {
    int n;
    double at[TICKS_CAP];
    char label[TICKS_CAP][24];
} ticks_t;

/* Round values (1, 2 or 5 times a power of ten) inside [low, high], `most` at most (Heckbert 1990, "Nice numbers for
 * graph labels"). */
ticks_t plot_ticks(double low, double high, int most);

typedef struct {
    double low, high;
} range_t;
range_t range_of(long n, const double *x); // of the finite values; [0, 1] when there are none
range_t range_join(range_t a, range_t b);
range_t range_pad(range_t r, double share); // wider by this share on both sides; never empty

typedef struct {
    canvas_t *canvas;
    box_t area;
    range_t x, y;
    double
        overhang; // how far x tick labels may stand out beside the area; those beyond are left out
} axes_t;
double axes_x(const axes_t *a, double x); // on the canvas
double axes_y(const axes_t *a, double y);

/* Spine, grid lines and ticks of one axis, with labels below or left of the area. */
void axes_x_axis(const axes_t *a, int labels);
void axes_y_axis(const axes_t *a, int labels);

/* A figure of n panels with areas of one size; width / height of an area is `aspect`. */
typedef struct {
    canvas_t *canvas;
    int panels, columns, rows;
    double area_width, area_height;
} figure_t;
figure_t figure_create(int panels, double aspect, const char *title, const char *note);
void figure_labels(figure_t *f, const char *x_label, const char *y_label);
/* Axes of panel i with frame, ticks, title (cut with an ellipsis where too long) and a grey second line (may be empty). */
axes_t figure_axes(figure_t *f, int panel, range_t x, range_t y, const char *title,
                   const char *line);
/* Saves and frees. */
err_t figure_finish(figure_t *f, const char *path, const stamp_t *stamp) ERR_MUST_CHECK;

#endif
