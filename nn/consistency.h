/* SPDX-License-Identifier: Apache-2.0
 *
 * Consistency model, trained without a teacher (Song et al. 2023, "Consistency models"; Song and Dhariwal 2024, "Improved
 * techniques"; Schmitt et al. 2024 for posteriors): f maps a noisy parameter vector x = theta + t z straight to theta,
 *
 *     f(x, t) = s^2 / ((t - e)^2 + s^2) x + s (t - e) / sqrt(s^2 + t^2) F(x, t / T, c),     e <= t <= T
 *
 * with data of standard deviation s = 1, e = 0.001, T = 80 and F a time network (time_net.h); f(x, e) = x.
 *
 * Levels t_1 = e < .. < t_N = T, t_i = (e^1/7 + (i - 1) / (N - 1) (T^1/7 - e^1/7))^7. At progress p of training
 * N = min(a 2^floor(p (log2 floor(b / a) + 1)), b) + 1 with a = start_levels and b = end_levels; i is drawn with probabilities
 * proportional to erf((ln t_i+1 + 1.1) / (2 sqrt 2)) - erf((ln t_i + 1.1) / (2 sqrt 2)). With the same noise z at both levels
 *
 *     loss = 1 / (t_i+1 - t_i) 1/d sum_j (sqrt((f(theta + t_i+1 z, t_i+1) - stop f(theta + t_i z, t_i))_j^2 + k^2) - k)
 *
 * with k = 0.00054 sqrt d. A draw: x = f(T z, T), and then for `steps` - 1 falling levels t of the grid with N = steps + 1
 * x = f(x + sqrt(t^2 - e^2) z, t). (BayesFlow counts one step more: its last level is e, where f is the identity.)
 */
#ifndef NN_CONSISTENCY_H
#define NN_CONSISTENCY_H

#include "nn/inference.h"

extern const inference_kind_t inference_kind_consistency;

/* N at a progress of training. */
int consistency_levels(int start_levels, int end_levels, double progress);
/* t_i of N levels, i = 1 .. N. */
double consistency_time(int i, int n_levels);

#endif
