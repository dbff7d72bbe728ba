/* SPDX-License-Identifier: Apache-2.0
 *
 * Adaptive two-step solver of dx = D(t, x) dt + g(t) dW for n draws of d numbers (Jolicoeur-Martineau et al. 2021, "Gotta go fast
 * when generating data with score-based models"). With h > 0 the length of a step from t to t', and w ~ N(0, h) in each number:
 *
 *     x1 = x + (t' - t) D(t, x) + g(t) w
 *     x2 = x + (t' - t) D(t', x1) + g(t') w
 *     y  = (x1 + x2) / 2
 *
 * The step is taken when the error (step_norm.h) of y - x1 = (x2 - x1) / 2 is at most one; the next is 0.9 e^-0.9 times as long, at
 * least a fifth and at most five times. A step of at most |to - from| / steps is taken whatever its error is.
 * A step that is refused has seen its noise: what a shorter one gets of it, and what is left for those that follow, is drawn
 * given the sum (Brownian bridges; Rackauckas and Nie 2017), so that refusing does not choose among noises.
 */
#ifndef NN_SDE_TWO_STEP_H
#define NN_SDE_TWO_STEP_H

#include "cluster/rng.h"
#include "nn/step_norm.h"

#include <stddef.h>

typedef struct {
    int steps;
    step_tolerance_t tolerance;
} sde_config_t;

typedef struct {
    /* D(t, x): (n, d) */
    void (*drift)(void *user, double t, const double *x, double *dx);
    double (*noise)(void *user, double t); // g(t)
    void *user;
} sde_problem_t;

typedef struct {
    int steps, refused, evaluations;
} sde_count_t;

typedef struct sde sde_t;

/* A solver's memory, which grows to what sde_solve needs. */
sde_t *sde_create(void);
void sde_destroy(sde_t **s);
size_t sde_bytes(const sde_t *s);
/* Moves x (n, d) from `from` to `to`, which may lie on either side; n may be 0. */
sde_count_t sde_solve(sde_t *s, const sde_config_t *config, const sde_problem_t *problem, int64_t n,
                      int64_t d, double from, double to, rng_t *rng, double *x);

#endif
