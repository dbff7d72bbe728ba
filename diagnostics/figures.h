/* SPDX-License-Identifier: Apache-2.0
 *
 * The pictures of a report: each call writes one PNG (text chunks from `stamp`) and an SVG of the same name. One panel a
 * parameter, from 1 to some 30 of them. A figure shows at most FIGURE_POINTS data sets a panel, evenly chosen, and says
 * so; numbers in titles are of all.
 */
#ifndef DIAGNOSTICS_FIGURES_H
#define DIAGNOSTICS_FIGURES_H

#include "cluster/err.h"
#include "diagnostics/canvas.h"
#include "diagnostics/digest.h"
#include "diagnostics/group_means.h"
#include "diagnostics/histogram.h"
#include "diagnostics/metrics.h"

#include <stdint.h>

enum { FIGURE_POINTS = 500 };

/* What is known of the posteriors of simulated data sets; everything is borrowed. */
typedef struct {
    const digest_t *digest;   // of N data sets, D parameters
    const char *const *names; // (D)
} samples_t;

/* loss.png: losses of n epochs, the best validation epoch marked. Losses that are not finite are left out. */
err_t figure_loss(const char *path, const stamp_t *stamp, int64_t n, const double *training,
                  const double *validation) ERR_MUST_CHECK;
/* refine.png: losses of n rounds of refinement; `best` (from 0, -1: none) is marked. */
typedef struct {
    int64_t n, best;
    const double *fresh, *offline,
        *validation; // (n): of fresh simulations under the network and under the offline one
} refine_losses_t;
err_t figure_refine(const char *path, const stamp_t *stamp,
                    const refine_losses_t *losses) ERR_MUST_CHECK;
/* recovery.png: posterior median and central 95 % interval against the truth. */
err_t figure_recovery(const char *path, const stamp_t *stamp, const samples_t *samples,
                      const metrics_t *metrics) ERR_MUST_CHECK;
/* calibration_ecdf.png: ECDF of the ranks minus uniform, with the simultaneous band at metrics->level. */
err_t figure_calibration(const char *path, const stamp_t *stamp, const samples_t *samples,
                         const metrics_t *metrics) ERR_MUST_CHECK;
/* coverage.png: share of truths in central intervals against their width. */
err_t figure_coverage(const char *path, const stamp_t *stamp, const samples_t *samples,
                      const metrics_t *metrics) ERR_MUST_CHECK;
/* rank_histogram.png: ranks in ten bins with the central 99 % of a uniform's counts. */
err_t figure_rank_histogram(const char *path, const stamp_t *stamp,
                            const samples_t *samples) ERR_MUST_CHECK;
/* z_score_contraction.png: posterior z-score against contraction, a point a data set. */
err_t figure_contraction(const char *path, const stamp_t *stamp, const samples_t *samples,
                         const metrics_t *metrics) ERR_MUST_CHECK;
/* One posterior, draws (S, D): histograms on the diagonal, scatter below, correlations above; `truth` (D) may be NULL.
 * The title is that of the stamp. */
err_t figure_pairs(const char *path, const stamp_t *stamp, int64_t s, int d, const double *draws,
                   const double *truth, const char *const *names) ERR_MUST_CHECK;

/* summary_distance.png: the distances (distance.h) of simulated data sets as bars, the observed ones marked: as discs up to
 * 60, as the outline of a histogram beyond. Distances far beyond the rest stand at the right edge. */
typedef struct {
    int64_t references, n;
    const double *reference, *observed; // (references) ascending; (n), NaN: none
    double threshold;                   // beyond it a data set is unusual; INFINITY: unknown
} distances_t;
err_t figure_distance(const char *path, const stamp_t *stamp,
                      const distances_t *distances) ERR_MUST_CHECK;

/* population.png: how posterior means and standard deviations are spread over data sets, a panel each for the first
 * POPULATION_SHOWN parameters, with the prior's central 99 %. */
typedef struct {
    int d;
    const char *const *names;
    const histogram_t *means, *sds;       // of those that are shown, of at least one data set
    const double *prior_low, *prior_high; // the same; NaN: not known
} population_t;
enum {
    POPULATION_FEWEST = 10, // data sets that are worth a picture
    POPULATION_SHOWN = 6    // parameters
};
err_t figure_population(const char *path, const stamp_t *stamp,
                        const population_t *population) ERR_MUST_CHECK;

/* population_groups.png: means of the first POPULATION_SHOWN of d parameters by group, the largest GROUPS_SHOWN groups with data sets, of
 * which there is one at least. `column` names what they are grouped by; parameters (d). */
err_t figure_groups(const char *path, const stamp_t *stamp, const char *column,
                    const char *const *parameters, const group_means_t *groups) ERR_MUST_CHECK;

/* The i-th of the shown data sets, i < figure_shown(n). */
int64_t figure_shown(int64_t n);
int64_t figure_pick(int64_t n, int64_t i);
/* "500 of 2000 data sets" or "300 data sets". The caller frees it. */
char *figure_shown_words(int64_t n);

#endif
