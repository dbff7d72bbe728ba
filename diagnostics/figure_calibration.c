// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figures.h"

#include "cluster/mem.h"
#include "diagnostics/ecdf.h"
#include "diagnostics/plot.h"
#include "diagnostics/ranks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Upper bound from left to right, lower bound back. */
static void calibration_band(const axes_t *a, const ecdf_band_t *band)
{
    size_t points = (size_t)band->points, n = 2 * points;
    double *x = MEM_NEW(double, n), *y = MEM_NEW(double, n);
    for (size_t k = 0; k < points; k++) {
        x[k] = x[n - 1 - k] = axes_x(a, band->z[k]);
        y[k] = axes_y(a, band->high[k] - band->z[k]);
        y[n - 1 - k] = axes_y(a, band->low[k] - band->z[k]);
    }
    canvas_area(a->canvas, n, x, y, (pen_t){INK_GREY, 0.22, 0});
    free(x);
    free(y);
}

static void calibration_curve(const axes_t *a, const ecdf_band_t *band, const double *ecdf,
                              ink_t ink)
{
    size_t points = (size_t)band->points;
    double *x = MEM_NEW(double, points + 2), *y = MEM_NEW(double, points + 2);
    x[0] = axes_x(a, 0);
    y[0] = y[points + 1] = axes_y(a, 0);
    x[points + 1] = axes_x(a, 1);
    for (size_t k = 0; k < points; k++) {
        x[k + 1] = axes_x(a, band->z[k]);
        y[k + 1] = axes_y(a, ecdf[k] - band->z[k]);
    }
    canvas_path(a->canvas, points + 2, x, y, (pen_t){ink, 1, 1.6});
    free(x);
    free(y);
}

static range_t calibration_range(const ecdf_band_t *band, const double *ecdf)
{
    double reach = 0;
    for (int64_t k = 0; k < band->points; k++) {
        double z = band->z[k];
        reach = fmax(reach, 1.2 * fmax(band->high[k] - z, z - band->low[k]));
        reach = fmax(reach, 1.05 * fabs(ecdf[k] - z));
    }
    return (range_t){-reach, reach};
}

static void calibration_panel(figure_t *f, const samples_t *samples, const metrics_t *metrics,
                              const ecdf_band_t *band, int k)
{
    marginal_t m = digest_marginal(samples->digest, k);
    int64_t *ranks = MEM_NEW(int64_t, m.n);
    double *ecdf = MEM_NEW(double, band->points);
    ranks_integer(&m, ranks);
    ecdf_at_ranks(band, ranks, ecdf);
    char line[80];
    snprintf(line, sizeof line, "largest deviation %.3f%s", metrics->parameter[k].ecdf_deviation,
             ecdf_inside(band, ecdf) ? "" : ", outside");
    axes_t a =
        figure_axes(f, k, (range_t){0, 1}, calibration_range(band, ecdf), samples->names[k], line);
    calibration_band(&a, band);
    canvas_dashed(a.canvas, axes_x(&a, 0), axes_y(&a, 0), axes_x(&a, 1), axes_y(&a, 0),
                  (pen_t){INK_GREY, 1, 0.8});
    calibration_curve(&a, band, ecdf, ecdf_inside(band, ecdf) ? INK_BLUE : INK_VERMILION);
    free(ranks);
    free(ecdf);
}

err_t figure_calibration(const char *path, const stamp_t *stamp, const samples_t *samples,
                         const metrics_t *metrics)
{
    const digest_t *g = samples->digest;
    const uint64_t seed = 20260101; // as in metrics.c: picture and numbers agree
    ecdf_band_t band = ecdf_rank_band_create(g->n, g->s, metrics->level, g->d, seed);
    char note[160];
    snprintf(note, sizeof note, "%ld data sets; grey: %g %% simultaneous band%s", (long)g->n,
             100 * metrics->level, g->d > 1 ? " over all parameters" : "");
    figure_t f = figure_create(g->d, 1.3, "Calibration: ranks of the true values", note);
    for (int k = 0; k < g->d; k++)
        calibration_panel(&f, samples, metrics, &band, k);
    figure_labels(&f, "fractional rank", "ECDF − uniform");
    ecdf_band_free(&band);
    return figure_finish(&f, path, stamp);
}
