// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/plot.h"

#include "cluster/mem.h"
#include "diagnostics/markup.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cell is an area with room for tick labels (left, below) and two title lines (above). The figure adds its title on
 * top and the shared labels left and below. */
static const double CELL_LEFT = 46, CELL_RIGHT = 14, CELL_TOP = 40, CELL_BOTTOM = 24;
static const double FIGURE_LEFT = 22, FIGURE_RIGHT = 8, FIGURE_TOP = 44, FIGURE_BOTTOM = 24;
static const double TICK = 4, TICK_TYPE = 8.5;

static const type_t TYPE_FIGURE = {13, 1, INK_TEXT, ALIGN_LEFT},
                    TYPE_NOTE = {9, 0, INK_GREY, ALIGN_LEFT};
static const type_t TYPE_LABEL = {10.5, 0, INK_TEXT, ALIGN_CENTRE},
                    TYPE_PANEL = {10.5, 1, INK_TEXT, ALIGN_LEFT};
static const type_t TYPE_LINE = {8.5, 0, INK_GREY, ALIGN_LEFT};

/* The smallest round step that puts `most` ticks at most inside. */
static double ticks_step(double low, double high, int most)
{
    static const double factor[] = {1, 2, 5, 10, 20, 50};
    double power = pow(10, floor(log10((high - low) / most)));
    for (int i = 0; i < 6; i++) {
        double step = factor[i] * power;
        if (floor(high / step + 1e-9) - ceil(low / step - 1e-9) + 1 <= most)
            return step;
    }
    return 100 * power;
}

static void ticks_label(double value, double step, char label[24])
{
    char plain[24];
    double size = fmax(fabs(value), step);
    if (fabs(value) < step * 1e-9)
        snprintf(plain, sizeof plain, "0");
    else if (size >= 1e5 || step < 1e-4)
        snprintf(plain, sizeof plain, "%.*e",
                 (int)fmax(0, floor(log10(fabs(value)) + 1e-9) - floor(log10(step) + 1e-9)), value);
    else
        snprintf(plain, sizeof plain, "%.*f", (int)fmax(0, -floor(log10(step) + 1e-9)), value);
    char *e = strchr(plain, 'e'); // 2e+05 -> 2e5
    if (e != NULL)
        snprintf(e + 1, sizeof plain - (size_t)(e + 1 - plain), "%d", atoi(e + 1));
    snprintf(label, 24, "%s%s", plain[0] == '-' ? "\u2212" : "", plain + (plain[0] == '-'));
}

ticks_t plot_ticks(double low, double high, int most)
{
    ticks_t t = {0};
    double span = high - low;
    if (!(span > 0) || !isfinite(span) || most < 1)
        return t;
    double step = ticks_step(low, high, most < TICKS_CAP - 1 ? most : TICKS_CAP - 1);
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && t.n < TICKS_CAP;
         k++) {
        t.at[t.n] = k * step;
        ticks_label(k * step, step, t.label[t.n++]);
    }
    return t;
}

range_t range_of(long n, const double *x)
{
    range_t r = {INFINITY, -INFINITY};
    for (long i = 0; i < n; i++) {
        if (isfinite(x[i])) {
            r.low = fmin(r.low, x[i]);
            r.high = fmax(r.high, x[i]);
        }
    }
    return r.low <= r.high ? r : (range_t){0, 1};
}

range_t range_join(range_t a, range_t b)
{
    return (range_t){fmin(a.low, b.low), fmax(a.high, b.high)};
}

range_t range_pad(range_t r, double share)
{
    double size = fmax(fabs(r.low), fabs(r.high));
    double pad = share * (r.high - r.low);
    if (r.high - r.low <= 1e-9 * size)
        pad = 0.1 * size;
    pad = pad > 0 ? pad : 0.5;
    return (range_t){r.low - pad, r.high + pad};
}

double axes_x(const axes_t *a, double x)
{
    return a->area.x + (x - a->x.low) / (a->x.high - a->x.low) * a->area.width;
}

double axes_y(const axes_t *a, double y)
{
    return a->area.y + a->area.height - (y - a->y.low) / (a->y.high - a->y.low) * a->area.height;
}

static int figure_columns(int panels)
{
    if (panels <= 3)
        return panels;
    if (panels == 4)
        return 2;
    return panels <= 9 ? 3 : panels <= 16 ? 4 : panels <= 30 ? 5 : 6;
}

figure_t figure_create(int panels, double aspect, const char *title, const char *note)
{
    static const double width_by_columns[] = {0, 340, 260, 210, 180, 150, 150};
    figure_t f = {.panels = panels, .columns = figure_columns(panels)};
    f.rows = (panels + f.columns - 1) / f.columns;
    f.area_width = width_by_columns[f.columns];
    f.area_height = f.area_width / aspect;
    double width = FIGURE_LEFT + FIGURE_RIGHT + f.columns * (CELL_LEFT + f.area_width + CELL_RIGHT);
    double height = FIGURE_TOP + FIGURE_BOTTOM + f.rows * (CELL_TOP + f.area_height + CELL_BOTTOM);
    f.canvas = canvas_create(ceil(width), ceil(height));
    double left = FIGURE_LEFT + CELL_LEFT, room = width - left - FIGURE_RIGHT;
    canvas_text_within(f.canvas, left, 22, TYPE_FIGURE, room, title);
    canvas_text_within(f.canvas, left, 37, TYPE_NOTE, room, note);
    return f;
}

