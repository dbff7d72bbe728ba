/* SPDX-License-Identifier: Apache-2.0
 *
 * Where is the posterior wrong? Data sets are put in groups by something that the data tell, and the ranks of each group
 * looked at. Under a right posterior they are uniform in every such group: by a design variable, or by the posterior mean of
 * a parameter. (By the true value they would not be, even for a right posterior: where the truth is large it lies above
 * most draws.) Many groups are looked at, so p-values are those of all of them together (Bonferroni).
 */
#ifndef DIAGNOSTICS_LOCAL_H
#define DIAGNOSTICS_LOCAL_H

#include "diagnostics/digest.h"

enum {
    LOCAL_FEWEST = 50, // data sets of a group
    LOCAL_MOST_CROSSED =
        12 // parameters; with more, each is grouped by its own posterior mean alone
};

/* What is compared: the mean rank (1/2 expected: else the posterior lies too low or too high) or the mean of |rank - 1/2|
 * (1/4 expected: else it is too narrow or too wide). */
typedef enum { LOCAL_LOCATION, LOCAL_SPREAD } local_kind_t;

/* A group of data sets, and how far the ranks of a parameter are from right in it. */
typedef struct {
    int parameter;
    int by; // a design variable, or n_design + the parameter whose posterior mean it is; -1: nothing could be grouped
    int64_t n;
    double from, to; // smallest and largest value of that in the group
    local_kind_t kind;
    double value, expected,
        error; // mean, what is expected, simulation error of the mean under uniform ranks
    double calibration_error; // of this group alone
    double p;                 // two-sided, for all groups, parameters and both kinds together
} local_group_t;

/* The worst group of each parameter, out (D). Design (N, G) may be NULL where G is 0. Groups are of nearly equal size: five
 * from 1,000 data sets on, else three; equal values stay together. */
void local_compute(const digest_t *digest, int n_design, const double *design, local_group_t *out);

/* A group is worth a word where this p is not reached and the mean is off by so much: a shift by some 0.2 posterior sd, an sd
 * that is wrong by a factor of 1.2. With many data sets less than that is noticed, and does not matter. */
#define LOCAL_LEVEL          0.05
#define LOCAL_LEAST_LOCATION 0.05
#define LOCAL_LEAST_SPREAD   0.025
/* "ranks too high where n is 20 to 56 (mean rank 0.61, expected 0.50 ± 0.03): the posterior lies too low there", or ""
 * where it is not worth a word; names (D) of the parameters. The caller frees it. */
char *local_words(const local_group_t *group, int n_design, const char *const *design_names,
                  const char *const *names);

#endif
