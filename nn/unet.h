/* SPDX-License-Identifier: Apache-2.0
 *
 * The network inside flow matching and its kin for parameters that form an image (BayesFlow's UNet, after Ho et al. 2020):
 * x seen as height x image_width pixels of `channels`, time t, condition vector c, conditions that are images -> as many
 * numbers as x.
 *
 *     tau = [t, sin(2 pi s w t), cos(2 pi s w t)]     w learned, (time_embed / 2), from N(0, 0.05^2); s = fourier_scale
 *     e   = [tau + W_2 mish(W_1 tau); mish(W_c c)]    without condition the first part alone
 *     block(h, e):   u = Conv(silu(GN(h)));  u = Conv(dropout(silu(GN(u) + W_e e)));  h + u, or W_p h + u where widths differ
 *     attend(h):     n = GN(h);  n + W_o attention(LN(W_q n), LN(W_k n), W_v n)       among the pixels of one image
 *
 *     h = Conv([x, condition images]);  `stages` times `blocks` blocks (each with attention where stage_attention), means over
 *     2 x 2 pixels and a linear map to the next width in between; block, attention, block; then back up, blocks + 1 blocks a
 *     stage, each of which first takes in what stood at the same place on the way down, nearest neighbours and Conv in
 *     between; out = Conv(GN(h)).
 *
 * Conv is 3 x 3, GN has `groups` groups, LN is over a head's columns; every map has a bias. W_2, W_o, the second Conv of a
 * block and the last one begin with zeros. A side that is odd is filled with zeros on the way down and cut on the way up.
 * Draws do not see each other, and what is made of time and condition is of a data set, not of a draw.
 */
#ifndef NN_UNET_H
#define NN_UNET_H

#include "cluster/err.h"
#include "nn/summary.h"
#include "nn/time_net.h"

typedef struct unet unet_t;

/* The fields that a unet alone reads, but for the image's sides: stages of 16, 32, 64 (small), 32, 64, 128 (base) or 64, 128,
 * 256 channels (large), attention in the last two, one channel of the image. */
void unet_default(network_size_t size, time_net_config_t *config);

/* ERR_USAGE that names the field which is out of range. */
err_t unet_check(const time_net_config_t *config) ERR_MUST_CHECK;
/* Adds its weights to `params`, their names below `name`. The config passes unet_check. */
unet_t *unet_make(params_t *params, const char *name, const time_net_config_t *config);
void unet_destroy(unet_t **net);
/* As time_net_record. */
tensor_t *unet_record(const unet_t *net, graph_t *g, tensor_t *x, tensor_t *time,
                      tensor_t *condition, tensor_t *image);

#endif
