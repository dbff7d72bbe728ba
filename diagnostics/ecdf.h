/* SPDX-License-Identifier: Apache-2.0
 *
 * Simultaneous bands for the ECDF of N uniform ranks (Saeilynoja, Buerkner and Vehtari 2022, "Graphical test for
 * discrete uniformity", doi:10.1007/s11222-022-10090-6). With F the ECDF at K points z_k,
 *
 *     gamma = 2 min_k min( Bin(N, z_k).cdf(N F_k), 1 - Bin(N, z_k).cdf(N F_k - 1) )
 *
 * is small when F leaves the diagonal anywhere. Its distribution under uniformity is simulated, from a fixed seed; the
 * band at level 1 - alpha follows from the alpha-quantile of the simulated gammas, and F lies inside the band when its
 * gamma is not below that quantile.
 *
 * Cost: tables of about 18 sqrt(N z (1 - z)) + 20 doubles a point (28 MB for N = 100,000 and K = 1,000), and for each
 * simulation the smaller of N uniforms and K binomials.
 */
#ifndef DIAGNOSTICS_ECDF_H
#define DIAGNOSTICS_ECDF_H

#include <stdint.h>

typedef struct ecdf_null ecdf_null_t;

/* Points z_k = first + k (last - first) / (K - 1), `simulations` draws of N uniforms from `seed`. */
ecdf_null_t *ecdf_null_create(int64_t n, int64_t points, double first, double last,
                              int64_t simulations, uint64_t seed);
void ecdf_null_destroy(ecdf_null_t **null);
/* gamma of observed counts: count[k] of the N values are at or below z_k. */
double ecdf_null_gamma(const ecdf_null_t *null, const int64_t *count);
/* The alpha-quantile of the simulated gammas. */
double ecdf_null_critical(const ecdf_null_t *null, double alpha);

/* The band for D parameters tested together: chance `level` that all D curves stay inside it when all are uniform
 * (Sidak: each gets 1 - level^(1/D)). */
typedef struct {
    int64_t n, points;
    int64_t stride;             // of rank bands: z_k = (k + 1) stride / (S + 1); 0 otherwise
    double level, alpha, gamma; // alpha: for one parameter; gamma: its critical value
    double *z, *low, *high;     // (points): the ECDF's bounds; subtract z for the difference form
} ecdf_band_t;

/* For continuous values: K = min(N, 1000) points in [1e-5, 1 - 1e-5]; 1,000 simulations, more where alpha is so small that
 * fewer than 50 would fall below its quantile (50,000 at most).
 * Do not judge fractional ranks R / S by it: they are discrete, one rank of 0 among a few hundred (chance 1 / (S + 1) each)
 * already leaves it at z = 1e-5. */
ecdf_band_t ecdf_band_create(int64_t n, double level, int parameters, uint64_t seed);
/* For integer ranks 0 .. S: at points where P(R < i) = i / (S + 1) is exact, every stride-th i so that there are at most
 * min(N, 1000) of them. The band to judge calibration by. */
ecdf_band_t ecdf_rank_band_create(int64_t n, int64_t s, double level, int parameters,
                                  uint64_t seed);
void ecdf_band_free(ecdf_band_t *band);
/* The ECDF at the band's points, out (points): of values in [0, 1], and of integer ranks (rank bands). */
void ecdf_at(const ecdf_band_t *band, const double *values, double *out);
void ecdf_at_ranks(const ecdf_band_t *band, const int64_t *ranks, double *out);
/* Whether those values lie inside the band everywhere. */
int ecdf_inside(const ecdf_band_t *band, const double *ecdf);

/* ln(gamma / 5 %-quantile of gamma) at z_i = i / (S + 1), from integer ranks: below 0 is a rejection at 5 %. `null` is
 * that of log_gamma_null(N, S), the same for all parameters. */
ecdf_null_t *log_gamma_null(int64_t n, int64_t s, uint64_t seed);
double log_gamma(const ecdf_null_t *null, int64_t s, const int64_t *ranks);

#endif
