/* SPDX-License-Identifier: Apache-2.0
 *
 * posterior_predictive.png of data that are images: a row a data set: observed, mean and sd of its replicates, and three of
 * them.
 */
#ifndef DIAGNOSTICS_FIGURE_PREDICTIVE_IMAGES_H
#define DIAGNOSTICS_FIGURE_PREDICTIVE_IMAGES_H

#include "cluster/err.h"
#include "diagnostics/canvas.h"
#include "diagnostics/predictive.h"

enum { PREDICTIVE_TILES = 6, FIGURE_PREDICTIVE_ROWS = 8 }; // most rows that are drawn

/* Channels are averaged. */
typedef struct {
    char *title, *line; // the data set; whether it is reproduced; owned
    int64_t height, width;
    double *tile; // (PREDICTIVE_TILES, height, width); NaN where there is no such replicate
} predictive_row_t;

/* Observable o, an image of this height. Takes over the texts. */
predictive_row_t predictive_row(const predictive_field_t *field, int o, int64_t height,
                                const predictive_set_t *observed, int64_t r,
                                const predictive_set_t *replicates, char *title, char *line);
void predictive_row_free(predictive_row_t *row);

/* n > 0 rows of one size. */
err_t figure_predictive_images(const char *path, const stamp_t *stamp, int n,
                               const predictive_row_t *rows, const char *note) ERR_MUST_CHECK;

#endif
