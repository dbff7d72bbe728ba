/* SPDX-License-Identifier: Apache-2.0
 *
 * The coupling flow as an inference network (inference.h): its loss is -log q, its draws are one pass from noise.
 */
#ifndef NN_COUPLING_NETWORK_H
#define NN_COUPLING_NETWORK_H

#include "nn/inference.h"

extern const inference_kind_t inference_kind_coupling_flow;

#endif
