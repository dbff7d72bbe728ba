/* SPDX-License-Identifier: Apache-2.0
 *
 * Continuous normalizing flows: draws of one data set carried along dx/dt = v(t, x) between parameters, at t = 0, and noise
 * N(0, s^2 I), at t = 1, and their density (Chen et al. 2018):
 *
 *     ln q(x(0)) = ln N(x(1); 0, s^2 I) + integral from 0 to 1 of div v(t, x(t)) dt
 *
 * The state is float64, v is evaluated in float32. The divergence is exact, or estimated along fixed random directions of
 * each draw (Grathwohl et al. 2019).
 */
#ifndef NN_FLOW_ODE_H
#define NN_FLOW_ODE_H

#include "nn/inference.h"
#include "nn/ode.h"

/* v of x (n, d) at time t into dx (n, d), and where divergence is not NULL its divergence (n): by `probes` directions a
 * draw, (n, probes, d), or exactly where `probes` is 0. */
typedef void (*flow_velocity_t)(void *user, double t, int64_t n, const float *x, float *dx,
                                double *divergence, int probes, const float *direction);

typedef struct flow_ode flow_ode_t;

/* Solver, tolerances and trace from `config`; noise_sd is s; user is borrowed. */
flow_ode_t *flow_ode_create(const inference_config_t *config, int64_t d, double noise_sd,
                            flow_velocity_t velocity, void *user);
void flow_ode_destroy(flow_ode_t **f);
/* x (n, d) holds x(1) and then x(0); log_density (n), or NULL: ln q(x(0)). */
void flow_ode_carry(flow_ode_t *f, int64_t n, float *x, double *log_density);
/* ln q of theta (n, d): out (n). */
void flow_ode_density(flow_ode_t *f, int64_t n, const float *theta, double *out);
/* Of the last of these two. */
ode_count_t flow_ode_count(const flow_ode_t *f);
size_t flow_ode_bytes(const flow_ode_t *f);

/* ERR_USAGE that names the field of solver, tolerances and trace which is out of range. SOLVER_TWO_STEP
 * stands for ODE_TSIT5 here: it moves draws, but has no density. */
err_t flow_ode_check(const inference_config_t *config) ERR_MUST_CHECK;
#endif
