/* SPDX-License-Identifier: Apache-2.0
 *
 * What the networks are told of a set beside its raw numbers: nothing here is learned, all of it is the same for any order
 * of the elements, and all of it is computed in double precision. Each column y of the elements is seen through channels,
 * standardised by the column's mean m and standard deviation s over all simulations:
 *
 *     value       (y - m) / s
 *     size        |y| / s - 1
 *     logarithm   ln(|y| / s + 1/1000)
 *
 * An element's row:  for each column the three channels and the sign of y.
 * A set's row:       ln(n / n_max) + 1, and for each column, for each channel c with mean c_ and sd v over the set:
 *                    c_ and ln v (moments), the log odds of a positive sign, and where quantiles are wanted the order
 *                    statistics of value and size, linearly interpolated at fixed levels; each also as (q - c_) / v, which
 *                    shows the shape of a set that is narrow against all simulations; and logarithms of those of size.
 */
#ifndef NN_SET_FEATURES_H
#define NN_SET_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t columns;    // of an element
    int64_t max_length; // n_max
    bool plain;         // the value alone for each element, and nothing of the set
    bool moments, quantiles;
} set_features_t;

int64_t set_features_element_columns(const set_features_t *f);
int64_t set_features_set_columns(const set_features_t *f);
/* Doubles of scratch that set_features_set needs for sets of up to n_max elements. */
int64_t set_features_scratch(const set_features_t *f);

/* values (n, columns) -> out (n, element columns). mean, sd (columns). */
void set_features_elements(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                           const float *values, float *out);
/* values (n, columns) -> out (set columns). An empty set gives zeros after the first entry. */
void set_features_set(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                      const float *values, double *scratch, float *out);

#endif
