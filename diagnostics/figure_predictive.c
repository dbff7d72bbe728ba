// SPDX-License-Identifier: Apache-2.0
// Blue areas hold 50 % and 90 % of the replicates at each place; the observed data set is dark, and vermilion where it lies
// outside the larger area.
#include "diagnostics/figure_predictive.h"

#include "cluster/mem.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOTS_MOST = 60 }; // observed points of a series that get a dot each

static const pen_t outer_pen = {INK_SKY, 0.35, 0}, inner_pen = {INK_BLUE, 0.40, 0},
                   middle_pen = {INK_BLUE, 1, 1.1}, line_pen = {INK_TEXT, 1, 1.2},
                   outside_pen = {INK_VERMILION, 1, 0};

static bool outside(const predictive_panel_t *p, int64_t k)
{
    return p->observed[k] < p->quantile[PANEL_Q05][k] || p->observed[k] > p->quantile[PANEL_Q95][k];
}

static range_t y_range(const predictive_panel_t *p)
{
    range_t y =
        range_join(range_of(p->n, p->observed), range_join(range_of(p->n, p->quantile[PANEL_Q05]),
                                                           range_of(p->n, p->quantile[PANEL_Q95])));
    if (p->kind == PREDICTIVE_SET)
        return (range_t){0, 1.08 * fmax(y.high, 1)};
    return range_pad(y, 0.05);
}

static range_t x_range(const predictive_panel_t *p)
{
    if (p->kind == PREDICTIVE_SET)
        return range_pad((range_t){p->at[0], p->at[p->n]}, 0.02);
    if (p->kind == PREDICTIVE_VECTOR)
        return (range_t){0.4, (double)p->n + 0.6};
    return (range_t){1, fmax((double)p->n, 2)};
}

/* ---- histograms ---- */

static void bin_area(const axes_t *a, const predictive_panel_t *p, int low, int high, pen_t pen)
{
    for (int64_t b = 0; b < p->n; b++) {
        double left = axes_x(a, p->at[b]), right = axes_x(a, p->at[b + 1]),
               top = axes_y(a, p->quantile[high][b]), bottom = axes_y(a, p->quantile[low][b]);
        if (bottom > top)
            canvas_box(a->canvas, (box_t){left, top, right - left, bottom - top}, pen);
    }
}

static void draw_bins(const axes_t *a, const predictive_panel_t *p)
{
    double *x = MEM_NEW(double, 2 * p->n + 2), *y = MEM_NEW(double, 2 * p->n + 2);
    bin_area(a, p, PANEL_Q05, PANEL_Q95, outer_pen);
    bin_area(a, p, PANEL_Q25, PANEL_Q75, inner_pen);
    for (int64_t b = 0; b < p->n; b++)
        canvas_line(a->canvas, axes_x(a, p->at[b]), axes_y(a, p->quantile[PANEL_Q50][b]),
                    axes_x(a, p->at[b + 1]), axes_y(a, p->quantile[PANEL_Q50][b]), middle_pen);
    x[0] = axes_x(a, p->at[0]);
    y[0] = axes_y(a, 0);
    for (int64_t b = 0; b < p->n; b++) {
        x[2 * b + 1] = axes_x(a, p->at[b]);
        x[2 * b + 2] = axes_x(a, p->at[b + 1]);
        y[2 * b + 1] = y[2 * b + 2] = axes_y(a, p->observed[b]);
    }
    x[2 * p->n + 1] = axes_x(a, p->at[p->n]);
    y[2 * p->n + 1] = axes_y(a, 0);
    canvas_path(a->canvas, (size_t)(2 * p->n + 2), x, y, line_pen);
    for (int64_t b = 0; b < p->n; b++)
        if (outside(p, b))
            canvas_disc(a->canvas, axes_x(a, (p->at[b] + p->at[b + 1]) / 2),
                        axes_y(a, p->observed[b]), 2.6, outside_pen);
    free(x);
    free(y);
}

/* ---- series ---- */

static void ribbon(const axes_t *a, const predictive_panel_t *p, int low, int high, pen_t pen)
{
    double *x = MEM_NEW(double, 2 * p->n), *y = MEM_NEW(double, 2 * p->n);
    int64_t m = 0;
    for (int64_t k = 0; k < p->n; k++)
        if (!isnan(p->quantile[high][k])) {
            x[m] = axes_x(a, p->at[k]);
            y[m++] = axes_y(a, p->quantile[high][k]);
        }
    for (int64_t k = p->n - 1; k >= 0; k--)
        if (!isnan(p->quantile[low][k])) {
            x[m] = axes_x(a, p->at[k]);
            y[m++] = axes_y(a, p->quantile[low][k]);
        }
    canvas_area(a->canvas, (size_t)m, x, y, pen);
    free(x);
    free(y);
}

