/* SPDX-License-Identifier: Apache-2.0
 *
 * From a number inside an open interval to all real numbers, over logarithms, square roots and narrower intervals on the
 * way, and back. What is left of the interval (a, b) at the end is mapped by
 *
 *     no end   u = x                         ln du/dx = 0
 *     lower    u = ln(x - a)                          = -u
 *     upper    u = -ln(b - x)                         = u
 *     both     u = ln(x - a) - ln(b - x)              = ln(b - a) - ln(x - a) - ln(b - x)
 *
 * Beside the number its distances from both ends are carried along, so that nothing is lost where a support is narrow
 * or far from 0: of y = ln x in (ln a, ln b)
 *
 *     y - ln a = log1p((x - a) / a)      ln b - y = log1p((b - x) / x)
 *     x - a    = a expm1(y - ln a)       b - x    = -b expm1(-(ln b - y))
 */
#ifndef NN_INTERVAL_H
#define NN_INTERVAL_H

#include <stdbool.h>

typedef enum { INTERVAL_LOG, INTERVAL_SQRT, INTERVAL_NARROW } interval_step_t;
enum { INTERVAL_MAX_STEPS = 4 };

typedef struct {
    int n;
    struct {
        interval_step_t kind;
        double lower, upper; // before it
    } step[INTERVAL_MAX_STEPS];
    double lower, upper; // after the last; +-INFINITY
    double from, to;     // of the number itself, narrowed by all steps
} interval_map_t;

interval_map_t interval_map(double lower, double upper);
/* Adds a step. false, and nothing is changed: no room; LOG and SQRT where the interval reaches below 0; NARROW (to lower and
 * upper, of the number as it is at this step) where nothing is left. The bounds are not read otherwise. */
bool interval_add(interval_map_t *map, interval_step_t kind, double lower, double upper);
bool interval_same(const interval_map_t *a, const interval_map_t *b);

bool interval_holds(const interval_map_t *map, double x); // false for NaN
/* ln du/dx is added to *log_slope. x must be inside. */
double interval_free(const interval_map_t *map, double x, double *log_slope);
/* The inverse; ln du/dx at u is added to *log_slope. A finite u gives a number strictly inside; NaN gives NaN. */
double interval_restore(const interval_map_t *map, double u, double *log_slope);

#endif
