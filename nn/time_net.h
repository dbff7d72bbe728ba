/* SPDX-License-Identifier: Apache-2.0
 *
 * The network inside flow matching, diffusion and consistency models: a function of a noisy parameter vector, a time and a
 * condition,  F(x, t, c), of d numbers.
 *
 *     time_mlp   residual MLP with the time fed into every block by FiLM (time_mlp.h)
 *     unet       for parameters that form an image (unet.h); its condition may hold images
 *
 * The time is one number a data set: in training each data set has one draw, and a solver moves all draws of a data set
 * together. So what depends on time and condition alone is computed once a data set and step, not once a draw.
 */
#ifndef NN_TIME_NET_H
#define NN_TIME_NET_H

#include "cluster/err.h"
#include "nn/op.h"
#include "nn/params.h"
#include "nn/summary.h"

#include <stdbool.h>

typedef enum { SUBNET_TIME_MLP, SUBNET_UNET } subnet_t;

enum { UNET_MAX_STAGES = 6 };

typedef struct {
    subnet_t subnet;
    int64_t parameters; // d
    int64_t conditions; // columns of c; 0: none
    int64_t out;        // columns of the result; 0: d
    int time_embed;     // Fourier features (even); the time itself comes beside them
    double fourier_scale;
    double dropout;
    /* time_mlp */
    int depth, width;
    bool film_scale; // FiLM with a factor beside the shift
    bool persistent; // the condition enters every block, not the first layer alone
    /* unet */
    int64_t height, image_width, channels; // d = height * image_width * channels
    int64_t image_conditions;              // channels of the condition that is an image; 0: none
    int stages;
    int stage_width[UNET_MAX_STAGES];
    bool stage_attention[UNET_MAX_STAGES];
    int blocks; // residual blocks a stage
    int groups; // of the group norms
    int heads;
} time_net_config_t;

typedef struct time_net time_net_t;

/* What flow matching and diffusion use at this size, of both subnets; time_mlp is chosen. The peer's time_mlp is the large one. */
void time_net_default(network_size_t size, time_net_config_t *config);

/* ERR_USAGE that names the field of a study which is out of range. */
err_t time_net_check(const time_net_config_t *config) ERR_MUST_CHECK;
time_net_t *time_net_make(params_t *params, const char *name, const time_net_config_t *config);
void time_net_destroy(time_net_t **n);
const time_net_config_t *time_net_config(const time_net_t *n);
/* x (ROWS_DRAWS, d), time (ROWS_SETS, 1), condition (ROWS_SETS, c) or NULL; image (ROWS_SETS, per height * image_width,
 * image_conditions) or NULL -> (ROWS_DRAWS, out). */
tensor_t *time_net_record(const time_net_t *n, graph_t *g, tensor_t *x, tensor_t *time,
                          tensor_t *condition, tensor_t *image);

#endif
