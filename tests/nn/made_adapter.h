/* SPDX-License-Identifier: Apache-2.0
 *
 * Adapters of one small model, for tests:
 *
 *     parameters   mu (all), sigma (0, inf), p (0, 1), w1 w2 w3 (0, 1), a b (-5, 5), s11 (0, inf), s21 (all), s22 (0, inf),
 *                  r21 r31 r32 (-1, 1)
 *     design       n [0, 6] whole, the length of y and z; group [0, 2]; age [1, 90]
 *     observables  y set of 6 x 2, z set of 6 x 1, v vector of 3, u vector of 2, image 2 x 2 x 1, series 4 x 1
 */
#ifndef TESTS_NN_MADE_ADAPTER_H
#define TESTS_NN_MADE_ADAPTER_H

#include "nn/adapter.h"

enum { MU, SIGMA, P01, W1, W2, W3, A, B, S11, S21, S22, R21, R31, R32, MODEL_PARAMETERS };
enum { N, GROUP, AGE, MODEL_DESIGN };
enum { Y, Z, V, U, IMAGE, SERIES, MODEL_OBSERVABLES };

extern const adapter_shape_t model_shape;

/* Parameters that are supported by whatever the tests write. */
extern const double model_parameters[MODEL_PARAMETERS];

/* The adapter of "- log: [sigma]\n- ..."; it must exist. */
adapter_t *made_adapter(const char *list);
/* It must not: the error's text. */
const char *adapter_error(const char *list);

#endif