static double figure_width(const figure_t *f)
{
    return FIGURE_LEFT + FIGURE_RIGHT + f->columns * (CELL_LEFT + f->area_width + CELL_RIGHT);
}

static double figure_height(const figure_t *f)
{
    return FIGURE_TOP + FIGURE_BOTTOM + f->rows * (CELL_TOP + f->area_height + CELL_BOTTOM);
}

void figure_labels(figure_t *f, const char *x_label, const char *y_label)
{
    double left = FIGURE_LEFT + CELL_LEFT, right = figure_width(f) - FIGURE_RIGHT - CELL_RIGHT;
    double top = FIGURE_TOP + CELL_TOP, bottom = figure_height(f) - FIGURE_BOTTOM - CELL_BOTTOM;
    canvas_text(f->canvas, (left + right) / 2, figure_height(f) - 11, TYPE_LABEL, x_label);
    canvas_text_upward(f->canvas, 18, (top + bottom) / 2, TYPE_LABEL, y_label);
}

/* As many ticks as fit with a gap between their labels. */
static ticks_t axes_x_ticks(const axes_t *a)
{
    const type_t type = {TICK_TYPE, 0, INK_TEXT, ALIGN_CENTRE};
    for (int most = 7; most > 1; most--) {
        ticks_t t = plot_ticks(a->x.low, a->x.high, most);
        double used = 0;
        for (int i = 0; i < t.n; i++)
            used = fmax(used, canvas_text_width(a->canvas, type, t.label[i]));
        if (t.n < 2 || used + 8 <= axes_x(a, t.at[1]) - axes_x(a, t.at[0]))
            return t;
    }
    return plot_ticks(a->x.low, a->x.high, 1);
}

void axes_x_axis(const axes_t *a, int labels)
{
    const pen_t spine = {INK_GREY, 1, 0.8}, grid = {INK_PALE, 0.7, 0.6};
    const type_t type = {TICK_TYPE, 0, INK_TEXT, ALIGN_CENTRE};
    double bottom = a->area.y + a->area.height;
    ticks_t x = axes_x_ticks(a);
    for (int i = 0; i < x.n; i++) {
        double at = axes_x(a, x.at[i]);
        canvas_line(a->canvas, at, a->area.y, at, bottom, grid);
        canvas_line(a->canvas, at, bottom, at, bottom + TICK, spine);
        double half = canvas_text_width(a->canvas, type, x.label[i]) / 2;
        bool fits = at - half >= a->area.x - a->overhang &&
                    at + half <= a->area.x + a->area.width + a->overhang;
        if (labels && fits)
            canvas_text(a->canvas, at, bottom + TICK + 10, type, x.label[i]);
    }
    canvas_line(a->canvas, a->area.x, bottom, a->area.x + a->area.width, bottom, spine);
}

void axes_y_axis(const axes_t *a, int labels)
{
    const pen_t spine = {INK_GREY, 1, 0.8}, grid = {INK_PALE, 0.7, 0.6};
    double left = a->area.x;
    ticks_t y = plot_ticks(a->y.low, a->y.high,
                           a->area.height < 110   ? 4
                           : a->area.height < 140 ? 5
                                                  : 6);
    for (int i = 0; i < y.n; i++) {
        double at = axes_y(a, y.at[i]);
        canvas_line(a->canvas, left, at, left + a->area.width, at, grid);
        canvas_line(a->canvas, left - TICK, at, left, at, spine);
        if (labels)
            canvas_text(a->canvas, left - TICK - 3, at + 3,
                        (type_t){TICK_TYPE, 0, INK_TEXT, ALIGN_RIGHT}, y.label[i]);
    }
    canvas_line(a->canvas, left, a->area.y, left, a->area.y + a->area.height, spine);
}

/* The text with a true minus before numbers; the caller frees it. */
static char *text_with_minus(const char *text)
{
    text_t out = text_create();
    for (const char *c = text; *c; c++) {
        int number = *c == '-' && (c == text || c[-1] == ' ') && c[1] >= '0' && c[1] <= '9';
        if (number)
            text_add(&out, "\u2212");
        else
            text_add_bytes(&out, 1, c);
    }
    return out.data;
}

axes_t figure_axes(figure_t *f, int panel, range_t x, range_t y, const char *title,
                   const char *line)
{
    int column = panel % f->columns, row = panel / f->columns;
    axes_t a = {.canvas = f->canvas, .x = x, .y = y, .overhang = CELL_RIGHT + FIGURE_RIGHT};
    a.area = (box_t){FIGURE_LEFT + column * (CELL_LEFT + f->area_width + CELL_RIGHT) + CELL_LEFT,
                     FIGURE_TOP + row * (CELL_TOP + f->area_height + CELL_BOTTOM) + CELL_TOP,
                     f->area_width, f->area_height};
    char *signed_line = text_with_minus(line);
    canvas_text_within(f->canvas, a.area.x, a.area.y - 20, TYPE_PANEL, f->area_width, title);
    canvas_text_within(f->canvas, a.area.x, a.area.y - 7, TYPE_LINE, f->area_width + CELL_RIGHT,
                       signed_line);
    free(signed_line);
    axes_x_axis(&a, 1);
    axes_y_axis(&a, 1);
    return a;
}

err_t figure_finish(figure_t *f, const char *path, const stamp_t *stamp)
{
    err_t err = canvas_save(f->canvas, path, stamp);
    canvas_destroy(&f->canvas);
    return err;
}
