/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW (Loshchilov and Hutter 2019) over one flat block of weights, with clipping by the global norm and an exponential
 * moving average of the weights. Every sum runs in a fixed order, so all ranks take the same step bit for bit.
 */
#ifndef NN_ADAMW_H
#define NN_ADAMW_H

#include "nn/params.h"

#include <stdint.h>

typedef struct {
    double beta1, beta2, epsilon, weight_decay;
    double clip_norm; // of the whole gradient; 0: none
    double
        average_decay; // of the moving average; warmed up as min(decay, (1 + t) / (10 + t)), t = 1, 2, ...; 0: the weights themselves
} adamw_config_t;

typedef struct adamw adamw_t;

adamw_config_t adamw_config_default(void); // 0.9, 0.999, 1e-7, decay 0.005, clip 1.5, average 0.999
adamw_t *adamw_create(params_t *params, const adamw_config_t *config); // borrows params
void adamw_destroy(adamw_t **o);
/* One step with the mean gradient; returns its norm before clipping. A norm that is not finite changes nothing. */
double adamw_step(adamw_t *o, double learning_rate, const float *gradient);
/* The same in parts, which several ranks may share: adamw_begin counts the step, given the norm (finite) of the mean
 * gradient; then each float of the block is stepped once. gradient: of floats [begin, end), times `factor` the mean's. */
void adamw_begin(adamw_t *o, double learning_rate, double norm);
void adamw_update(adamw_t *o, int64_t begin, int64_t end, float factor, const float *gradient);
/* State for a checkpoint: (params_size) each, and the count of steps. Borrowed; may be written. */
float *adamw_moment1(adamw_t *o);
float *adamw_moment2(adamw_t *o);
float *adamw_average(adamw_t *o);
int64_t adamw_steps(const adamw_t *o);
void adamw_set_steps(adamw_t *o, int64_t steps);

/* Learning rate of step s = 0, 1, ..., of `total`: peak (0.1 + 0.9 s / warmup), then a cosine from peak to `floor`, which
 * holds from `total` on. A pure function. */
typedef struct {
    double peak, floor;
    int64_t warmup, total;
} schedule_t;
double schedule_rate(const schedule_t *s, int64_t step);

#endif
