/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a series by its windows, and by what lies further apart on a coarser scale:
 *
 *     v_j = (x_(t-p), ..., x_(t-p+K-1), 2 t / n_max - 1)     K = `window` elements side by side, zeros beyond the ends, and the
 *                                                            time t = j ceil(K / 2): each element stands in two windows
 *                                                            of asinh x: processes may run away, and networks with them
 *     h   = mean over j of MLP_e(v_j)                        width `embed_dim`
 *     r   = GRU2(convolution of x, kernel K, stride K)       `recurrent` columns; 0: none
 *     c   = [h, extras, r]
 *     summary = W_s MLP_s(c) + V_s c                         `hidden_layers` blocks of `width`
 *
 * The likelihood of a process with a short memory is a product over windows, so a mean over windows is close to what is
 * sufficient; the time beside each window says where in the series it stands, and the recurrent part in which order things
 * happened. GRU2: the sum of the last states of a GRU from each end. extras: moments (set_features.h) and series_features.h.
 * Reads summary_dim, window, embed_dim, width, n_hidden, recurrent, channels, moments, dropout. Takes time ~ n.
 */
#ifndef NN_WINDOW_NETWORK_H
#define NN_WINDOW_NETWORK_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_window_network;

#endif
