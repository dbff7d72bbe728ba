/* SPDX-License-Identifier: Apache-2.0
 *
 * Flow matching (Lipman et al. 2023; Wildberger et al. 2023 for posteriors): a velocity v(x, t, c), a time_net, that carries
 * parameters at t = 0 to standard normal noise at t = 1.
 *
 *     training   z ~ N(0, I),  x_t = (1 - t) theta + t z,  loss = mean_j (v(x_t, t, c) - (z - theta))_j^2
 *                t = 1 - u^(1 + alpha), u uniform and stratified over the data sets of a pass: with alpha = -1/2 the density
 *                of t is 2 (1 - t), dense near the parameters; 0: uniform
 *     transport  z is paired with theta by optimal transport inside a pass (transport.h)
 *     draws      dx/dt = v from z at t = 1 to theta at t = 0
 *     density    ln q(theta) = ln N(x(1)) + integral from 0 to 1 of div v(x(t), t) dt (flow_ode.h)
 */
#ifndef NN_FLOW_MATCHING_H
#define NN_FLOW_MATCHING_H

#include "nn/inference.h"
#include "nn/ode.h"

extern const inference_kind_t inference_kind_flow_matching;

/* What eval_draw makes of its noise: x (n, d) holds z and then theta; log_density (n) or NULL. */
void flow_matching_carry(void *eval, int64_t n, float *x, double *log_density);
/* Steps and evaluations of the last drawing or density. */
ode_count_t flow_matching_count(const void *eval);

#endif
