// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "diagnostics/history.h"
#include "diagnostics/loss_plot.h"

#include <math.h>
#include <stdio.h>

static const char NOTE[] = "negative log posterior density, averaged over data sets";

err_t figure_loss(const char *path, const stamp_t *stamp, int64_t n, const double *training,
                  const double *validation)
{
    const loss_curve_t curves[] = {{"training", training, {INK_BLUE, 1, 1.8}},
                                   {"validation", validation, {INK_VERMILION, 1, 1.8}}};
    int64_t best = history_best(n, validation);
    char line[96] = "no finite validation loss";
    if (best >= 0)
        snprintf(line, sizeof line, "best validation loss %.4g at epoch %ld of %ld",
                 validation[best], (long)best + 1, (long)n);
    figure_t f = figure_create(1, 1.6, "Training", NOTE);
    range_t epochs = {0, 1.02 * fmax((double)n, 8)};
    axes_t a = figure_axes(&f, 0, epochs, loss_range(n, 2, curves),
                           stamp->study ? stamp->study : "Loss", line);
    figure_labels(&f, "epoch", "loss");
    loss_draw(&a, n, 2, curves, best, 1);
    return figure_finish(&f, path, stamp);
}

/* With room above the curves for the key of three. */
static range_t below_key(range_t r)
{
    return (range_t){r.low, r.high + 0.28 * (r.high - r.low)};
}

err_t figure_refine(const char *path, const stamp_t *stamp, const refine_losses_t *l)
{
    const loss_curve_t curves[] = {
        {"fresh simulations, before they are trained on", l->fresh, {INK_VERMILION, 1, 1.8}},
        {"the same, offline network", l->offline, {INK_GREY, 1, 1.8}},
        {"validation rows of the offline training", l->validation, {INK_BLUE, 1, 1.8}}};
    char line[96] = "no round is done";
    if (l->best >= 0)
        snprintf(line, sizeof line, "%.3g nats below the offline network in round %ld of %ld",
                 l->offline[l->best] - l->fresh[l->best], (long)l->best + 1, (long)l->n);
    figure_t f = figure_create(1, 1.6, "Refinement", NOTE);
    range_t rounds = {0, 1.02 * fmax((double)l->n, 8)};
    axes_t a = figure_axes(&f, 0, rounds, below_key(loss_range(l->n, 3, curves)),
                           stamp->study ? stamp->study : "Loss", line);
    figure_labels(&f, "round", "loss");
    loss_draw(&a, l->n, 3, curves, l->best, 0);
    return figure_finish(&f, path, stamp);
}
