/* SPDX-License-Identifier: Apache-2.0
 *
 * Point estimates as an inference network: the posterior mean and quantiles of each parameter alone, by a residual MLP of the
 * condition with two heads (BayesFlow's PointNetwork with the scoring rules Mean and Quantile).
 *
 *     mean       loss (1 / d) sum_j (m_j - theta_j)^2                                  least at the posterior mean
 *     quantiles  loss (1 / q d) sum_kj (Q_kj - theta_j) (1[Q_kj > theta_j] - tau_k)    least at the posterior quantiles
 *                                                                                      (pinball; Koenker and Bassett 1978)
 *
 * and the loss is the mean of both. Quantiles never cross: the level nearest 0.5 is the anchor, each further one lies a
 * positive distance from its neighbour. Ours is  distance = (z_k - z_k-1) softplus(raw + ln(e - 1))  with z the quantiles of
 * a standard normal, and both heads begin at zero, so that training begins at the standard normal.
 *
 * Draws are of the marginals, one parameter independent of the others: correlations are lost, and what needs them (a joint
 * density, a posterior predictive of several parameters) must not be built on these draws. The quantile function is linear
 * between the levels, and exponential beyond the outermost two, with the density of the outermost interval at its edge:
 *
 *     Q(u) = Q_1 + s ln(u / tau_1),  s = tau_1 (Q_2 - Q_1) / (tau_2 - tau_1)       for u < tau_1, and likewise above
 */
#ifndef NN_POINT_NETWORK_H
#define NN_POINT_NETWORK_H

#include "nn/inference.h"

extern const inference_kind_t inference_kind_point;

/* Of the data set that eval_condition named last, in standardised numbers. eval: from inference_kind_point.eval_create;
 * mean (d), quantiles (n_quantiles, d); each may be NULL. */
void point_network_estimate(const void *eval, float *mean, float *quantiles);

#endif
