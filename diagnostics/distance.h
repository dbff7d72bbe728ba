/* SPDX-License-Identifier: Apache-2.0
 *
 * How unusual a data set is among simulated ones: the Mahalanobis distance of its learned summaries from those of the
 * reference data sets.
 */
#ifndef DIAGNOSTICS_DISTANCE_H
#define DIAGNOSTICS_DISTANCE_H

#include <stdint.h>

enum { DISTANCE_KEPT = 2000 }; // summaries of reference data sets that are kept, at most

/* An open struct: whoever stores it writes the four arrays and fills them in again. */
typedef struct {
    int64_t n;         // reference data sets
    int d;             // summaries
    double *mean;      // (d)
    double *cholesky;  // (d, d) lower triangle L of the covariance L L^T, row-major; above it zeros
    double *reference; // (n) ascending: each reference's distance from the others
    int64_t kept;
    float *summaries; // (kept, d) of the first references; kept may be 0
} distance_t;

/* Summaries (n, d), n > 2, all finite. Where the covariance is singular (constant or collinear summaries) a ridge is
 * added to its diagonal: the mean variance times 1e-10, tenfold until it factors. A reference's own distance is taken
 * with that data set left out of mean and covariance (Sherman-Morrison), so that a new data set is exchangeable with
 * them. */
distance_t distance_fit(int64_t n, int d, const float *summaries);
void distance_free(distance_t *f);

double distance_value(const distance_t *f,
                      const float *summaries); // of one data set (d); NaN when a summary is
/* Turned and scaled so that the references have mean 0 and unit covariance: out (d) = L^-1 (summaries - mean), whose length is
 * the distance. */
void distance_whiten(const distance_t *f, const float *summaries, double *out);
/* (k + 1) / (n + 1), k reference distances at least as large: small is unusual. NaN counts as largest. */
double distance_p_value(const distance_t *f, double distance);

#endif
