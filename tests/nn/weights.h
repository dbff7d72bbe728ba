/* SPDX-License-Identifier: Apache-2.0
 *
 * Help for tests of whole networks.
 */
#ifndef TESTS_NN_WEIGHTS_H
#define TESTS_NN_WEIGHTS_H

#include "nn/params.h"

/* Adds N(0, sd^2) to every trainable weight, so that nothing is zero by its initialisation. */
void weights_perturb(params_t *params, uint64_t seed, double sd);

/* For each trainable tensor alone, along one random direction v of unit length, compares the gradient's v' g with
 *     (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h,  f(t) = loss at weights + t v.
 * Fails the test where they differ by more than tolerance * (1 + |v' g|). The rounding of a float32 loss L of a few
 * hundred terms is about 1e-6 |L|, that of the difference so about 1e-6 |L| / h. */
typedef double (*weights_loss_t)(void *user);
void weights_check_gradient(params_t *params, weights_loss_t loss, void *user,
                            const float *gradient, double h, double tolerance);
/* Of the tensors alone whose names begin with `prefix`; there must be some. */
void weights_check_gradient_of(params_t *params, const char *prefix, weights_loss_t loss,
                               void *user, const float *gradient, double h, double tolerance);

#endif
