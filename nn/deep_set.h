/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a set: the same for any order of its elements (Zaheer et al. 2017, "Deep sets"). Padding does not
 * exist here, so every mean is over the set's own elements.
 *
 * Ours:                 h = MLP_e(x)                                    element MLP, width E
 *     `depth` times     h = h + W_2 act(W_1 h + V_1 mean(h) + b_1) + b_2
 *                       c = [mean(h), extras]                         `elements` off: the extras alone
 *                       summary = W_s MLP_s(c) + V_s c                  MLP_s of `n_hidden` blocks of `width`
 *
 * The peer's (golden): equivariant layers with RMS norms, pooled by attention with four seeds (BayesFlow 2.1's default).
 * Its norms leave only the sign of the elements of a set of single numbers; it is here to be compared with.
 */
#ifndef NN_DEEP_SET_H
#define NN_DEEP_SET_H

#include "nn/summary.h"

#include <stdbool.h>

typedef struct {
    int64_t features; // columns of an element
    int64_t extras;   // columns of what is known of the whole set; 0: none, not read where golden
    bool elements;    // false: no element network, a summary of the extras alone
    int summary_dim;
    int embed_dim; // E; golden: a multiple of 4
    int depth;     // equivariant layers
    int width;     // of MLP_s; golden: of every MLP
    int n_hidden;  // blocks of MLP_e and MLP_s; golden: of every MLP
    bool golden;
    double dropout;
} deep_set_config_t;

typedef struct deep_set deep_set_t;

/* Adds its weights to `params`, their names below `name`. */
deep_set_t *deep_set_make(params_t *params, const char *name, const deep_set_config_t *config);
void deep_set_destroy(deep_set_t **d);
/* elements (ROWS_ELEMENTS + k, features) and extras (ROWS_SETS, extras), NULL where not used -> (ROWS_SETS, summary_dim). */
tensor_t *deep_set_record(const deep_set_t *d, graph_t *g, tensor_t *elements, tensor_t *extras);

extern const summary_kind_t summary_kind_deep_set;

#endif
