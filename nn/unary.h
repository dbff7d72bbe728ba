/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise functions of one variable with their derivatives, vectorised.
 */
#ifndef NN_UNARY_H
#define NN_UNARY_H

#include <stdint.h>

/* sigma(x) = 1 / (1 + exp(-x)), softplus(x) = ln(1 + exp(x)) */
typedef enum {
    UNARY_IDENTITY,
    UNARY_EXP,
    UNARY_LOG,
    UNARY_LOG_ABS,
    UNARY_TANH,
    UNARY_SIGMOID,
    UNARY_SOFTPLUS,
    UNARY_SILU,      // x sigma(x)
    UNARY_MISH,      // x tanh(softplus(x))
    UNARY_HARD_SILU, // x clip(x / 6 + 1/2, 0, 1)
    UNARY_RELU,
    UNARY_ASINH,
    UNARY_SQRT,
    UNARY_SQUARE,
    UNARY_NEG,
    UNARY_SIN,
    UNARY_COS,
    UNARY_KINDS
} unary_t;

/* y = f(x), and slope = f'(x) unless NULL; each (n). y may be x. */
void unary_apply(unary_t kind, int64_t n, const float *x, float *y, float *slope);

#endif
