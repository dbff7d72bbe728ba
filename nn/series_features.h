/* SPDX-License-Identifier: Apache-2.0
 *
 * What networks are told of a column y_1 ... y_n of a series beside its moments: how it remembers, and how well it predicts
 * itself. Nothing here is learned.
 *
 *     autocorrelations   artanh(0.999 r_k), r_k = sum_(t>k) (y_t - m)(y_(t-k) - m) / sum_t (y_t - m)^2, k = 1 .. 8, 12, 16, 24, 32
 *     steps              ln(sqrt(sum_t (y_t - y_(t-1))^2 / sum_t (y_t - m)^2) + 1/1000)
 *     reflections        artanh(0.999 a_k), k = 1 .. 8, the partial autocorrelations by Burg's method (1975, "Maximum entropy spectral
 *                        analysis"), less biased than those from r where the memory is long
 *     surprises          ln(e_k / s + 1e-4), e_k^2 = variance of y * product_(j<=k) (1 - a_j^2): the error of the best linear
 *                        prediction from k elements, k = 1, 2, 4, 8; s: the column's standard deviation over all simulations
 *
 * For an autoregression of order k the moments, a_1 ... a_k and e_k hold nearly all that the data say. All are 0 of a column
 * that is constant but for rounding (1e-7 of its mean); what needs more elements than there are is 0, and e_k is then that of the last k that is known.
 */
#ifndef NN_SERIES_FEATURES_H
#define NN_SERIES_FEATURES_H

#include <stdint.h>

int64_t series_features_columns(void);
/* y: n > 0 elements, `stride` floats apart; sd > 0. scratch (2 n). out (series_features_columns()). */
void series_features(int64_t n, int64_t stride, const float *y, double sd, float *scratch,
                     float *out);

#endif
