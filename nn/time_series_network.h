/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of a series that looks at it on two scales of time (after LSTNet, Lai et al. 2018):
 *
 *     c = mish(convolution of x, kernel 3)                                   `filters` columns
 *     s = GRU2(c) + GRU2'(linear convolution of c, kernel 4, stride 4)       `recurrent` columns
 *     summary = W [dropout(s), extras] + b
 *
 * GRU2: the sum of the last states of a GRU from each end. Reads summary_dim, filters, recurrent, dropout. It is the peer's
 * network of this name. Of an empty series: b and the extras.
 */
#ifndef NN_TIME_SERIES_NETWORK_H
#define NN_TIME_SERIES_NETWORK_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_time_series_network;

#endif
