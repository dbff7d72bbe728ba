// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/page.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_BINS = 40, FEWEST_BINS = 8 };
static const double beyond = 0.005; // share of data sets at either end that is not drawn

static const pen_t PEN_MEANS = {INK_BLUE, 0.75, 0}, PEN_SDS = {INK_SKY, 0.85, 0},
                   PEN_PRIOR = {INK_VERMILION, 1, 1.2}, PEN_MEDIAN = {INK_TEXT, 1, 1.0};

static range_t shown_range(const histogram_t *h)
{
    const double most = 1e300; // so that no range is infinite
    range_t r = {fmax(histogram_quantile(h, beyond), -most),
                 fmin(histogram_quantile(h, 1 - beyond), most)};
    return range_pad(r, 0.03);
}

/* A few data sets in each. */
static int bins_of(int64_t n)
{
    return (int)fmin(fmax(2 * sqrt((double)n), FEWEST_BINS), MOST_BINS);
}

static void upright(const axes_t *a, double at, pen_t pen)
{
    if (at > a->x.low && at < a->x.high)
        canvas_dashed(a->canvas, axes_x(a, at), a->area.y, axes_x(a, at),
                      a->area.y + a->area.height, pen);
}

static axes_t histogram_panel(figure_t *f, int panel, const histogram_t *h, const char *title,
                              pen_t pen)
{
    double share[MOST_BINS], top = 0;
    range_t r = shown_range(h);
    int bins = bins_of(h->n);
    for (int k = 0; k < bins; k++) {
        share[k] = histogram_between(h, r.low + k * (r.high - r.low) / bins,
                                     r.low + (k + 1) * (r.high - r.low) / bins) /
                   (double)h->n;
        top = fmax(top, share[k]);
    }
    char *line = mem_format("median %.2g, 95 %% %.2g to %.2g", histogram_quantile(h, 0.5),
                            histogram_quantile(h, 0.025), histogram_quantile(h, 0.975));
    axes_t a = figure_axes(f, panel, r, (range_t){0, 1.12 * top}, title, line);
    for (int k = 0; k < bins; k++) {
        double left = axes_x(&a, r.low + k * (r.high - r.low) / bins),
               right = axes_x(&a, r.low + (k + 1) * (r.high - r.low) / bins),
               up = axes_y(&a, share[k]);
        canvas_box(a.canvas, (box_t){left + 0.3, up, right - left - 0.6, axes_y(&a, 0) - up}, pen);
    }
    upright(&a, histogram_quantile(h, 0.5), PEN_MEDIAN);
    free(line);
    return a;
}

static void parameter_panels(figure_t *f, const population_t *x, int k)
{
    char *mean = mem_format("%s, mean", x->names[k]), *sd = mem_format("%s, sd", x->names[k]);
    axes_t a = histogram_panel(f, 2 * k, &x->means[k], mean, PEN_MEANS);
    upright(&a, x->prior_low[k], PEN_PRIOR);
    upright(&a, x->prior_high[k], PEN_PRIOR);
    histogram_panel(f, 2 * k + 1, &x->sds[k], sd, PEN_SDS);
    free(mean);
    free(sd);
}

err_t figure_population(const char *path, const stamp_t *stamp, const population_t *x)
{
    int shown = x->d < POPULATION_SHOWN ? x->d : POPULATION_SHOWN;
    char *note = mem_format("%s data sets%s; red: central 99 %% of the prior",
                            page_count(x->means[0].n).text,
                            shown < x->d ? ", the first six parameters" : "");
    figure_t f = figure_create(2 * shown, 1.3, "Posteriors over all data sets", note);
    for (int k = 0; k < shown; k++)
        parameter_panels(&f, x, k);
    figure_labels(&f, "posterior mean, or standard deviation", "share of data sets");
    free(note);
    return figure_finish(&f, path, stamp);
}
