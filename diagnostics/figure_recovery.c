// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/plot.h"

#include <stdio.h>
#include <stdlib.h>

int64_t figure_shown(int64_t n)
{
    return n < FIGURE_POINTS ? n : FIGURE_POINTS;
}

int64_t figure_pick(int64_t n, int64_t i)
{
    return i * n / figure_shown(n);
}

char *figure_shown_words(int64_t n)
{
    int64_t shown = figure_shown(n);
    return shown < n ? mem_format("%ld of %ld data sets", (long)shown, (long)n)
                     : mem_format("%ld data sets", (long)n);
}

static void recovery_points(const axes_t *a, const marginal_t *m)
{
    int64_t shown = figure_shown(m->n);
    double radius = shown > 200 ? 1.7 : 2.3, faint = shown > 200 ? 0.22 : 0.4;
    canvas_clip(a->canvas, a->area);
    for (int64_t k = 0; k < shown; k++) {
        int64_t i = figure_pick(m->n, k);
        const digest_value_t *v = marginal_at(m, i);
        double x = axes_x(a, v->truth);
        canvas_line(a->canvas, x, axes_y(a, v->low), x, axes_y(a, v->high),
                    (pen_t){INK_BLUE, faint, 0.7});
    }
    canvas_dashed(a->canvas, axes_x(a, a->x.low), axes_y(a, a->x.low), axes_x(a, a->x.high),
                  axes_y(a, a->x.high), (pen_t){INK_TEXT, 1, 1});
    for (int64_t k = 0; k < shown; k++) {
        const digest_value_t *v = marginal_at(m, figure_pick(m->n, k));
        canvas_disc(a->canvas, axes_x(a, v->truth), axes_y(a, v->median), radius,
                    (pen_t){INK_BLUE, 0.8, 0});
    }
    canvas_unclip(a->canvas);
}

static range_t recovery_range(const marginal_t *m)
{
    double *value = MEM_NEW(double, 2 * m->n);
    marginal_truths(m, value);
    for (int64_t i = 0; i < m->n; i++)
        value[m->n + i] = marginal_at(m, i)->median;
    range_t range = range_of((long)(2 * m->n), value);
    free(value);
    return range;
}

static void recovery_panel(figure_t *f, const samples_t *samples, const metrics_t *metrics, int k)
{
    marginal_t m = digest_marginal(samples->digest, k);
    range_t both = range_pad(recovery_range(&m), 0.04);
    char line[64];
    snprintf(line, sizeof line, "R = %.3f, NRMSE = %.3f", metrics->parameter[k].correlation,
             metrics->parameter[k].nrmse);
    axes_t a = figure_axes(f, k, both, both, samples->names[k], line);
    recovery_points(&a, &m);
}

err_t figure_recovery(const char *path, const stamp_t *stamp, const samples_t *samples,
                      const metrics_t *metrics)
{
    char note[160];
    char *shown = figure_shown_words(samples->digest->n);
    snprintf(note, sizeof note, "%s; dots: posterior median, lines: 95 %% interval", shown);
    free(shown);
    figure_t f = figure_create(samples->digest->d, 1, "Recovery of simulated parameters", note);
    for (int k = 0; k < samples->digest->d; k++)
        recovery_panel(&f, samples, metrics, k);
    figure_labels(&f, "true value", "posterior");
    return figure_finish(&f, path, stamp);
}
