/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a network: named tensors (rows x cols, row-major float32) in one flat block, in the order they were
 * added, so that an optimizer, a checkpoint or a sum over ranks is one loop over one array. Each tensor begins at a
 * multiple of 16 floats; the padding is zero and stays zero.
 */
#ifndef NN_PARAMS_H
#define NN_PARAMS_H

#include "cluster/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    INIT_ZERO,
    INIT_ONE,
    INIT_CONSTANT,       // `scale` itself
    INIT_NORMAL,         // N(0, scale^2)
    INIT_GLOROT_UNIFORM, // limit sqrt(6 / (rows + cols)), times scale
    INIT_HE_NORMAL,      // sd sqrt(2 / rows), times scale; rows is the fan in
    INIT_ORTHOGONAL,     // gain `scale`
} init_kind_t;

typedef struct {
    char *name; // "summary/deep_set/layer0/inner/weight"
    int64_t rows, cols;
    int64_t offset; // of the first float in the flat block
    bool trainable; // false: fixed (a permutation); the optimizer leaves it alone
    bool decay; // weight decay applies: several rows, or drawn at random (not biases and scales)
} param_t;

typedef struct params params_t;

params_t *params_create(void);
void params_destroy(params_t **p);
/* Returns the tensor's id. Names are unique. */
int params_add(params_t *p, const char *name, int64_t rows, int64_t cols, init_kind_t init,
               double scale);
int params_add_fixed(params_t *p, const char *name, int64_t rows, int64_t cols);
/* After the last params_add: takes the block and fills it; tensor k is a function of (seed, k). */
void params_seal(params_t *p, uint64_t seed);

int params_count(const params_t *p);
const param_t *params_at(const params_t *p, int id);  // borrowed
int params_find(const params_t *p, const char *name); // -1: none
int64_t params_size(const params_t *p);               // floats of the flat block, padding included
int64_t params_weights(const params_t *p);            // trainable weights, without padding
float *params_value(params_t *p);                     // the flat block; borrowed
float *params_tensor(params_t *p, int id);            // its first float; borrowed

#endif
