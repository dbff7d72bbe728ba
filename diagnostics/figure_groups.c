// SPDX-License-Identifier: Apache-2.0
//
// A line a group, with its name at the left, and a panel a parameter beside it.
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/page.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdlib.h>

enum { LEFT = 24, NAMES = 150, PANEL = 150, GAP = 26, TOP = 78, LINE = 17 };
enum { BELOW = 52, LEAST = 90 }; // height below the lines, and of them

static const type_t TITLE = {14, 1, INK_TEXT, ALIGN_LEFT}, NOTE = {9, 0, INK_GREY, ALIGN_LEFT},
                    HEAD = {10, 1, INK_TEXT, ALIGN_LEFT}, NAME = {8.5, 0, INK_TEXT, ALIGN_RIGHT},
                    LABEL = {10, 0, INK_TEXT, ALIGN_CENTRE};
static const pen_t PEN_SD = {INK_SKY, 0.9, 3}, PEN_MEAN = {INK_BLUE, 1, 0};

typedef struct {
    const group_means_t *x;
    int n, panels; // groups and parameters that are drawn
    int *order;
    canvas_t *canvas;
    double height; // of the lines
} drawing_t;

static double line_y(const drawing_t *d, int i)
{
    return TOP + d->height / d->n * (i + 0.5);
}

static range_t panel_range(const drawing_t *d, int k)
{
    range_t r = {INFINITY, -INFINITY};
    for (int i = 0; i < d->n; i++) {
        double mean = d->x->mean[d->order[i] * d->x->d + k],
               sd = group_means_sd(d->x, d->order[i], k);
        sd = isnan(sd) ? 0 : sd;
        r = range_join(r, (range_t){mean - sd, mean + sd});
    }
    return range_pad(r, 0.06);
}

static void panel(const drawing_t *d, int k, const char *name)
{
    double left = LEFT + NAMES + GAP + k * (PANEL + GAP);
    axes_t a = {.canvas = d->canvas,
                .area = {left, TOP, PANEL, d->height},
                .x = panel_range(d, k),
                .y = {0, 1},
                .overhang = GAP / 2.0};
    axes_x_axis(&a, 1);
    canvas_text_within(d->canvas, left, TOP - 8, HEAD, PANEL, name);
    for (int i = 0; i < d->n; i++) {
        int group = d->order[i];
        double mean = d->x->mean[group * d->x->d + k], sd = group_means_sd(d->x, group, k),
               y = line_y(d, i);
        if (!isnan(sd))
            canvas_line(d->canvas, axes_x(&a, mean - sd), y, axes_x(&a, mean + sd), y, PEN_SD);
        canvas_disc(d->canvas, axes_x(&a, mean), y, 3.2, PEN_MEAN);
    }
}

static void group_names(const drawing_t *d)
{
    for (int i = 0; i < d->n; i++) {
        int group = d->order[i];
        char *words =
            mem_format("%.60s (%s)", d->x->names[group], page_count(d->x->count[group]).text);
        canvas_text_within(d->canvas, LEFT + NAMES + GAP - 8, line_y(d, i) + 3, NAME, NAMES, words);
        free(words);
    }
}

static void heading(const drawing_t *d, const char *column, int all)
{
    char *title = mem_format("Posterior means by %s", column),
         *more = d->n < all ? mem_format(" the %d largest of %d groups;", d->n, all)
                            : mem_copy_text(""),
         *note = mem_format("disc: mean over data sets;%s line: ± one sd between them", more);
    double width = NAMES + d->panels * (PANEL + GAP);
    canvas_text_within(d->canvas, LEFT, 26, TITLE, width, title);
    canvas_text_within(d->canvas, LEFT, 42, NOTE, width, note);
    canvas_text(d->canvas, LEFT + NAMES + GAP + d->panels * (PANEL + GAP) / 2.0,
                TOP + d->height + 38, LABEL, "posterior mean");
    free(title);
    free(more);
    free(note);
}

err_t figure_groups(const char *path, const stamp_t *stamp, const char *column,
                    const char *const *parameters, const group_means_t *x)
{
    drawing_t d = {.x = x, .order = MEM_NEW(int, x->n + 1)};
    int all = group_means_order(x, d.order);
    d.n = all < GROUPS_SHOWN ? all : GROUPS_SHOWN;
    d.panels = x->d < POPULATION_SHOWN ? x->d : POPULATION_SHOWN;
    d.height = fmax(LINE * d.n, LEAST);
    d.canvas =
        canvas_create(LEFT + NAMES + GAP + d.panels * (PANEL + GAP) + LEFT, TOP + d.height + BELOW);
    for (int k = 0; k < d.panels; k++)
        panel(&d, k, parameters[k]);
    group_names(&d);
    heading(&d, column, all);
    free(d.order);
    err_t err = canvas_save(d.canvas, path, stamp);
    canvas_destroy(&d.canvas);
    return err;
}
