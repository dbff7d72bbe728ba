/* SPDX-License-Identifier: Apache-2.0
 *
 * What the networks are told of a set or a series: nothing here is learned, and all but `lags` is the same for any order of
 * the elements.
 * Each column y of the elements is seen through channels, standardised by the column's mean m and standard deviation s
 * over all simulations:
 *
 *     value       (y - m) / s
 *     size        |y| / s - 1
 *     logarithm   ln(|y| / s + 1/1000)
 *
 * An element's row:  for each column the three channels and the sign of y. Plain: the value alone.
 * A set's row:       ln(n / n_max) + 1, and for each column
 *     moments        mean and ln sd of each channel; the log odds of a positive sign
 *     quantiles      of value and of size: order statistics q(p), linearly interpolated at fixed levels p, as
 *                    asinh((q(p) - q(1/2)) / r), r = q(3/4) - q(1/4): the shape of a set, however narrow it is and
 *                    whatever outliers it has; ln r; logarithms of the gaps between neighbouring levels and of the spans
 *                    from low to high ones; and of size ln(|y|(p) / s + 1/1000) at each level
 *     lags           of a series, how it remembers and predicts itself (series_features.h)
 *
 * and with moments, where there are 2 to 16 columns, artanh(0.999 r) of the correlation r of each pair of columns (0 where one
 * is constant): a mean over learned features of elements does not see how narrow sets are tilted.
 *
 * A network is quick to learn from these where a posterior depends on an onset, a tail or a scale, which a mean over learned
 * features of elements shows only late (tests/nn/train_probe.c tries it).
 */
#ifndef NN_SET_FEATURES_H
#define NN_SET_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t columns;               // of an element
    int64_t max_length;            // n_max
    bool plain;                    // of each element the value alone
    bool moments, quantiles, lags; // of the set; plain and none of these: nothing
} set_features_t;

int64_t set_features_element_columns(const set_features_t *f);
int64_t set_features_set_columns(const set_features_t *f);
/* Floats of scratch that set_features_set needs for sets of up to n_max elements. */
int64_t set_features_scratch(const set_features_t *f);

/* values (n, columns) -> out (n, element columns). mean, sd (columns). */
void set_features_elements(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                           const float *values, float *out);
/* values (n, columns) -> out (set columns). An empty set gives zeros after the first entry. */
void set_features_set(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                      const float *values, float *scratch, float *out);

#endif
