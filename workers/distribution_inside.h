/* SPDX-License-Identifier: Apache-2.0
 *
 * What distribution.c (the families) and distribution_truncated.c share.
 */
#ifndef WORKERS_DISTRIBUTION_INSIDE_H
#define WORKERS_DISTRIBUTION_INSIDE_H

#include "workers/distribution.h"

struct distribution_family {
    const char *name, *arguments; // "mean, sd"
    const char
        *signs; // a letter an argument: r any number, + positive, s a positive shape (bounded
                // where it is truncated)
    void (*support)(const double *a, double *lower, double *upper);
    double (*log_density)(const double *a, double x); // x inside the support
    tails_t (*tails)(const double *a, double x);
    double (*draw)(const double *a, rng_t *r); // may round to the edge of the support or overflow
};

/* Inside (d->lower, d->upper), x or the nearest number. */
double distribution_inside(const distribution_t *d, double x);
double distribution_draw_truncated(const distribution_t *d, rng_t *r);

#endif
