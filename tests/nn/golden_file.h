/* SPDX-License-Identifier: Apache-2.0
 *
 * Help for tests against outputs of BayesFlow 2.1.0 with its weights (tests/golden/peer/README.md). What can not be read fails
 * the test.
 */
#ifndef TESTS_NN_GOLDEN_FILE_H
#define TESTS_NN_GOLDEN_FILE_H

#include "nn/params.h"
#include "storage/h5.h"

typedef struct {
    h5_id_t file;
    int64_t n, act_norms; // numbers of all weights, and how many layers have an ActNorm
    int64_t kernel_cols;  // of the first dense kernel
    float *weights; // (n) in the order of the file, without random states and inverse permutations
} golden_t;

typedef struct {
    h5_shape_t shape;
    float *value;
} golden_array_t;

golden_t golden_open(const char *folder, const char *name);
void golden_close(golden_t *g);
/* "inputs/x"; the caller frees the values. */
golden_array_t golden_read(const golden_t *g, const char *path);

/* All weights in the order of the file, which is that in which the layers add theirs. */
void golden_load(const golden_t *g, params_t *params);
/* The tensor `name` from weights/NNN, NNN being `number`, from its float `first` on. */
void golden_load_one(const golden_t *g, params_t *params, const char *name, int number,
                     int64_t first);
/* All of weights/NNN into the tensor `name`, from its float `at` on. */
void golden_load_part(const golden_t *g, params_t *params, const char *name, int64_t at,
                      int number);

/* Relative 1e-4: both sides are float32 networks. Below 1e-3 absolute 1e-7. */
void golden_assert_close(int64_t n, const float *got, const float *expected);

#endif
