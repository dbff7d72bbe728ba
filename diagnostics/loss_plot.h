/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves of losses over epochs or rounds, and their key, for the figures that show them.
 */
#ifndef DIAGNOSTICS_LOSS_PLOT_H
#define DIAGNOSTICS_LOSS_PLOT_H

#include "diagnostics/plot.h"

#include <stdint.h>

typedef struct {
    const char *words;  // in the key
    const double *loss; // (n); what is not finite is left out
    pen_t pen;
} loss_curve_t;

/* Of n losses, from 1 on. The first twentieth of a long training, where losses are huge, may lie outside. */
range_t loss_range(int64_t n, int curves, const loss_curve_t *curve);
/* Draws the curves and their key, a dashed line at `best` (from 0; -1: none) and a disc there on curve `marked`. */
void loss_draw(const axes_t *axes, int64_t n, int curves, const loss_curve_t *curve, int64_t best,
               int marked);

#endif
