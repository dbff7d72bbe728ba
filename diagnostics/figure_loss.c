// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/history.h"
#include "diagnostics/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const pen_t PEN_TRAINING = {INK_BLUE, 1, 1.8}, PEN_VALIDATION = {INK_VERMILION, 1, 1.8};

/* The first twentieth of a long training, where losses are huge, may lie outside. */
static range_t loss_range(int64_t n, const double *training, const double *validation)
{
    int64_t skip = n >= 20 ? (n + 19) / 20 : 0;
    range_t all =
        range_join(range_of(n - skip, training + skip), range_of(n - skip, validation + skip));
    return range_pad(all, 0.06);
}

static void loss_curve(const axes_t *a, int64_t n, const double *loss, pen_t pen)
{
    double *x = MEM_NEW(double, n), *y = MEM_NEW(double, n);
    size_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(loss[i]))
            continue;
        x[k] = axes_x(a, (double)i + 1);
        y[k++] = axes_y(a, loss[i]);
    }
    canvas_clip(a->canvas, a->area);
    canvas_path(a->canvas, k, x, y, pen);
    for (size_t i = 0; i < k && n <= 30; i++)
        canvas_disc(a->canvas, x[i], y[i], 2.4, pen);
    canvas_unclip(a->canvas);
    free(x);
    free(y);
}

static void loss_key(const axes_t *a, int row, const char *words, pen_t pen)
{
    double right = a->area.x + a->area.width - 8, y = a->area.y + 14 + 15 * row;
    type_t type = {9.5, 0, INK_TEXT, ALIGN_RIGHT};
    double left = right - canvas_text_width(a->canvas, type, words);
    canvas_box(a->canvas, (box_t){left - 30, y - 10, right - left + 34, 14},
               (pen_t){INK_WHITE, 0.85, 0});
    canvas_text(a->canvas, right, y, type, words);
    canvas_line(a->canvas, left - 26, y - 3.5, left - 6, y - 3.5, pen);
}

err_t figure_loss(const char *path, const stamp_t *stamp, int64_t n, const double *training,
                  const double *validation)
{
    int64_t best = history_best(n, validation);
    char line[96] = "no finite validation loss";
    if (best >= 0)
        snprintf(line, sizeof line, "best validation loss %.4g at epoch %ld of %ld",
                 validation[best], (long)best + 1, (long)n);
    figure_t f = figure_create(1, 1.6, "Training",
                               "negative log posterior density, averaged over data sets");
    range_t epochs = {0, 1.02 * fmax((double)n, 8)};
    axes_t a = figure_axes(&f, 0, epochs, loss_range(n, training, validation),
                           stamp->study ? stamp->study : "Loss", line);
    figure_labels(&f, "epoch", "loss");
    if (best >= 0) {
        double x = axes_x(&a, (double)best + 1);
        canvas_dashed(f.canvas, x, a.area.y, x, a.area.y + a.area.height, (pen_t){INK_GREY, 1, 1});
    }
    loss_curve(&a, n, training, PEN_TRAINING);
    loss_curve(&a, n, validation, PEN_VALIDATION);
    if (best >= 0) {
        double x = axes_x(&a, (double)best + 1), y = axes_y(&a, validation[best]);
        canvas_disc(f.canvas, x, y, 4.6, (pen_t){INK_WHITE, 1, 0});
        canvas_disc(f.canvas, x, y, 3.4, PEN_VALIDATION);
    }
    loss_key(&a, 0, "training", PEN_TRAINING);
    loss_key(&a, 1, "validation", PEN_VALIDATION);
    return figure_finish(&f, path, stamp);
}
