/* SPDX-License-Identifier: Apache-2.0
 *
 * Do the observed data sets, all together, look like the simulated ones that the amortizer knows? Two questions:
 *
 * Are more of them unusual than chance explains? A data set is unusual when its distance (distance.h) has a p-value below
 * MISFIT_UNUSUAL. If observed and reference data sets are exchangeable, the number of unusual ones among N is
 * beta-binomial: each is unusual with the same chance, which is itself only known through the n references, Beta(j + 1,
 * n - j), where j is the largest number of references beyond an unusual data set.
 *
 * Are they spread as the simulated ones? The MMD test (mmd.h) of their summaries. It also finds what is no misfit: real
 * data sets that are more alike than the prior makes them.
 */
#ifndef DIAGNOSTICS_MISFIT_H
#define DIAGNOSTICS_MISFIT_H

#include "diagnostics/distance.h"
#include "diagnostics/mmd.h"

#include <stdbool.h>

#define MISFIT_UNUSUAL 0.05 // p-value of a data set
#define MISFIT_LEVEL   0.05 // p-value of all together

enum {
    MISFIT_NAMED = 5,
    MISFIT_ROWS = 500
}; // data sets named in words; rows of the MMD test at most

typedef struct {
    int64_t n, references;   // observed data sets with a distance; simulated ones
    int64_t unusual, beyond; // of the observed: unusual; farther out than every reference
    double expected;         // unusual ones, by chance
    double p_value;          // of so many unusual ones or more
    double threshold;        // the distance beyond which a data set is unusual
    int64_t named;           // the farthest unusual ones, farthest first
    int64_t name[MISFIT_NAMED];
    double name_p[MISFIT_NAMED];
    int64_t rows; // of the MMD test; 0: not made
    mmd_test_t mmd;
} misfit_t;

/* `distance` (n) of observed data sets, NaN where there is none. */
misfit_t misfit_judge(const distance_t *f, int64_t n, const double *distance);

/* Which of the observed data sets the MMD test takes: those with a distance, at most MISFIT_ROWS evenly chosen; returns how
 * many. out (MISFIT_ROWS) */
int64_t misfit_pick(int64_t n, const double *distance, int64_t *out);
/* The MMD test of their summaries (rows, f->d) against the references, both turned and scaled so that the references have
 * unit covariance; `draws` of its null distribution. Nothing for fewer than 2 rows, or without reference summaries. */
void misfit_compare(misfit_t *m, const distance_t *f, int64_t rows, const float *summaries,
                    int64_t draws);

/* Whether either question has an answer that calls for doubt. */
bool misfit_found(const misfit_t *m);
/* All of it in words, with ids (those that misfit_judge's indices mean); the caller frees it. */
char *misfit_words(const misfit_t *m, const char *const *ids);

#endif
