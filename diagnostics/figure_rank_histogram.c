// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/plot.h"
#include "diagnostics/ranks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void histogram_draw(const axes_t *a, const rank_histogram_t *h, double expected)
{
    double left = axes_x(a, 0), right = axes_x(a, 1);
    for (int b = 0; b < RANK_BINS; b++) {
        double x = axes_x(a, (double)b / RANK_BINS), top = axes_y(a, (double)h->count[b]);
        double width = axes_x(a, 1.0 / RANK_BINS) - left;
        int outside = h->count[b] < h->low || h->count[b] > h->high;
        canvas_box(a->canvas, (box_t){x + 0.75, top, width - 1.5, axes_y(a, 0) - top},
                   (pen_t){outside ? INK_VERMILION : INK_BLUE, 0.75, 0});
    }
    double top = axes_y(a, (double)h->high), bottom = axes_y(a, (double)h->low);
    canvas_box(a->canvas, (box_t){left, top, right - left, bottom - top},
               (pen_t){INK_GREY, 0.22, 0});
    canvas_dashed(a->canvas, left, axes_y(a, expected), right, axes_y(a, expected),
                  (pen_t){INK_TEXT, 1, 0.9});
}

static void histogram_panel(figure_t *f, const samples_t *samples, int k)
{
    marginal_t m = digest_marginal(samples->digest, k);
    double *ranks = MEM_NEW(double, m.n);
    ranks_fractional(&m, ranks);
    rank_histogram_t h = rank_histogram(m.n, ranks);
    double most = (double)h.high;
    int outside = 0;
    for (int b = 0; b < RANK_BINS; b++) {
        most = fmax(most, (double)h.count[b]);
        outside += h.count[b] < h.low || h.count[b] > h.high;
    }
    char line[64];
    snprintf(line, sizeof line, "%d of %d bins outside", outside, RANK_BINS);
    axes_t a =
        figure_axes(f, k, (range_t){0, 1}, (range_t){0, 1.12 * most}, samples->names[k], line);
    histogram_draw(&a, &h, (double)m.n / RANK_BINS);
    free(ranks);
}

err_t figure_rank_histogram(const char *path, const stamp_t *stamp, const samples_t *samples)
{
    char note[160];
    snprintf(note, sizeof note, "%ld data sets; grey: central 99 %% of a uniform's counts",
             (long)samples->digest->n);
    figure_t f =
        figure_create(samples->digest->d, 1.3, "Ranks of the true values among the draws", note);
    for (int k = 0; k < samples->digest->d; k++)
        histogram_panel(&f, samples, k);
    figure_labels(&f, "fractional rank", "data sets");
    return figure_finish(&f, path, stamp);
}
