/* SPDX-License-Identifier: Apache-2.0
 *
 * Score-based diffusion (Song et al. 2021; Sharrock et al. 2024 and Geffner et al. 2023 for posteriors): parameters theta become
 * x = alpha theta + sigma epsilon (noise_schedule.h), and a time_net learns the score s(x, t, c) of x through one of
 *
 *     r^2 = alpha^2 + sigma^2                 target of the network                   score from its result F
 *     velocity   (alpha epsilon - sigma theta) / r                                    -x / r^2 - alpha / (sigma r) F
 *     noise      epsilon                                                              -F / sigma
 *     f          (theta - alpha / r^2 x) r / sigma                                    -x / r^2 + alpha / (sigma r) F
 *
 * Predicted noise has its errors multiplied by 1 / alpha where there is little but noise, 400 in the cosine schedule; the two others
 * are sure at both ends. The network sees x / r, and lambda for the time. (The peer's, `golden`: x, and the target of velocity without / r.)
 *
 *     training   loss = w mean_j (F - target)_j^2; t uniform and stratified over the data sets of a pass; w is such that velocity
 *                and noise have the loss of epsilon, times 1 + sigma^2 in the schedule edm; of f it is 1
 *     draws      from N(0, noise_at_end^2) at t = 1 to t = 0, along the stochastic dx = (f x - g^2 s) dt + g dW, solver
 *                two_step (sde_two_step.h), or along the ODE below
 *     density    of dx/dt = f x - g^2 / 2 s (flow_ode.h). Beside two_step its solver is tsit5 with a tolerance of 1e-4
 */
#ifndef NN_DIFFUSION_H
#define NN_DIFFUSION_H

#include "nn/inference.h"
#include "nn/ode.h"

extern const inference_kind_t inference_kind_diffusion;

/* With an ODE solver: x (n, d) holds noise N(0, noise_at_end^2) at t = 1 and then theta; log_density (n) or NULL. */
void diffusion_carry(void *eval, int64_t n, float *x, double *log_density);
/* dx/dt of the ODE at time t, (n, d), and its exact divergence (n) or NULL. */
void diffusion_velocity(void *eval, double t, int64_t n, const float *x, float *dx,
                        double *divergence);
/* Steps and evaluations of the last drawing or density. */
ode_count_t diffusion_count(const void *eval);

#endif
