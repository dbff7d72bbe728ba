// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/coverage.h"
#include "diagnostics/plot.h"

#include <stdio.h>
#include <stdlib.h>

static void coverage_draw(const axes_t *a, const coverage_t *c)
{
    size_t points = (size_t)c->points, n = 2 * points;
    double *x = MEM_NEW(double, n), *y = MEM_NEW(double, n);
    for (size_t j = 0; j < points; j++) {
        x[j] = x[n - 1 - j] = axes_x(a, c->width[j]);
        y[j] = axes_y(a, c->high[j]);
        y[n - 1 - j] = axes_y(a, c->low[j]);
    }
    canvas_clip(a->canvas, a->area);
    canvas_area(a->canvas, n, x, y, (pen_t){INK_BLUE, 0.22, 0});
    canvas_dashed(a->canvas, axes_x(a, 0), axes_y(a, 0), axes_x(a, 1), axes_y(a, 1),
                  (pen_t){INK_TEXT, 1, 1});
    for (size_t j = 0; j < points; j++)
        y[j] = axes_y(a, c->share[j]);
    canvas_path(a->canvas, points, x, y, (pen_t){INK_BLUE, 1, 1.6});
    canvas_unclip(a->canvas);
    free(x);
    free(y);
}

static void coverage_panel(figure_t *f, const samples_t *samples, const metrics_t *metrics, int k)
{
    marginal_t m = digest_marginal(samples->digest, k);
    coverage_t c = coverage_create(&m);
    char line[64];
    snprintf(line, sizeof line, "95 %% interval holds %.1f %%",
             100 * metrics->parameter[k].coverage_95);
    axes_t a = figure_axes(f, k, (range_t){0, 1}, (range_t){0, 1}, samples->names[k], line);
    coverage_draw(&a, &c);
    coverage_free(&c);
}

err_t figure_coverage(const char *path, const stamp_t *stamp, const samples_t *samples,
                      const metrics_t *metrics)
{
    char note[160];
    snprintf(note, sizeof note, "%ld data sets; shaded: 95 %% uncertainty of the share",
             (long)samples->digest->n);
    figure_t f = figure_create(samples->digest->d, 1, "Coverage of central intervals", note);
    for (int k = 0; k < samples->digest->d; k++)
        coverage_panel(&f, samples, metrics, k);
    figure_labels(&f, "width of the interval", "share of true values inside");
    return figure_finish(&f, path, stamp);
}
