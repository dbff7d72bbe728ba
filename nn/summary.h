/* SPDX-License-Identifier: Apache-2.0
 *
 * Summary networks: what turns one observable of a data set into `summary_dim` learned numbers. One network an observable;
 * the amortizer joins their summaries and the design. Padding does not exist here: elements lie one after another (graph.h),
 * so "mask" is the length, and everything below holds for any lengths.
 *
 *     type                     reads    what it is                                                    manual
 *     identity                 vector   the numbers themselves                                        summary_mlp.h
 *     mlp                      vector   residual MLP                                                  summary_mlp.h
 *     deep_set                 set      element MLP, means, features of sets                          deep_set.h
 *     set_transformer          set      attention among elements, pooled by attention                 set_transformer.h
 *     window_network           series   a network over windows, means, autocorrelations, a coarse GRU window_network.h
 *     time_series_network      series   convolution, bidirectional GRU, and one on a coarser scale    time_series_network.h
 *     time_series_transformer  series   Time2Vec, attention, a summary token                          time_series_transformer.h
 *     fusion_transformer       series   a recurrent template that attends to the series               fusion_transformer.h
 *     convolutional            image    residual convolutions, pooled                                 convolutional.h
 */
#ifndef NN_SUMMARY_H
#define NN_SUMMARY_H

#include "cluster/err.h"
#include "nn/op.h"
#include "nn/params.h"

#include <stdbool.h>

typedef enum {
    OBSERVABLE_VECTOR,
    OBSERVABLE_SET,
    OBSERVABLE_SERIES,
    OBSERVABLE_IMAGE
} observable_kind_t;

typedef enum {
    SUMMARY_IDENTITY,
    SUMMARY_MLP,
    SUMMARY_DEEP_SET,
    SUMMARY_SET_TRANSFORMER,
    SUMMARY_WINDOW_NETWORK,
    SUMMARY_TIME_SERIES_NETWORK,
    SUMMARY_TIME_SERIES_TRANSFORMER,
    SUMMARY_FUSION_TRANSFORMER,
    SUMMARY_CONVOLUTIONAL,
    SUMMARY_TYPES
} summary_type_t;

typedef enum { SIZE_SMALL, SIZE_BASE, SIZE_LARGE } network_size_t;

enum { SUMMARY_MAX_STAGES = 8 };

/* Every width of every network; what a field means in a network is told in its header, and a network reads only its own.
 * summary_config_default fills all that the type reads. */
typedef struct {
    summary_type_t type;
    bool golden;     // the peer's architecture, where ours differs
    int summary_dim; // columns of the result
    int embed_dim;   // of an element or a token
    int depth;       // layers
    int width;       // of hidden layers of MLPs
    int n_hidden;    // hidden layers of each MLP
    int heads;       // of attention
    int seeds;       // of pooling by attention
    int inducing;    // inducing points; 0: elements attend to each other
    int expansion;   // of the gated feed-forward network
    int window;      // elements of a window of a series
    int recurrent;   // width of a recurrent layer
    int filters;     // of the convolution over time
    int time_embed;  // columns of Time2Vec
    int stages;      // of an image network
    int stage_width[SUMMARY_MAX_STAGES];
    /* Of sets (series): a network over each element; an element seen through several channels; what is computed of the
     * whole set (set_features.h). */
    bool elements, channels, moments, quantiles;
    double dropout;
} summary_config_t;

/* What is known of the observable when a network is made. */
typedef struct {
    observable_kind_t kind;
    int64_t length;   // most elements of a set or a series; 1 for a vector and an image
    int64_t features; // columns of an element; of a vector all its numbers; channels of an image
    int64_t height, width; // of an image
    int64_t extras;        // columns of what is known of the whole set beside its elements; 0: none
} summary_shape_t;

/* One row of the table of networks. `data` is (ROWS_ELEMENTS + k, per 1, features) for a set and a series, (ROWS_SETS, per 1,
 * features) for a vector, (ROWS_SETS, per height * width, channels) for an image; extras (ROWS_SETS, extras) or NULL. */
typedef struct {
    const char *word;       // in a study
    observable_kind_t kind; // what it reads
    /* Fields that this network reads, for this size. */
    void (*fill)(network_size_t size, summary_config_t *config);
    /* ERR_USAGE that names the field which is out of range. */
    err_t (*check)(const summary_shape_t *shape, const summary_config_t *config);
    /* Adds its weights, their names below `name`. */
    void *(*make)(params_t *params, const char *name, const summary_shape_t *shape,
                  const summary_config_t *config);
    /* -> (ROWS_SETS, summary_dim). Of an empty set or series: something finite. */
    tensor_t *(*record)(const void *net, graph_t *g, tensor_t *data, tensor_t *extras);
    void (*destroy)(void *net);
} summary_kind_t;

extern const summary_kind_t *const summary_table[SUMMARY_TYPES];

/* The network a kind of observable gets where the study names none; that of the peer's architecture. */
summary_type_t summary_type_for(observable_kind_t kind, bool peer);
/* Columns of the result. */
int64_t summary_columns(const summary_shape_t *shape, const summary_config_t *config);
/* All fields of `type` at this size; the others zero. */
void summary_config_default(summary_type_t type, network_size_t size, summary_config_t *config);
err_t summary_config_check(const summary_shape_t *shape,
                           const summary_config_t *config) ERR_MUST_CHECK;

typedef struct summary summary_t;
summary_t *summary_make(params_t *params, const char *name, const summary_shape_t *shape,
                        const summary_config_t *config);
void summary_destroy(summary_t **s);
tensor_t *summary_record(const summary_t *s, graph_t *g, tensor_t *data, tensor_t *extras);

#endif
