// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figure_images.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELL = 84, GAP = 8, LEFT = 18, TOP = 74, BOTTOM = 46, COLUMNS = 4 + IMAGES_DRAWS };

static const type_t title_type = {15, 1, INK_TEXT, ALIGN_LEFT},
                    note_type = {10.5, 0, INK_GREY, ALIGN_LEFT},
                    head_type = {11, 0, INK_TEXT, ALIGN_CENTRE},
                    tick_type = {10, 0, INK_GREY, ALIGN_CENTRE};

/* The mean over channels of the image at x. */
static void flatten(int64_t pixels, int64_t channels, const double *x, double *out)
{
    for (int64_t k = 0; k < pixels; k++) {
        out[k] = 0;
        for (int64_t c = 0; c < channels; c++)
            out[k] += x[k * channels + c] / (double)channels;
    }
}

static void find_scale(int64_t n, const double *x, double *low, double *high)
{
    for (int64_t k = 0; k < n; k++)
        if (isfinite(x[k])) {
            *low = fmin(*low, x[k]);
            *high = fmax(*high, x[k]);
        }
}

/* A strip from white to black with its two ends. */
static void draw_scale(canvas_t *c, double x, double y, double width, double low, double high,
                       const char *what)
{
    enum { STEPS = 64 };
    double level[STEPS];
    char words[96];
    for (int k = 0; k < STEPS; k++)
        level[k] = (k + 0.5) / STEPS;
    canvas_image(c, (box_t){x, y, width, 9}, 1, STEPS, level);
    snprintf(words, sizeof words, "%s: %.3g to %.3g", what, low, high);
    canvas_text(c, x + width + 8, y + 8.5, note_type, words);
}

/* ---- images ---- */

typedef struct {
    const image_target_t *target;
    const digest_t *digest;
    const image_samples_t *samples;
    int64_t sets, draws, pixels, observed_pixels;
    double *cell; // (sets, COLUMNS, pixels of the larger)
    int64_t room; // pixels of one cell
} grid_t;

static double *cell_at(const grid_t *g, int64_t set, int column)
{
    return g->cell + (set * COLUMNS + column) * g->room;
}

static void fill_target(const grid_t *g, int64_t set, int column, double *values)
{
    flatten(g->pixels, g->target->channels, values, cell_at(g, set, column));
}

static void fill_observed(const grid_t *g, int64_t set)
{
    const image_samples_t *s = g->samples;
    double *values = MEM_NEW(double, g->observed_pixels * s->channels + 1);
    for (int64_t k = 0; k < g->observed_pixels * s->channels; k++)
        values[k] = (double)s->observed[set][k];
    flatten(g->observed_pixels, s->channels, values, cell_at(g, set, 1));
    free(values);
}

static void fill_set(const grid_t *g, int64_t set)
{
    int64_t n = g->pixels * g->target->channels, d = g->digest->d;
    const digest_value_t *value = g->digest->value + set * d + g->target->first;
    double *truth = MEM_NEW(double, n), *mean = MEM_NEW(double, n), *sd = MEM_NEW(double, n);
    for (int64_t k = 0; k < n; k++) {
        truth[k] = value[k].truth;
        mean[k] = value[k].mean;
        sd[k] = value[k].sd;
    }
    fill_target(g, set, 0, truth);
    fill_target(g, set, 2, mean);
    fill_target(g, set, 3, sd);
    for (int64_t j = 0; j < g->draws; j++) {
        const double *draw =
            g->samples->kept + (set * g->samples->draws + j) * d + g->target->first;
        for (int64_t k = 0; k < n; k++)
            truth[k] = draw[k];
        fill_target(g, set, 4 + (int)j, truth);
    }
    if (g->samples->observed != NULL)
        fill_observed(g, set);
    free(sd);
    free(mean);
    free(truth);
}

static grid_t grid_create(const image_target_t *target, const digest_t *digest,
                          const image_samples_t *s)
{
    grid_t g = {.target = target,
                .digest = digest,
                .samples = s,
                .sets = s->sets < IMAGES_SETS ? s->sets : IMAGES_SETS,
                .draws = s->draws < IMAGES_DRAWS ? s->draws : IMAGES_DRAWS,
                .pixels = target->height * target->width,
                .observed_pixels = s->observed ? s->height * s->width : 0};
    g.room = g.pixels > g.observed_pixels ? g.pixels : g.observed_pixels;
    g.cell = MEM_NEW(double, g.sets *COLUMNS *g.room + 1);
    for (int64_t set = 0; set < g.sets; set++)
        fill_set(&g, set);
    return g;
}

static double cell_width(int64_t height, int64_t width)
{
    return CELL * (double)width / (double)(height > width ? height : width);
}

static bool has_column(const grid_t *g, int column)
{
    return column == 1 ? g->samples->observed != NULL : column < 4 + g->draws;
}

static void draw_cell(const grid_t *g, canvas_t *c, int64_t set, int column, double low,
                      double high)
{
    bool observed = column == 1;
    int64_t height = observed ? g->samples->height : g->target->height;
    int64_t width = observed ? g->samples->width : g->target->width;
    double *level = cell_at(g, set, column);
    double scale = CELL / (double)(height > width ? height : width);
    box_t box = {LEFT + column * (CELL + GAP), TOP + (double)set * (CELL + GAP),
                 scale * (double)width, scale * (double)height};
    for (int64_t k = 0; k < height * width; k++)
        level[k] = high > low ? (level[k] - low) / (high - low) : 0;
    canvas_image(c, box, (int)height, (int)width, level);
}

