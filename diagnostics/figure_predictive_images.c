// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figure_predictive_images.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

enum {
    CELL = 84,
    GAP = 8,
    LEFT = 130,
    TOP = 74,
    RIGHT = 18,
    BOTTOM = 18,
    MEAN = 1,
    SD = 2,
    FIRST = 3
};

static const type_t title_type = {15, 1, INK_TEXT, ALIGN_LEFT},
                    note_type = {10.5, 0, INK_GREY, ALIGN_LEFT},
                    head_type = {11, 0, INK_TEXT, ALIGN_CENTRE},
                    name_type = {10.5, 1, INK_TEXT, ALIGN_LEFT},
                    line_type = {8.5, 0, INK_GREY, ALIGN_LEFT};

static double pixel(const predictive_field_t *f, const float *values, int64_t k)
{
    double sum = 0;
    for (int64_t c = 0; c < f->features; c++)
        sum += (double)values[k * f->features + c];
    return sum / (double)f->features;
}

static void moments(const predictive_field_t *f, int o, int64_t k, int64_t r,
                    const predictive_set_t *replicates, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < r; i++)
        sum += pixel(f, replicates[i].values[o], k);
    *mean = sum / (double)r;
    for (int64_t i = 0; i < r; i++) {
        double d = pixel(f, replicates[i].values[o], k) - *mean;
        squares += d * d;
    }
    *sd = r > 1 ? sqrt(squares / (double)(r - 1)) : NAN;
}

predictive_row_t predictive_row(const predictive_field_t *field, int o, int64_t height,
                                const predictive_set_t *observed, int64_t r,
                                const predictive_set_t *replicates, char *title, char *line)
{
    int64_t n = field->elements;
    predictive_row_t row = {.title = title,
                            .line = line,
                            .height = height,
                            .width = n / height,
                            .tile = MEM_NEW(double, PREDICTIVE_TILES *n)};
    for (int64_t k = 0; k < n; k++) {
        row.tile[k] = pixel(field, observed->values[o], k);
        moments(field, o, k, r, replicates, &row.tile[MEAN * n + k], &row.tile[SD * n + k]);
        for (int64_t i = 0; i < PREDICTIVE_TILES - FIRST; i++)
            row.tile[(FIRST + i) * n + k] = i < r ? pixel(field, replicates[i].values[o], k) : NAN;
    }
    return row;
}

void predictive_row_free(predictive_row_t *row)
{
    free(row->title);
    free(row->line);
    free(row->tile);
    *row = (predictive_row_t){0};
}

/* Smallest and largest value of the sd, or of all others. */
static void find_scale(int n, const predictive_row_t *rows, bool sd, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < n; i++) {
        int64_t pixels = rows[i].height * rows[i].width;
        for (int64_t k = 0; k < PREDICTIVE_TILES * pixels; k++)
            if ((k / pixels == SD) == sd && isfinite(rows[i].tile[k])) {
                *low = fmin(*low, rows[i].tile[k]);
                *high = fmax(*high, rows[i].tile[k]);
            }
    }
}

static void draw_tile(canvas_t *c, const predictive_row_t *row, int i, int tile, double low,
                      double high)
{
    int64_t n = row->height * row->width;
    double *level = MEM_NEW(double, n),
           scale = CELL / (double)(row->height > row->width ? row->height : row->width);
    for (int64_t k = 0; k < n; k++)
        level[k] = high > low ? (row->tile[tile * n + k] - low) / (high - low) : 0;
    canvas_image(c,
                 (box_t){LEFT + tile * (CELL + GAP), TOP + i * (CELL + GAP),
                         scale * (double)row->width, scale * (double)row->height},
                 (int)row->height, (int)row->width, level);
    free(level);
}

err_t figure_predictive_images(const char *path, const stamp_t *stamp, int n,
                               const predictive_row_t *rows, const char *note)
{
    static const char *const heads[PREDICTIVE_TILES] = {
        "observed", "mean", "sd", "simulation 1", "simulation 2", "simulation 3"};
    double low, high, sd_low, sd_high;
    find_scale(n, rows, false, &low, &high);
    find_scale(n, rows, true, &sd_low, &sd_high);
    canvas_t *c = canvas_create(LEFT + PREDICTIVE_TILES * (CELL + GAP) - GAP + RIGHT,
                                TOP + n * (CELL + GAP) - GAP + BOTTOM);
    canvas_text(c, RIGHT, 26, title_type, "Posterior predictive check");
    canvas_text(c, RIGHT, 43, note_type, note);
    double across = CELL * fmin(1, (double)rows[0].width / (double)rows[0].height);
    for (int tile = 0; tile < PREDICTIVE_TILES; tile++)
        canvas_text(c, LEFT + tile * (CELL + GAP) + across / 2, TOP - 8, head_type, heads[tile]);
    for (int i = 0; i < n; i++) {
        canvas_text_within(c, RIGHT, TOP + i * (CELL + GAP) + 14, name_type, LEFT - RIGHT - GAP,
                           rows[i].title);
        canvas_text_within(c, RIGHT, TOP + i * (CELL + GAP) + 28, line_type, LEFT - RIGHT - GAP,
                           rows[i].line);
        for (int tile = 0; tile < PREDICTIVE_TILES; tile++)
            draw_tile(c, &rows[i], i, tile, tile == SD ? sd_low : low, tile == SD ? sd_high : high);
    }
    err_t err = canvas_save(c, path, stamp);
    canvas_destroy(&c);
    return err;
}
