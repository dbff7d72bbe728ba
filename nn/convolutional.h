/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary network of an image: residual convolutions (He et al. 2016) on ever coarser scales.
 *
 *     `stages` times, of stage_width[k] channels
 *         twice   x = W_1x1 x + b
 *                 x = x + Conv(dropout(mish(LN(Conv(mish(LN(x)))))))     3 x 3; LN over the channels of each pixel
 *         x = means over 2 x 2 pixels                                    zeros beyond an odd edge counted
 *     summary = W_s [mean of x over all pixels, extras] + b_s
 *
 * The second convolution of each begins with zeros. Without extras it is BayesFlow 2.1's ConvolutionalNetwork. Of
 * summary_config_t it reads stages, stage_width, summary_dim and dropout.
 */
#ifndef NN_CONVOLUTIONAL_H
#define NN_CONVOLUTIONAL_H

#include "nn/summary.h"

extern const summary_kind_t summary_kind_convolutional;

#endif
