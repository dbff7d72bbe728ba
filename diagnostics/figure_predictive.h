/* SPDX-License-Identifier: Apache-2.0
 *
 * posterior_predictive.png: observed data sets over what the model makes of their posteriors.
 */
#ifndef DIAGNOSTICS_FIGURE_PREDICTIVE_H
#define DIAGNOSTICS_FIGURE_PREDICTIVE_H

#include "cluster/err.h"
#include "diagnostics/canvas.h"
#include "diagnostics/predictive_panel.h"

enum { FIGURE_PREDICTIVE_PANELS = 20 }; // that stand well in one figure

/* A panel with what is written over it. */
typedef struct {
    const char *title, *line; // the data set; whether it is reproduced
    predictive_panel_t panel;
} predictive_picture_t;

/* n > 0 panels; `note` goes under the title of the figure. */
err_t figure_predictive(const char *path, const stamp_t *stamp, int n,
                        const predictive_picture_t *pictures, const char *note) ERR_MUST_CHECK;

#endif
