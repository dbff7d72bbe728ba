/* SPDX-License-Identifier: Apache-2.0
 *
 * Entropic optimal transport between the n parameter vectors and the n noise vectors of a minibatch: the plan P (n, n), rows
 * and columns of sum 1 / n, that minimises
 *
 *     sum_ij P_ij C_ij + reg sum_ij P_ij ln P_ij,     P_ij = exp((f_i + g_j - C_ij) / reg)
 *
 * by Sinkhorn's iteration on the potentials f and g, with logarithms throughout (Cuturi 2013). Flow matching on pairs drawn
 * from P has straighter paths than on independent pairs (Tong et al. 2023; Pooladian et al. 2023).
 *
 * Parameters belong to a condition. A plan that forgets it would pair noise with parameters by their conditions, and the
 * noise of one condition would no longer be standard normal. So unlike conditions are made dear (Cheng and Schwing 2025):
 * C_ij = |theta_i - z_j|^2 + w (1 - cos(c_i, c_j)), where c_j is the condition that noise row j came with.
 */
#ifndef NN_TRANSPORT_H
#define NN_TRANSPORT_H

#include <stdint.h>

/* cost (n, n) = |theta_i - z_j|^2 of theta (n, d), z (n, d). */
void transport_cost(int64_t n, int64_t d, const float *theta, const float *z, float *cost);
/* Adds w (1 - cos(c_i, c_j)) for condition (n, c); the cosine with a vector of zeros counts as 0. w is the least weight found,
 * by doubling from 1 and 10 bisections, at which a share of at most `ratio` of the pairs i != j gains,
 * w (1 - cos) <= C_ii - C_ij with the cost as it came in; it stops at 2^20. Returns w. work (n, n). */
double transport_keep_conditions(int64_t n, int64_t c, const float *condition, double ratio,
                                 float *cost, float *work);

typedef struct {
    double reg;       // > 0
    int steps;        // at most; each updates g and then f
    double tolerance; // ends when no f_i moved by more
} transport_config_t;

/* Work floats of transport_plan. */
int64_t transport_plan_work(int64_t n);
/* plan (n, n). Its rows have their sum to rounding, its columns as far as the iteration came. Returns the steps taken. */
int transport_plan(int64_t n, const float *cost, const transport_config_t *config, float *plan,
                   float *work);
/* choice (n): row i chooses column j with probability P_ij / sum_j P_ij, at its uniform number in [0, 1). */
void transport_choose(int64_t n, const float *plan, const float *uniform, int64_t *choice);

#endif
