/* SPDX-License-Identifier: Apache-2.0
 *
 * What a data set is looked at by in a predictive check: plain numbers of one observable, fitting its kind. A feature is
 * one of the values that each element has.
 *
 *     vector   each value by itself (up to PREDICTIVE_PARTS of them); and over its elements what a set has
 *     set      mean, sd, minimum, 10, 50 and 90 % quantile, maximum of each feature
 *     series   the same, the autocorrelation at lag 1, and the largest step between neighbours
 *     image    mean and sd of each channel
 */
#ifndef DIAGNOSTICS_PREDICTIVE_STATISTIC_H
#define DIAGNOSTICS_PREDICTIVE_STATISTIC_H

#include <stdint.h>

enum { PREDICTIVE_PARTS = 16 }; // features, or values of a vector, that are looked at one by one

typedef enum {
    PREDICTIVE_VALUE, // of one element
    PREDICTIVE_MEAN,
    PREDICTIVE_SD,
    PREDICTIVE_MINIMUM,
    PREDICTIVE_Q10,
    PREDICTIVE_MEDIAN,
    PREDICTIVE_Q90,
    PREDICTIVE_MAXIMUM,
    PREDICTIVE_LAG1,
    PREDICTIVE_STEP,
    PREDICTIVE_STATISTICS
} predictive_statistic_t;

typedef enum {
    PREDICTIVE_VECTOR,
    PREDICTIVE_SET,
    PREDICTIVE_SERIES,
    PREDICTIVE_IMAGE
} predictive_kind_t; // values as infermill_kind_t

/* An observable. More than PREDICTIVE_PARTS features are looked at as one. */
typedef struct {
    const char *name;
    predictive_kind_t kind;
    int64_t elements,
        features; // the largest number of elements; an image has height * width of them
} predictive_field_t;

/* One number that is looked at: of feature `part`, or (VALUE) of value `part`. */
typedef struct {
    int observable;
    predictive_statistic_t statistic;
    int64_t part;
} predictive_item_t;

/* All items of these observables, in a fixed order; returns how many. `out` NULL: only counts. */
int predictive_items(int n_observables, const predictive_field_t *fields, predictive_item_t *out);

/* The number, of n elements (n, features); values that are NaN are left out. Quantiles as numpy.quantile; sd with ddof 1;
 * lag 1: sum (x_t - m) (x_t+1 - m) / sum (x_t - m)^2; step: max |x_t+1 - x_t|, both over neighbours that are there. NaN
 * where there is none. */
double predictive_value(const predictive_field_t *field, const predictive_item_t *item, int64_t n,
                        const float *values);

const char *predictive_statistic_name(predictive_statistic_t s); // "minimum"
/* "the minimum of y", "the minimum of feature 2 of y", "value 3 of y"; the caller frees it. */
char *predictive_item_words(const predictive_field_t *fields, const predictive_item_t *item);

#endif
