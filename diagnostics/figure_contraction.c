// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void contraction_panel(figure_t *f, const samples_t *samples, const metrics_t *metrics,
                              int k)
{
    marginal_t m = digest_marginal(samples->digest, k);
    int64_t shown = figure_shown(m.n);
    double *x = MEM_NEW(double, shown), *y = MEM_NEW(double, shown);
    double prior = recovery_prior_variance(&m);
    for (int64_t j = 0; j < shown; j++) {
        int64_t i = figure_pick(m.n, j);
        x[j] = recovery_contraction_of(&m, i, prior);
        y[j] = recovery_z_score_of(&m, i);
    }
    range_t z = range_of((long)shown, y);
    double reach = fmax(3.6, 1.08 * fmax(fabs(z.low), fabs(z.high)));
    char line[64];
    snprintf(line, sizeof line, "contraction %.2f, z-score %.2f", metrics->parameter[k].contraction,
             metrics->parameter[k].z_score);
    axes_t a = figure_axes(f, k, (range_t){-0.02, 1.02}, (range_t){-reach, reach},
                           samples->names[k], line);
    canvas_box(a.canvas,
               (box_t){a.area.x, axes_y(&a, 2), a.area.width, axes_y(&a, -2) - axes_y(&a, 2)},
               (pen_t){INK_GREY, 0.12, 0});
    canvas_dashed(a.canvas, a.area.x, axes_y(&a, 0), a.area.x + a.area.width, axes_y(&a, 0),
                  (pen_t){INK_GREY, 1, 0.8});
    for (int64_t j = 0; j < shown; j++) {
        if (isfinite(x[j]) && isfinite(y[j]))
            canvas_disc(a.canvas, axes_x(&a, x[j]), axes_y(&a, y[j]), shown > 200 ? 1.8 : 2.3,
                        (pen_t){INK_BLUE, 0.5, 0});
    }
    free(x);
    free(y);
}

err_t figure_contraction(const char *path, const stamp_t *stamp, const samples_t *samples,
                         const metrics_t *metrics)
{
    char note[160];
    char *shown = figure_shown_words(samples->digest->n);
    snprintf(note, sizeof note, "%s; numbers: medians; grey: z-scores within ±2", shown);
    free(shown);
    figure_t f = figure_create(samples->digest->d, 1.15,
                               "What the data tell, and how wrong the posterior is", note);
    for (int k = 0; k < samples->digest->d; k++)
        contraction_panel(&f, samples, metrics, k);
    figure_labels(&f, "posterior contraction", "posterior z-score");
    return figure_finish(&f, path, stamp);
}
