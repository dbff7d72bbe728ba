/* SPDX-License-Identifier: Apache-2.0
 *
 * Noise of a diffusion: at time t in [0, 1] parameters theta have become x = alpha theta + sigma epsilon, epsilon ~ N(0, I), with
 * lambda = ln(alpha^2 / sigma^2) falling in t. (Kingma et al. 2021; Karras et al. 2022)
 *
 *     cosine   alpha^2 = 1 / (1 + exp(-lambda)),  sigma^2 = 1 - alpha^2         (variance preserving)
 *              lambda = -2 ln tan(pi t' / 2),  t' linear in t, lambda from 12 at 0 to -12 at 1
 *     edm      alpha = 1,  sigma^2 = exp(-lambda)                               (variance exploding)
 *              sampling: sigma^(1/7) linear in t, sigma from 1e-4 at 0 to 80 at 1
 *              training: ln sigma ~ N(-1.2, 1.2^2), lambda kept within one of its range in sampling
 *
 * The process is dx = f x dt + g dW, and its marginals are those of dx/dt = f x - g^2 / 2 grad ln p (Song et al. 2021).
 */
#ifndef NN_NOISE_SCHEDULE_H
#define NN_NOISE_SCHEDULE_H

#include "nn/inference.h"

typedef struct {
    double log_snr, alpha, sigma; // lambda, alpha, sigma
    double drift, noise2;         // f, g^2
} noise_at_t;

/* At time t of sampling. */
noise_at_t noise_at(noise_schedule_t schedule, double t);
/* lambda, alpha and sigma of training at u uniform in (0, 1); drift and noise2 are 0. */
noise_at_t noise_in_training(noise_schedule_t schedule, double u);
/* How the networks see lambda: linear, 1 at t = 0 and -1 at t = 1. */
double noise_network_time(noise_schedule_t schedule, double log_snr);
/* Standard deviation of x at t = 1, where theta no longer counts. */
double noise_at_end(noise_schedule_t schedule);

#endif