/* A line through what is there. */
static void curve(const axes_t *a, int64_t n, const double *at, const double *value, pen_t pen)
{
    double *x = MEM_NEW(double, n), *y = MEM_NEW(double, n);
    for (int64_t k = 0; k < n;) {
        size_t m = 0;
        for (; k < n && !isnan(value[k]); k++) {
            x[m] = axes_x(a, at[k]);
            y[m++] = axes_y(a, value[k]);
        }
        if (m > 1)
            canvas_path(a->canvas, m, x, y, pen);
        k++;
    }
    free(x);
    free(y);
}

static void dots(const axes_t *a, const predictive_panel_t *p, bool all)
{
    for (int64_t k = 0; k < p->n; k++)
        if (!isnan(p->observed[k]) && (all || outside(p, k)))
            canvas_disc(a->canvas, axes_x(a, p->at[k]), axes_y(a, p->observed[k]),
                        outside(p, k) ? 2.4 : 2,
                        outside(p, k) ? outside_pen : (pen_t){INK_TEXT, 1, 0});
}

static void draw_series(const axes_t *a, const predictive_panel_t *p)
{
    ribbon(a, p, PANEL_Q05, PANEL_Q95, outer_pen);
    ribbon(a, p, PANEL_Q25, PANEL_Q75, inner_pen);
    curve(a, p->n, p->at, p->quantile[PANEL_Q50], middle_pen);
    curve(a, p->n, p->at, p->observed, line_pen);
    dots(a, p, p->n <= DOTS_MOST);
}

/* ---- vectors ---- */

static void bar(const axes_t *a, const predictive_panel_t *p, int64_t k, int low, int high,
                double width, pen_t pen)
{
    double top = axes_y(a, p->quantile[high][k]), bottom = axes_y(a, p->quantile[low][k]);
    canvas_box(a->canvas,
               (box_t){axes_x(a, p->at[k]) - width / 2, top, width, fmax(bottom - top, 0.8)}, pen);
}

static void draw_vector(const axes_t *a, const predictive_panel_t *p)
{
    double room = a->area.width / (double)(p->n + 1), width = fmin(10, 0.7 * room);
    for (int64_t k = 0; k < p->n; k++) {
        if (isnan(p->quantile[PANEL_Q50][k]))
            continue;
        double at = axes_x(a, p->at[k]), middle = axes_y(a, p->quantile[PANEL_Q50][k]);
        bar(a, p, k, PANEL_Q05, PANEL_Q95, width, outer_pen);
        bar(a, p, k, PANEL_Q25, PANEL_Q75, width, inner_pen);
        canvas_line(a->canvas, at - width / 2, middle, at + width / 2, middle, middle_pen);
    }
    dots(a, p, true);
}

/* ---- the figure ---- */

static void draw_panel(figure_t *f, int i, const predictive_picture_t *picture)
{
    const predictive_panel_t *p = &picture->panel;
    axes_t a = figure_axes(f, i, x_range(p), y_range(p), picture->title, picture->line);
    canvas_clip(a.canvas, a.area);
    switch (p->kind) {
    case PREDICTIVE_SET:
        draw_bins(&a, p);
        break;
    case PREDICTIVE_SERIES:
        draw_series(&a, p);
        break;
    case PREDICTIVE_VECTOR:
        draw_vector(&a, p);
        break;
    case PREDICTIVE_IMAGE:
        break; // has no panel
    }
    canvas_unclip(a.canvas);
}

/* What all panels share, or "". */
static const char *shared_name(int n, const predictive_picture_t *pictures)
{
    for (int i = 1; i < n; i++)
        if (strcmp(pictures[i].panel.observable, pictures[0].panel.observable) != 0)
            return "";
    return pictures[0].panel.observable;
}

static bool all_of_kind(int n, const predictive_picture_t *pictures, predictive_kind_t kind)
{
    for (int i = 0; i < n; i++)
        if (pictures[i].panel.kind != kind)
            return false;
    return true;
}

static bool any_scaled(int n, const predictive_picture_t *pictures)
{
    for (int i = 0; i < n; i++)
        if (pictures[i].panel.scaled)
            return true;
    return false;
}

err_t figure_predictive(const char *path, const stamp_t *stamp, int n,
                        const predictive_picture_t *pictures, const char *note)
{
    figure_t f = figure_create(n, n == 1 ? 1.6 : 1.35, "Posterior predictive check", note);
    for (int i = 0; i < n; i++)
        draw_panel(&f, i, &pictures[i]);
    const char *name = shared_name(n, pictures);
    if (all_of_kind(n, pictures, PREDICTIVE_SET))
        figure_labels(&f, name, "elements");
    else if (all_of_kind(n, pictures, PREDICTIVE_SERIES))
        figure_labels(&f, "place in the series", name);
    else if (all_of_kind(n, pictures, PREDICTIVE_VECTOR))
        figure_labels(&f, "value",
                      any_scaled(n, pictures) ? "less its median, in 90 % half-widths" : name);
    return figure_finish(&f, path, stamp);
}
