/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram whose range need not be known beforehand: it begins with bins that are too narrow, and makes them twice as wide
 * whenever a value does not fit. Its memory is half a megabyte, however many values come. What is read off it is known to a
 * bin: of all values less than 1 / 32,000 of their range.
 */
#ifndef DIAGNOSTICS_HISTOGRAM_H
#define DIAGNOSTICS_HISTOGRAM_H

#include <stdint.h>

typedef struct {
    int64_t n;         // values so far
    double width;      // of a bin, a power of 2; bin k holds [k width, (k + 1) width)
    int64_t base;      // bin that count[0] is
    int64_t low, high; // first and last bin with a value
    int64_t *count;
} histogram_t;

histogram_t histogram_create(void);
void histogram_free(histogram_t *h);
void histogram_add(histogram_t *h, double x); // a value that is not finite is left out
/* The value below which a share p lies; NaN where there is none. */
double histogram_quantile(const histogram_t *h, double p);
/* How many values lie in [from, to); of bins at its ends as large a part as lies inside. */
double histogram_between(const histogram_t *h, double from, double to);

#endif
