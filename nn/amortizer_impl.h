/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files amortizer*.c share; not for others. The condition of the inference network is
 * [summary of observable 0, summary of observable 1, ..., design], without the images that a unet reads directly.
 */
#ifndef NN_AMORTIZER_IMPL_H
#define NN_AMORTIZER_IMPL_H

#include "nn/amortizer.h"
#include "nn/set_features.h"

/* One set of networks; an ensemble has several. */
typedef struct {
    summary_t **summary; // (O); NULL where an image is read directly
    void *inference;
} member_t;

struct amortizer {
    amortizer_config_t config; // owns its arrays
    adapter_t *adapter;        // owned
    params_t *params;
    set_features_t *features; // (O); of sets
    struct {
        int mean, factor; // ids of fixed weights (1, columns); -1: no features of sets
    } * standardise;      // (O): features of sets go in as (x - mean) * factor
    member_t *member;     // (config.members)
    scaling_t scaling;    // owned
};

/* Features of sets go into the networks with this standard deviation: trials gave the best held-out loss at a tenth, where
 * the first layer begins nearly linear in them. */
extern const float amortizer_feature_size;

/* Inputs of the graph that turns data into a condition, and what comes out of it for each member. */
typedef struct {
    tensor_t *data[GRAPH_MAX_GROUPS];         // see summary_kind_t; NULL where nothing reads it
    tensor_t *extras[GRAPH_MAX_GROUPS];       // (sets, columns); NULL: none
    tensor_t *design;                         // (sets, D); NULL where D is 0
    tensor_t *summary[AMORTIZER_MAX_MEMBERS]; // (sets, summary columns of one member); NULL: none
    inference_given_t given[AMORTIZER_MAX_MEMBERS];
} condition_t;

const inference_kind_t *amortizer_inference(const amortizer_t *a);
summary_shape_t amortizer_summary_shape(const amortizer_config_t *c, int o);
inference_shape_t amortizer_inference_shape(const amortizer_config_t *c);
set_features_t amortizer_set_features(const amortizer_observable_t *o);
bool amortizer_is_ragged(const amortizer_observable_t *o); // a set or a series

/* The limits of a graph over so many data sets with one draw each: the elements of each observable are group o. */
graph_limits_t amortizer_limits(const amortizer_t *a, int64_t sets);
/* Records all of it. */
condition_t amortizer_record_condition(const amortizer_t *a, graph_t *g);
int64_t amortizer_condition_width(const amortizer_config_t *c);

/* Begins a pass over data sets [first, first + n) of a batch, and fills the inputs. offsets[o] (n + 1) is scratch that the
 * graph borrows; scratch (amortizer_fill_scratch floats). */
void amortizer_begin(const amortizer_t *a, graph_t *g, const condition_t *c, const batch_t *batch,
                     int64_t first, int64_t n, uint64_t noise, int64_t *const *offsets,
                     float *scratch);
int64_t amortizer_fill_scratch(const amortizer_t *a, int64_t n);
/* theta (n, Q), standardised free numbers, from the user's scale (n, P); returns the sum of ln |d theta / d parameters| of
 * the last row. Rows must be inside the support. u (Q) is scratch. */
double amortizer_standardise(const amortizer_t *a, int64_t n, const double *parameters, double *u,
                             float *theta);

#endif