err_t figure_images(const char *path, const stamp_t *stamp, const image_target_t *target,
                    const digest_t *digest, const image_samples_t *samples)
{
    static const char *const heads[COLUMNS] = {"truth",  "observed", "mean",   "sd",
                                               "draw 1", "draw 2",   "draw 3", "draw 4"};
    grid_t g = grid_create(target, digest, samples);
    double width = 2 * LEFT + COLUMNS * (CELL + GAP) - GAP;
    double bottom = TOP + (double)g.sets * (CELL + GAP), low = INFINITY, high = -INFINITY,
           sd_low = INFINITY, sd_high = -INFINITY;
    canvas_t *c = canvas_create(width, bottom + BOTTOM);
    for (int64_t set = 0; set < g.sets; set++)
        for (int column = 0; column < COLUMNS; column++)
            if (has_column(&g, column) && column != 1)
                find_scale(g.pixels, cell_at(&g, set, column), column == 3 ? &sd_low : &low,
                           column == 3 ? &sd_high : &high);
    char *title =
        mem_format("Posteriors of %s: %ld simulated data sets", target->name, (long)g.sets);
    canvas_text(c, LEFT, 26, title_type, title);
    canvas_text(
        c, LEFT, 43, note_type,
        "Draws are possible truths: where they agree the data tell, where they differ (dark "
        "in sd) they do not.");
    for (int column = 0; column < COLUMNS; column++) {
        if (!has_column(&g, column))
            continue;
        double across = column == 1 ? cell_width(samples->height, samples->width)
                                    : cell_width(target->height, target->width);
        canvas_text(c, LEFT + column * (CELL + GAP) + across / 2, TOP - 8, head_type,
                    heads[column]);
        for (int64_t set = 0; set < g.sets; set++)
            draw_cell(&g, c, set, column, column == 3 ? sd_low : low, column == 3 ? sd_high : high);
    }
    draw_scale(c, LEFT, bottom + 12, 90, low, high, "values");
    draw_scale(c, LEFT + width / 2, bottom + 12, 90, sd_low, sd_high, "sd");
    err_t err = canvas_save(c, path, stamp);
    canvas_destroy(&c);
    free(title);
    free(g.cell);
    return err;
}

/* ---- pixels ---- */

enum { PIXELS_PANELS = 4, PANEL = 200, PANEL_GAP = 34 };

/* Of one value; NaN where it never varies. */
static double number_of(const digest_t *g, const metrics_t *m, int panel, int p)
{
    marginal_t marginal = digest_marginal(g, p);
    double first = marginal_at(&marginal, 0)->truth, sd = 0;
    bool constant = true;
    for (int64_t i = 0; i < g->n; i++) {
        constant &= marginal_at(&marginal, i)->truth == first;
        sd += marginal_at(&marginal, i)->sd / (double)g->n;
    }
    if (constant)
        return NAN;
    return panel == 0   ? m->parameter[p].calibration_error
           : panel == 1 ? m->parameter[p].ecdf_deviation
           : panel == 2 ? m->parameter[p].contraction
                        : sd;
}

static void draw_panel(canvas_t *c, const image_target_t *t, const digest_t *g, const metrics_t *m,
                       int panel)
{
    static const char *const heads[PIXELS_PANELS] = {"calibration error", "ECDF deviation",
                                                     "contraction", "mean posterior sd"};
    static const double ends[PIXELS_PANELS] = {0.2, 0.2, 1, NAN};
    int64_t n = t->height * t->width * t->channels;
    double *values = MEM_NEW(double, n), *level = MEM_NEW(double, t->height * t->width);
    double scale = PANEL / (double)(t->height > t->width ? t->height : t->width);
    double low = INFINITY, high = -INFINITY, x = LEFT + panel * (PANEL + PANEL_GAP);
    char words[96];
    for (int64_t k = 0; k < n; k++)
        values[k] = number_of(g, m, panel, t->first + (int)k);
    flatten(t->height * t->width, t->channels, values, level);
    find_scale(t->height * t->width, level, &low, &high);
    double end = isnan(ends[panel]) ? fmax(high, 1e-300) : ends[panel];
    for (int64_t k = 0; k < t->height * t->width; k++)
        level[k] = level[k] / end;
    double across = scale * (double)t->width;
    canvas_text(c, x + across / 2, TOP - 8, head_type, heads[panel]);
    canvas_image(c, (box_t){x, TOP, across, scale * (double)t->height}, (int)t->height,
                 (int)t->width, level);
    snprintf(words, sizeof words, "%.3g to %.3g; black is %.3g", low, high, end);
    canvas_text(c, x + across / 2, TOP + PANEL + 17, tick_type, words);
    free(level);
    free(values);
}

err_t figure_pixels(const char *path, const stamp_t *stamp, const image_target_t *target,
                    const digest_t *digest, const metrics_t *metrics)
{
    double width = 2 * LEFT + PIXELS_PANELS * (PANEL + PANEL_GAP) - PANEL_GAP;
    canvas_t *c = canvas_create(width, TOP + PANEL + BOTTOM);
    char *title = mem_format("%s by pixel, %ld data sets x %ld draws", target->name,
                             (long)digest->n, (long)digest->s);
    canvas_text(c, LEFT, 26, title_type, title);
    canvas_text(
        c, LEFT, 43, note_type,
        "White is right for calibration error and ECDF deviation; 0.10 of either is mid grey "
        "and fair. Pale blue: never varies.");
    for (int panel = 0; panel < PIXELS_PANELS; panel++)
        draw_panel(c, target, digest, metrics, panel);
    err_t err = canvas_save(c, path, stamp);
    canvas_destroy(&c);
    free(title);
    return err;
}
