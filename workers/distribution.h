/* SPDX-License-Identifier: Apache-2.0
 *
 * The distributions of one number that a study may name as priors, in the parameterisation of Stan:
 *
 *     normal(mean, sd)            lognormal(mean, sd) of the logarithm      uniform(lower, upper)
 *     gamma(shape, rate)          exponential(rate)                         beta(a, b)
 *     half_normal(sd)             student_t(degrees, location, scale)
 *
 * and each of them truncated to an interval. A draw costs a bounded amount of work whatever the interval is.
 */
#ifndef WORKERS_DISTRIBUTION_H
#define WORKERS_DISTRIBUTION_H

#include "cluster/err.h"
#include "cluster/rng.h"
#include "workers/tails.h"

#include <stdbool.h>

enum { DISTRIBUTION_MAX_ARGUMENTS = 3 };

typedef struct distribution_family distribution_family_t;

typedef struct {
    const distribution_family_t *family;
    double argument[DISTRIBUTION_MAX_ARGUMENTS];
    double lower, upper; // open support; +-INFINITY
    bool truncated;
    double log_mass; // of the support before it was truncated; 0 where it was not
    bool narrow;     // truncated to so little that the log density is linear
    double tilt;     // then: its change from one end to the other
    tails_t at_lower, at_upper;
} distribution_t;

/* ERR_USAGE: no such name (with the nearest), another number of arguments, a scale that is not positive. */
err_t distribution_make(const char *name, int n_arguments, const double *arguments,
                        distribution_t *out) ERR_MUST_CHECK;
/* Cuts it to what lies in (lower, upper) as well; once. ERR_USAGE: nothing lies there, or no probability. Far out (beyond
 * 1e4 standard deviations) the logarithm of the mass, and with it the density, keeps fewer digits. */
err_t distribution_truncate(distribution_t *d, double lower, double upper) ERR_MUST_CHECK;

/* Normalised; -INFINITY outside the support. */
double distribution_log_density(const distribution_t *d, double x);
/* Always finite and strictly inside the support: what rounds to its edge is moved to the next number inside. */
double distribution_draw(const distribution_t *d, rng_t *r);
/* "truncated(normal(0, 1), 0, .inf)": equal for equal distributions. The caller frees it. */
char *distribution_text(const distribution_t *d);

/* Of the distributions, for messages and help: "gamma", "shape, rate"; NULL outside. */
const char *distribution_name(int i);
const char *distribution_arguments(int i);

#endif
