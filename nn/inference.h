/* SPDX-License-Identifier: Apache-2.0
 *
 * Inference networks: a distribution of d standardised, unbounded parameters theta given a condition c (summaries and
 * design). They are trained on pairs (theta, c) and then give draws, and where they can a log density.
 *
 *     type                 density          draws                                    manual
 *     coupling_flow        exact            one pass                                 coupling_flow.h
 *     flow_matching        ODE and trace    ODE from noise to theta                  flow_matching.h
 *     diffusion            ODE and trace    ODE or SDE from noise to theta           diffusion.h
 *     consistency          none             a few steps                              consistency.h
 *     stable_consistency   none             a few steps                              stable_consistency.h
 *     point                none             of the marginals alone: means, quantiles point_network.h
 */
#ifndef NN_INFERENCE_H
#define NN_INFERENCE_H

#include "cluster/err.h"
#include "cluster/rng.h"
#include "nn/coupling_flow.h"
#include "nn/summary.h"
#include "nn/time_net.h"

typedef enum {
    INFERENCE_COUPLING_FLOW,
    INFERENCE_FLOW_MATCHING,
    INFERENCE_DIFFUSION,
    INFERENCE_CONSISTENCY,
    INFERENCE_STABLE_CONSISTENCY,
    INFERENCE_POINT,
    INFERENCE_TYPES
} inference_type_t;

typedef enum { SOLVER_EULER, SOLVER_MIDPOINT, SOLVER_RK4, SOLVER_TSIT5, SOLVER_TWO_STEP } solver_t;
typedef enum { SCHEDULE_COSINE, SCHEDULE_EDM } noise_schedule_t;
typedef enum { PREDICT_VELOCITY, PREDICT_NOISE, PREDICT_F } prediction_t;
typedef enum { TRACE_EXACT, TRACE_HUTCHINSON } trace_t;

enum { POINT_MAX_QUANTILES = 64 };

/* Everything that can be set; a network reads its own part. inference_config_default fills what the type reads. */
typedef struct {
    inference_type_t type;
    bool golden; // the peer's variant, where ours differs
    struct {
        flow_transform_t transform;
        int depth, width, n_hidden, bins; // see coupling_flow.h
        double half_width, dropout;
        bool whiten;
    } flow;
    time_net_config_t net; // parameters, conditions and out are filled from the shape
    struct {
        bool transport; // minibatch optimal transport
        double alpha;   // times have density (1 - t)^(1 / (1 + alpha) - 1): see flow_matching.h
    } matching;
    struct {
        noise_schedule_t schedule;
        prediction_t prediction;
    } diffusion;
    struct {
        int start_levels, end_levels,
            steps; // discretisation at the start and the end; sampling steps
    } consistency;
    struct {
        int n_quantiles;
        double quantile[POINT_MAX_QUANTILES]; // ascending, in (0, 1)
        int depth, width;
    } point;
    solver_t solver;
    int steps;         // of a solver with equal steps; most steps of an adaptive one
    double atol, rtol; // of an adaptive one
    trace_t trace;     // how a density by ODE gets its divergence
    int trace_probes;  // of Hutchinson
} inference_config_t;

typedef struct {
    int64_t parameters;       // d
    int64_t conditions;       // columns of c; at least 1 (0 only beside an image)
    int64_t image_conditions; // channels of a condition that is an image; 0: none
} inference_shape_t;

/* The condition of a batch in a graph. */
typedef struct {
    tensor_t *vector; // (ROWS_SETS, conditions), or NULL where conditions is 0
    tensor_t *image;  // (ROWS_SETS, per height * width, image_conditions), or NULL
} inference_given_t;

/* Inputs of a training graph beside theta and the condition: noise, times. Filled by `fill_noise` before each pass. */
enum { INFERENCE_MAX_NOISE = 8 };
typedef struct {
    int n;
    tensor_t *in[INFERENCE_MAX_NOISE];
} inference_noise_t;

/* One row of the table of networks. */
typedef struct {
    const char *word;
    bool has_density;
    bool is_marginal; // draws are of each parameter alone
    /* Fields that this network reads, for this size. */
    void (*fill)(network_size_t size, inference_config_t *config);
    err_t (*check)(const inference_shape_t *shape, const inference_config_t *config);
    void *(*make)(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *config);
    void (*destroy)(void *net);
    /* Fixed weights that are not drawn by params_seal (permutations); after it. NULL: none. */
    void (*begin)(const void *net, params_t *params, uint64_t seed);

    /* The loss of each draw (ROWS_DRAWS, 1); training has one draw a data set and minimises the mean. Its noise inputs go
     * into *noise. */
    tensor_t *(*record_loss)(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise);
    /* Fills them for n data sets, after graph_begin and after theta's value stands. `progress` of training, 0 to 1. The
     * numbers are a function of (*rng, n, progress) alone. NULL where there are none. */
    void (*fill_noise)(const void *net, const inference_noise_t *noise, int64_t n, double progress,
                       rng_t *rng);

    /* Drawing: memory for one data set at a time. */
    void *(*eval_create)(const void *net, params_t *params);
    void (*eval_destroy)(void *eval);
    /* The data set from now on: vector (conditions) and image (height * width * image_conditions), copied; what depends
     * on them alone is computed here. */
    void (*eval_condition)(void *eval, const float *vector, const float *image);
    /* n draws (n, d) in standardised, unbounded numbers; any n. Which numbers draw k gets depends on (*rng, k, n) alone.
     * log_density (n), or NULL; not asked for where has_density is false. */
    void (*eval_draw)(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density);
    /* ln q of n parameter vectors (n, d) of this data set: out (n). NULL where has_density is false. */
    void (*eval_density)(void *eval, int64_t n, const float *theta, double *out);
    double (*eval_flops)(const void *eval); // since eval_create
    size_t (*eval_bytes)(const void *eval);
} inference_kind_t;

extern const inference_kind_t *const inference_table[INFERENCE_TYPES];

void inference_config_default(inference_type_t type, network_size_t size,
                              inference_config_t *config);
/* config->net for this shape: its parameters, its conditions and as many columns as parameters. */
time_net_config_t inference_net(const inference_shape_t *shape, const inference_config_t *config);
err_t inference_config_check(const inference_shape_t *shape,
                             const inference_config_t *config) ERR_MUST_CHECK;

#endif
