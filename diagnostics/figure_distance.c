// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/page.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 40, MOST_DISCS = 60, LANES = 3 };

static const pen_t PEN_SIMULATED = {INK_SKY, 0.55, 0}, PEN_OBSERVED = {INK_VERMILION, 0.95, 1.6},
                   PEN_USUAL = {INK_BLUE, 0.95, 1.6}, PEN_LIMIT = {INK_TEXT, 1, 1.2};

/* Everything beyond `high` stands in the last bin, so that one data set far away does not squeeze the rest. */
typedef struct {
    const distances_t *x;
    double high;
    double simulated[BINS], observed[BINS]; // shares
    double top;
    int64_t n, far; // observed with a distance; of them beyond `high`
} bins_t;

static int bin_of(const bins_t *b, double distance)
{
    int k = (int)(distance / b->high * BINS);
    return k < BINS ? k : BINS - 1;
}

static void fill(bins_t *b, int64_t n, const double *distance, double *share)
{
    double count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(distance[i])) {
            share[bin_of(b, distance[i])]++;
            count++;
        }
    for (int k = 0; k < BINS && count > 0; k++) {
        share[k] /= count;
        b->top = fmax(b->top, share[k]);
    }
}

static bins_t bins_create(const distances_t *x)
{
    bins_t b = {.x = x};
    double largest = 0, most = x->reference[x->references - 1];
    for (int64_t i = 0; i < x->n; i++)
        if (!isnan(x->observed[i])) {
            b.n++;
            largest = fmax(largest, x->observed[i]);
        }
    double limit = isfinite(x->threshold) ? 3 * x->threshold : 1.5 * most;
    b.high = 1.04 * fmin(fmax(most, largest), fmax(1.5 * most, limit));
    if (!(b.high > 0))
        b.high = 1;
    for (int64_t i = 0; i < x->n; i++)
        b.far += x->observed[i] > b.high;
    fill(&b, x->references, x->reference, b.simulated);
    if (b.n > MOST_DISCS)
        fill(&b, x->n, x->observed, b.observed);
    return b;
}

static void bars(const axes_t *a, const bins_t *b)
{
    for (int k = 0; k < BINS; k++) {
        double left = axes_x(a, b->high * k / BINS), right = axes_x(a, b->high * (k + 1) / BINS);
        double top = axes_y(a, b->simulated[k]);
        canvas_box(a->canvas, (box_t){left + 0.4, top, right - left - 0.8, axes_y(a, 0) - top},
                   PEN_SIMULATED);
    }
}

/* Outline of the observed ones' histogram. */
static void outline(const axes_t *a, const bins_t *b)
{
    double x[2 * BINS], y[2 * BINS];
    for (int k = 0; k < BINS; k++)
        for (int end = 0; end < 2; end++) {
            x[2 * k + end] = axes_x(a, b->high * (k + end) / BINS);
            y[2 * k + end] = axes_y(a, b->observed[k]);
        }
    canvas_path(a->canvas, 2 * BINS, x, y, PEN_OBSERVED);
}

/* A disc a data set in a strip above the bars, in turn in one of three lanes. */
static void discs(const axes_t *a, const bins_t *b)
{
    double strip = a->area.y + 16;
    int lane = 0;
    for (int64_t i = 0; i < b->x->n; i++) {
        double d = b->x->observed[i];
        if (isnan(d))
            continue;
        double y = strip + 9 * (b->n > 1 ? lane++ % LANES : 1);
        canvas_disc(a->canvas, axes_x(a, fmin(d, b->high)), y, 4, (pen_t){INK_WHITE, 1, 0});
        canvas_disc(a->canvas, axes_x(a, fmin(d, b->high)), y, 3.2,
                    d > b->x->threshold ? PEN_OBSERVED : PEN_USUAL);
    }
}

static void threshold(const axes_t *a, const bins_t *b)
{
    const type_t type = {8.5, 0, INK_TEXT, ALIGN_LEFT};
    const char *words = "unusual from here on";
    double limit = b->x->threshold, x = axes_x(a, limit), y = a->area.y + 58;
    if (!(limit < b->high))
        return;
    canvas_dashed(a->canvas, x, a->area.y, x, a->area.y + a->area.height, PEN_LIMIT);
    double width = canvas_text_width(a->canvas, type, words);
    bool right = x + 6 + width < a->area.x + a->area.width;
    canvas_box(a->canvas, (box_t){right ? x + 3 : x - width - 9, y - 9, width + 6, 12},
               (pen_t){INK_WHITE, 0.8, 0});
    canvas_text(a->canvas, right ? x + 6 : x - width - 6, y, type, words);
}

static char *words_of_far(const bins_t *b)
{
    if (b->far == 0)
        return mem_copy_text("");
    double largest = 0;
    for (int64_t i = 0; i < b->x->n; i++)
        largest = fmax(largest, isnan(b->x->observed[i]) ? 0 : b->x->observed[i]);
    return mem_format("at the right edge: %s farther out, up to %.3g", page_count(b->far).text,
                      largest);
}

err_t figure_distance(const char *path, const stamp_t *stamp, const distances_t *x)
{
    bins_t b = bins_create(x);
    char *far = words_of_far(&b),
         *title = mem_format("%s observed data set%s", page_count(b.n).text, b.n == 1 ? "" : "s");
    char *note = mem_format("bars: %s simulated; %s", page_count(x->references).text,
                            b.n > MOST_DISCS ? "line: observed"
                            : b.n == 1       ? "disc: the observed one"
                                             : "discs: observed (height has no meaning)");
    figure_t f = figure_create(1, 1.7, "Observed among simulated data sets", note);
    figure_labels(&f, "distance from the simulated data sets, in summary space",
                  "share of data sets");
    axes_t a = figure_axes(&f, 0, (range_t){0, b.high},
                           (range_t){0, (b.n > MOST_DISCS ? 1.15 : 1.6) * b.top}, title, far);
    canvas_clip(a.canvas, (box_t){a.area.x - 5, a.area.y, a.area.width + 10, a.area.height});
    bars(&a, &b);
    if (b.n > MOST_DISCS)
        outline(&a, &b);
    threshold(&a, &b);
    if (b.n <= MOST_DISCS)
        discs(&a, &b);
    canvas_unclip(a.canvas);
    free(note);
    free(title);
    free(far);
    return figure_finish(&f, path, stamp);
}
