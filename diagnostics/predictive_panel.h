/* SPDX-License-Identifier: Apache-2.0
 *
 * One observed data set beside its replicates, ready to be drawn: how far the replicates reach at each place, and where
 * the observed one lies. Places are the bins of a histogram (sets), the times of a series, the values of a vector.
 */
#ifndef DIAGNOSTICS_PREDICTIVE_PANEL_H
#define DIAGNOSTICS_PREDICTIVE_PANEL_H

#include "diagnostics/predictive.h"

/* Quantiles of the replicates at each place. */
enum { PANEL_Q05, PANEL_Q25, PANEL_Q50, PANEL_Q75, PANEL_Q95, PANEL_QUANTILES };

typedef struct {
    predictive_kind_t kind;
    const char *observable;            // borrowed
    int64_t feature;                   // -1: the only one
    int64_t n;                         // places
    double *at;                        // (n) where; of a set (n + 1) the edges of its bins
    double *observed;                  // (n) NaN where there is none
    double *quantile[PANEL_QUANTILES]; // (n)
    bool
        scaled; // values of a vector that differ much in size: each less its median, in half-widths of its 90 %
} predictive_panel_t;

/* Panels that a data set of these observables has: one a feature, PREDICTIVE_PARTS of an observable at most; none for
 * images. */
int predictive_panels(int n_observables, const predictive_field_t *fields);
/* The k-th of them. Replicates (R), R > 0; what is borrowed is not needed afterwards, but for the name. */
predictive_panel_t predictive_panel(int n_observables, const predictive_field_t *fields, int k,
                                    const predictive_set_t *observed, int64_t r,
                                    const predictive_set_t *replicates);
void predictive_panel_free(predictive_panel_t *panel);

#endif
