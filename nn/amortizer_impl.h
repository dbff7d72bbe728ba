/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files amortizer*.c share; not for others. The condition of the inference network is
 * [summary of observable 0, summary of observable 1, ..., design].
 */
#ifndef NN_AMORTIZER_IMPL_H
#define NN_AMORTIZER_IMPL_H

#include "nn/amortizer.h"
#include "nn/coupling_flow.h"
#include "nn/deep_set.h"
#include "nn/set_features.h"

struct amortizer {
    amortizer_config_t config; // owns its arrays
    params_t *params;
    set_features_t *features; // (O)
    struct {
        int mean, factor; // ids of fixed weights (1, columns); -1: no features of sets
    } * standardise;      // (O): features of sets go in as (x - mean) * factor
    deep_set_t **summary; // (O)
    coupling_flow_t *flow;
    scaling_t scaling; // owned
};

/* Features of sets go into the networks with this standard deviation: trials gave the best held-out loss at a tenth, where
 * the first layer begins nearly linear in them. */
extern const float amortizer_feature_size;

/* Inputs of the graph that turns data into a condition, and what comes out of it. */
typedef struct {
    tensor_t *elements
        [GRAPH_MAX_GROUPS]; // (elements of o, columns); NULL where no element network reads them
    tensor_t *sets[GRAPH_MAX_GROUPS]; // (sets, columns); NULL for the golden variant
    tensor_t *design;                 // (sets, D); NULL where D is 0
    tensor_t *summary;                // (sets, summary width)
    tensor_t *condition;              // (sets, condition width)
} condition_t;

/* Records all of it; the limits of g hold the elements of each observable as group o. */
condition_t amortizer_record_condition(const amortizer_t *a, graph_t *g);
int64_t amortizer_condition_width(const amortizer_t *a);

/* Fills the inputs from data sets [first, first + n) of a batch, after graph_begin. scratch (amortizer_fill_scratch). */
void amortizer_fill_condition(const amortizer_t *a, const condition_t *c, const batch_t *batch,
                              int64_t first, int64_t n, float *scratch);
int64_t amortizer_fill_scratch(const amortizer_t *a, int64_t n); // floats
/* theta (n, P) on the standardised, unbounded scale, from the user's; returns the sum of ln |d theta / d parameters| of the
 * last row. Rows must be inside the support. */
double amortizer_standardise(const amortizer_t *a, int64_t n, const double *parameters,
                             float *theta);
/* Whether a parameter vector is inside the support. */
bool amortizer_supports(const amortizer_t *a, const double *parameters);

#endif
