/* SPDX-License-Identifier: Apache-2.0
 *
 * Summary networks of a plain vector x of numbers (ROWS_SETS, features):
 *
 *     identity   x itself: the inference network reads the standardised numbers
 *     mlp        W_s MLP(x) + V_s x, MLP of `n_hidden` residual blocks of `width`
 */
#ifndef NN_SUMMARY_MLP_H
#define NN_SUMMARY_MLP_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_identity, summary_kind_mlp;

#endif
