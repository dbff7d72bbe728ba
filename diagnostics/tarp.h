/* SPDX-License-Identifier: Apache-2.0
 *
 * Coverage of all parameters together, by random reference points (Lemos et al. 2023, "Sampling-based accuracy testing of
 * posterior estimators for general inference", arXiv:2302.03026). The reference of a data set is the truth of another, one
 * fixed random shift away; f is the share of draws nearer to it than the truth is, in units of the truths' standard
 * deviations. f is uniform where the joint posterior is right: the count of nearer draws is a rank among 0 .. S.
 */
#ifndef DIAGNOSTICS_TARP_H
#define DIAGNOSTICS_TARP_H

#include "diagnostics/digest.h"
#include "diagnostics/ecdf.h"

typedef struct {
    /* As the peer computes them, from 20 bins between the smallest and the largest f: with edges a_0 .. a_20 and the expected
     * coverage ECP_j = share of f below a_j, atc = sum_{j >= 10} (ECP_j - a_j) (a_1 - a_0), and the p-value of a
     * two-sample Kolmogorov-Smirnov test of the 21 ECP against the 21 edges. Weak: edges that follow f hide where it lies,
     * and 21 points against 21 hardly ever differ. */
    double peer_atc, peer_ks_p;
    /* Over [0, 1], from every f: atc = integral from 1/2 to 1 of (ECP(a) - a) da (positive: posteriors too wide; negative:
     * too narrow or biased), the largest |ECP(a) - a|, and ln(gamma / its 5 % quantile) of the counts (ecdf.h): below 0 is a
     * rejection at 5 %. */
    double atc, deviation, log_gamma;
} tarp_t;

/* `null` is that of log_gamma_null(N, S). */
tarp_t tarp_compute(const digest_t *digest, const ecdf_null_t *null);

/* P(D >= d) of two samples of n values each from one distribution, D the largest difference of their ECDFs, exact. */
double tarp_two_sample_p(int n, double d);

#endif
