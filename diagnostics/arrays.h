/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters that are arrays (an image of 784 pixels) in the numbers of a diagnosis. A table of hundreds of values tells
 * nobody anything, so an array is one parameter of it: each number is the median over its values; beside it stand the worst
 * values and how many are well calibrated. Values that never vary among the data sets (pixels that are always paper) have no
 * ranks worth a look: they are left out, and counted.
 */
#ifndef DIAGNOSTICS_ARRAYS_H
#define DIAGNOSTICS_ARRAYS_H

#include "diagnostics/digest.h"
#include "diagnostics/metrics.h"

#include <stdbool.h>

/* A declared parameter: its values among the D of a digest. */
typedef struct {
    const char *name;
    int first, n;
    bool array; // false: one number
} array_group_t;

/* Of the values of an array that vary. */
typedef struct {
    int values, constant; // all of them, and those that never vary
    double worst_calibration_error, worst_ecdf_deviation;
    double share_excellent, share_fair; // with a calibration error of at most 0.05, 0.10
    double share_inside;                // of at most the gate's limit
} array_metrics_t;

/* The gate asks that so many values of an array have a calibration error inside its limit, beside its limits on the medians:
 * with 200 data sets nearly all of a right posterior have. */
#define ARRAYS_SHARE 0.8
bool array_passes(const array_metrics_t *a);

/* Numbers of G groups from those of all values: (G) parameters; `of` (G) is filled for arrays; `limit` is the gate's for the
 * calibration error. Free with metrics_free. */
metrics_t arrays_metrics(const metrics_t *all, const digest_t *digest, int n_groups,
                         const array_group_t *groups, double limit, array_metrics_t *of);

/* Some of the values, for pictures of a panel each: every single number, and of an array ARRAYS_SHOWN of those that vary,
 * from the best calibrated to the worst; at least one. which has room for D; ascending. */
enum { ARRAYS_SHOWN = 12 };
int arrays_shown(const metrics_t *all, const digest_t *digest, int n_groups,
                 const array_group_t *groups, int *which);
/* These values alone; free with digest_free and metrics_free. */
digest_t arrays_digest(const digest_t *digest, int n, const int *which);
metrics_t arrays_pick(const metrics_t *all, int n, const int *which);

#endif
