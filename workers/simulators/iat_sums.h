/* SPDX-License-Identifier: Apache-2.0
 *
 * What the likelihood of iat_ddm.c sums over one person's trials, in vector code.
 */
#ifndef WORKERS_SIMULATORS_IAT_SUMS_H
#define WORKERS_SIMULATORS_IAT_SUMS_H

enum { IAT_CONDITIONS = 2, IAT_TRIALS = 120 };

/* A trial of either condition (index 0 or 1) with a correct (0) or a wrong answer (1) counts where its time is from least
 * to most; its passage is x = (time - start[wrong]) / unit[condition]. */
typedef struct {
    double least, most, start[2], unit[IAT_CONDITIONS];
} iat_scales_t;

/* Sums over the trials of one condition that count, [wrong] over those of such an answer. */
typedef struct {
    double n[2], x;
    double slope[2], pull; // of d log f / dx (passage.h), of x times it; unset unless asked for
    double uncounted;      // the number of the others
} iat_condition_t;

typedef struct {
    int outside;        // as that of passage_many.h
    double log_density; // without drift, over all
    iat_condition_t of[IAT_CONDITIONS];
} iat_sums_t;

/* y (IAT_TRIALS, 2): of each trial the signed time and the condition, 1 or 2. Trials of others are not looked at.
 * least must be above 0. */
iat_sums_t iat_sums(const iat_scales_t *scales, const float *y, int slopes);

#endif
