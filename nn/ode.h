/* SPDX-License-Identifier: Apache-2.0
 *
 * Explicit Runge-Kutta methods for dx/dt = f(t, x), where x are n draws of d numbers each that do not see one another.
 *
 *     euler 1   midpoint 2   rk4 4          order; equal steps
 *     dopri5 5(4)   tsit5 5(4)              equal steps, or adaptive (Dormand and Prince 1980; Tsitouras 2011)
 *
 * Adaptive: all draws move with the same steps; a step is taken when its error e (step_norm.h), the difference of the results of
 * order 5 and 4, is at most one. The next is 0.9 e^-0.14 e_before^0.08 times as long, at least a fifth and at most five times (a
 * PI controller, Gustafsson 1991).
 * A step is never shorter than (to - from) / steps: such a one is taken however large its error is, so that the work is bounded. A step that is
 * longer and leads to infinities or NaNs is refused; draws that are already lost to them stay so and no longer count.
 */
#ifndef NN_ODE_H
#define NN_ODE_H

#include "nn/step_norm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { ODE_EULER, ODE_MIDPOINT, ODE_RK4, ODE_DOPRI5, ODE_TSIT5, ODE_METHODS } ode_method_t;

typedef struct {
    ode_method_t method;
    bool adaptive;              // dopri5 and tsit5
    int steps;                  // equal ones; adaptive: the most
    step_tolerance_t tolerance; // adaptive
} ode_config_t;

/* dx = f(t, x) of n draws: (n, d). */
typedef void (*ode_field_t)(void *user, double t, const double *x, double *dx);

typedef struct {
    int steps, refused, evaluations;
} ode_count_t;

int ode_order(ode_method_t method);

typedef struct ode ode_t;

/* A solver's memory, which grows to what ode_solve needs. */
ode_t *ode_create(void);
void ode_destroy(ode_t **o);
size_t ode_bytes(const ode_t *o);
/* Moves x (n, d) from `from` to `to`, which may lie on either side; n may be 0. */
ode_count_t ode_solve(ode_t *o, const ode_config_t *config, ode_field_t field, void *user,
                      int64_t n, int64_t d, double from, double to, double *x);

#endif
