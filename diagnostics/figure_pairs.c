// SPDX-License-Identifier: Apache-2.0
// A square of cells, names on the left and below, tick labels on the outside only.
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/plot.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAIR_BINS = 24, PAIR_POINTS = 500 };
static const double PAIRS_LEFT = 74, PAIRS_TOP = 50, PAIRS_BOTTOM = 48, PAIRS_RIGHT = 16,
                    PAIRS_GAP = 10, PAIRS_LEAST = 300; // width, for a title

typedef struct {
    int64_t s;
    int d;
    const double *truth;
    const char *const *names;
    double **column; // [d] -> (s)
    range_t *range;  // (d)
    double cell;
    canvas_t *canvas;
} pairs_t;

static axes_t pairs_axes(const pairs_t *p, int row, int column)
{
    axes_t a = {.canvas = p->canvas,
                .x = p->range[column],
                .y = p->range[row],
                .overhang = PAIRS_GAP / 2 - 1};
    a.area = (box_t){PAIRS_LEFT + column * (p->cell + PAIRS_GAP),
                     PAIRS_TOP + row * (p->cell + PAIRS_GAP), p->cell, p->cell};
    return a;
}

static void pairs_histogram(const pairs_t *p, int k)
{
    axes_t a = pairs_axes(p, k, k);
    double count[PAIR_BINS] = {0}, most = 0, width = (a.x.high - a.x.low) / PAIR_BINS;
    for (int64_t i = 0; i < p->s; i++) {
        int bin = (int)((p->column[k][i] - a.x.low) / width);
        bin = bin < 0 ? 0 : bin >= PAIR_BINS ? PAIR_BINS - 1 : bin;
        count[bin]++;
        most = fmax(most, count[bin]);
    }
    a.y = (range_t){0, 1.1 * most};
    double base = a.area.y + a.area.height;
    for (int b = 0; b < PAIR_BINS; b++) {
        double left = axes_x(&a, a.x.low + b * width),
               right = axes_x(&a, a.x.low + (b + 1) * width);
        double top = axes_y(&a, count[b]);
        canvas_box(a.canvas, (box_t){left, top, right - left, base - top},
                   (pen_t){INK_BLUE, 0.7, 0});
    }
    canvas_line(a.canvas, a.area.x, base, a.area.x + a.area.width, base, (pen_t){INK_GREY, 1, 0.8});
    if (p->truth != NULL)
        canvas_line(a.canvas, axes_x(&a, p->truth[k]), a.area.y, axes_x(&a, p->truth[k]), base,
                    (pen_t){INK_VERMILION, 1, 1.4});
}

static void pairs_scatter(const pairs_t *p, int row, int column)
{
    axes_t a = pairs_axes(p, row, column);
    axes_x_axis(&a, row == p->d - 1);
    axes_y_axis(&a, column == 0);
    int64_t shown = p->s < PAIR_POINTS ? p->s : PAIR_POINTS;
    canvas_clip(a.canvas, a.area);
    for (int64_t j = 0; j < shown; j++) {
        int64_t i = j * p->s / shown;
        canvas_disc(a.canvas, axes_x(&a, p->column[column][i]), axes_y(&a, p->column[row][i]), 1.1,
                    (pen_t){INK_BLUE, 0.35, 0});
    }
    if (p->truth != NULL) {
        double x = axes_x(&a, p->truth[column]), y = axes_y(&a, p->truth[row]);
        canvas_disc(a.canvas, x, y, 4.2, (pen_t){INK_WHITE, 1, 0});
        canvas_disc(a.canvas, x, y, 3, (pen_t){INK_VERMILION, 1, 0});
    }
    canvas_unclip(a.canvas);
}

static void pairs_correlation(const pairs_t *p, int row, int column)
{
    axes_t a = pairs_axes(p, row, column);
    const double *x = p->column[column], *y = p->column[row];
    double mx = stats_mean(p->s, x), my = stats_mean(p->s, y), xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < p->s; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    double r = xx * yy > 0 ? xy / sqrt(xx * yy) : 0;
    char text[16];
    snprintf(text, sizeof text, "%s%.2f", r <= -0.005 ? "−" : "", fabs(r));
    type_t type = {8.5 + 6 * fabs(r), 0, fabs(r) < 0.2 ? INK_GREY : INK_TEXT, ALIGN_CENTRE};
    canvas_text(a.canvas, a.area.x + a.area.width / 2, a.area.y + a.area.height / 2 + type.size / 3,
                type, text);
}

static void pairs_names(const pairs_t *p, int k)
{
    const type_t type = {9.5, 1, INK_TEXT, ALIGN_CENTRE};
    axes_t a = pairs_axes(p, k, k);
    char *name = canvas_text_fit(p->canvas, type, p->cell, p->names[k]);
    double bottom = PAIRS_TOP + p->d * (p->cell + PAIRS_GAP) - PAIRS_GAP;
    canvas_text(p->canvas, a.area.x + p->cell / 2, bottom + 36, type, name);
    canvas_text_upward(p->canvas, 18, a.area.y + p->cell / 2, type, name);
    free(name);
    if (k == p->d - 1)
        axes_x_axis(&a, 1);
}

static void pairs_draw(pairs_t *p, const char *title)
{
    char note[64];
    snprintf(note, sizeof note, "%ld draws%s", (long)p->s, p->truth ? "; orange: true values" : "");
    canvas_text_within(p->canvas, PAIRS_LEFT, 20, (type_t){13, 1, INK_TEXT, ALIGN_LEFT},
                       fmax(p->d * (p->cell + PAIRS_GAP) - PAIRS_GAP, PAIRS_LEAST), title);
    canvas_text(p->canvas, PAIRS_LEFT, 35, (type_t){9, 0, INK_GREY, ALIGN_LEFT}, note);
    for (int row = 0; row < p->d; row++) {
        pairs_names(p, row);
        pairs_histogram(p, row);
        for (int column = 0; column < p->d; column++) {
            if (column < row)
                pairs_scatter(p, row, column);
            else if (column > row)
                pairs_correlation(p, row, column);
        }
    }
}

err_t figure_pairs(const char *path, const stamp_t *stamp, int64_t s, int d, const double *draws,
                   const double *truth, const char *const *names)
{
    pairs_t p = {.s = s, .d = d, .truth = truth, .names = names};
    p.cell = d <= 3 ? 140 : d <= 6 ? 110 : 80;
    p.column = MEM_NEW(double *, d);
    p.range = MEM_NEW(range_t, d);
    for (int k = 0; k < d; k++) {
        p.column[k] = MEM_NEW(double, s);
        for (int64_t i = 0; i < s; i++)
            p.column[k][i] = draws[i * d + k];
        p.range[k] = range_of((long)s, p.column[k]);
        if (truth != NULL)
            p.range[k] = range_join(p.range[k], (range_t){truth[k], truth[k]});
        p.range[k] = range_pad(p.range[k], 0.03);
    }
    double side = d * (p.cell + PAIRS_GAP) - PAIRS_GAP;
    p.canvas = canvas_create(PAIRS_LEFT + fmax(side, PAIRS_LEAST) + PAIRS_RIGHT,
                             PAIRS_TOP + side + PAIRS_BOTTOM);
    pairs_draw(&p, stamp->title ? stamp->title : "Posterior");
    err_t err = canvas_save(p.canvas, path, stamp);
    canvas_destroy(&p.canvas);
    for (int k = 0; k < d; k++)
        free(p.column[k]);
    free(p.column);
    free(p.range);
    return err;
}
