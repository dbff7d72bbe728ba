/* SPDX-License-Identifier: Apache-2.0
 *
 * Continuous-time consistency model on the circle of TrigFlow (Lu and Song 2025, "Simplifying, stabilizing and scaling
 * continuous-time consistency models"): theta (of standard deviation 1) and noise z ~ N(0, I) are mixed by an angle t,
 *
 *     x_t = cos t theta + sin t z,    f(x, t) = cos t x - sin t F(x, t, c),    0 <= t <= pi / 2,   f(x, 0) = x
 *
 * with F a time network (time_net.h). In training tan t = exp(tau), tau ~ N(-1.1, 2^2), v = dx_t / dt = cos t z - sin t theta,
 * and with F' = dF / dt along the path times cos t sin t, a tangent (tangent.h) along (cos t sin t v, cos t sin t) in (x, t),
 *
 *     g = -cos^2 t (F - v) - (cos t sin t x_t + F'),    g = g / (|g| + 0.1)
 *     loss = e^w(t) 1/d sum_j (F - stop(F + g))_j^2 - w(t)
 *
 * where w is a learned weight, an MLP of t of 256 mish units with dropout 0.05, zero at first. A draw: from x = 0, for k = steps
 * .. 1 and t_k = pi/2 exp(3.5 (k pi / (2 steps) - pi/2)),  x = f(cos t_k x + sin t_k z, t_k); it begins at t = pi / 2 with noise.
 * The default fourier_scale is 1 (BayesFlow: 30): the faster F changes with t, the larger F', as the paper finds.
 */
#ifndef NN_STABLE_CONSISTENCY_H
#define NN_STABLE_CONSISTENCY_H

#include "nn/few_step.h"
#include "nn/inference.h"

extern const inference_kind_t inference_kind_stable_consistency;

/* t_k of `steps` steps, k = 1 .. steps. */
double stable_consistency_angle(int k, int steps);
/* The move at angle t: cos t x + sin t z, and f of it. */
few_step_move_t stable_consistency_move(double t);

#endif
