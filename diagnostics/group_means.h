/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of data sets (countries, years): how many there are in each, and mean and standard deviation over its data sets of
 * d numbers (posterior means). Sums go on one value after another (Welford 1962, "Note on a method for calculating corrected
 * sums of squares and products").
 */
#ifndef DIAGNOSTICS_GROUP_MEANS_H
#define DIAGNOSTICS_GROUP_MEANS_H

#include <stdint.h>

enum { GROUPS_SHOWN = 20 }; // the largest

typedef struct {
    int n, d;
    const char *const *names; // (n) borrowed
    int64_t *count;           // (n)
    double *mean, *squares;   // (n, d)
} group_means_t;

group_means_t group_means_create(int n, const char *const *names, int d);
void group_means_free(group_means_t *g);
void group_means_add(group_means_t *g, int group, const double *x); // x (d)
double group_means_sd(const group_means_t *g, int group, int k);    // NaN of fewer than two
/* Groups with data sets, the largest first, as many of them as are returned: order (n). */
int group_means_order(const group_means_t *g, int *order);

#endif
