/* SPDX-License-Identifier: Apache-2.0
 *
 * The amortizer: q(parameters | observables, design), as summary network(s) + inference network + scaling.
 *
 *     observables --standardise--> summary network --+
 *     design -------standardise----------------------+--> inference network <--> standardised, unbounded parameters
 *
 * Parameters with bounds are trained and drawn on the unbounded scale u (both bounds: logit; one bound: log; none:
 * identity), standardised by the first pass; draws are back on the user's scale, inside the support by construction, and
 * log densities are those of the user's scale (all log determinants counted). Knows no files and no MPI.
 */
#ifndef NN_AMORTIZER_H
#define NN_AMORTIZER_H

#include "cluster/arena.h"
#include "cluster/err.h"
#include "cluster/rng.h"
#include "nn/batch.h"
#include "nn/coupling_flow.h"
#include "nn/params.h"

#include <stdint.h>

typedef enum { SUMMARY_DEEP_SET } summary_type_t;
typedef enum { INFERENCE_COUPLING_FLOW } inference_type_t;
typedef enum {
    OBSERVABLE_VECTOR,
    OBSERVABLE_SET,
    OBSERVABLE_SERIES,
    OBSERVABLE_IMAGE
} observable_kind_t;

/* Shapes come from the model's declaration, the rest from the study; amortizer_config_default() fills what the study
 * leaves out. */
typedef struct {
    int n_parameters, n_observables, n_design;
    const double *lower,
        *upper; // (P) open support, +-INFINITY; borrowed by amortizer_create, copied
    struct amortizer_observable {
        int kind;                     // observable_kind_t; sets are read
        int64_t max_length, features; // dims[0] and the product of dims[1..]
    } * observables;                  // (O); borrowed, copied
    struct {
        summary_type_t type;
        int summary_dim, embed_dim, depth, width, n_hidden; // see deep_set.h
        bool golden;   // the peer's architecture, with its normalisation, instead of ours
        bool elements; // the learned element network; without it only what set_features.h tells
        bool moments, quantiles; // see set_features.h
        float dropout;
    } summary;
    struct {
        inference_type_t type;
        flow_transform_t transform;
        int depth, width, n_hidden, bins; // see coupling_flow.h
        double half_width;
        bool whiten;
        bool golden; // the peer's flow
        float dropout;
    } inference;
} amortizer_config_t;

void amortizer_config_default(
    amortizer_config_t *config); // network fields only; shapes are left alone
err_t amortizer_config_check(const amortizer_config_t *config)
    ERR_MUST_CHECK; // names the field that is wrong
/* All of a configuration, shapes too, as YAML text; the caller frees it. */
char *amortizer_config_text(const amortizer_config_t *config);
/* Its arrays live in `arena`; checked. `where` names the source in messages. */
err_t amortizer_config_parse(const char *text, const char *where, arena_t *arena,
                             amortizer_config_t *out) ERR_MUST_CHECK;

/* Column means and standard deviations of the first pass: parameters on the unbounded scale, elements of each observable
 * by feature (padding left out), design. */
typedef struct {
    double *parameter_mean, *parameter_sd;     // (P)
    double *design_mean, *design_sd;           // (D)
    double **observable_mean, **observable_sd; // [O] -> (features)
} scaling_t;

typedef struct amortizer amortizer_t;
/* Makes networks with initial weights, a function of (config, seed) only. */
err_t amortizer_create(const amortizer_config_t *config, uint64_t seed,
                       amortizer_t **out) ERR_MUST_CHECK;
void amortizer_destroy(amortizer_t **a);
/* Until it is set, every mean is 0 and every standard deviation 1. A deviation that is not positive counts as 1. */
void amortizer_set_scaling(amortizer_t *a, const scaling_t *scaling); // copied
const scaling_t *amortizer_scaling(const amortizer_t *a);             // borrowed
/* Fits means and sizes of the features of sets (set_features.h) to some data sets, a few thousand: to be called once, after
 * amortizer_set_scaling and before training, with the same data sets on every rank. The result is part of the weights
 * (fixed ones). Without it training works, but needs several times as long. */
void amortizer_calibrate(amortizer_t *a, const batch_t *batch);
const amortizer_config_t *amortizer_config(const amortizer_t *a); // borrowed
/* Weights: named tensors in one flat block. Borrowed; may be written (loading, the optimizer). */
params_t *amortizer_params(amortizer_t *a);

/* The unbounded scale and back, for one data set. jacobian (may be NULL) gets log |d u / d parameters|, summed. */
void amortizer_unbound(const amortizer_t *a, const double *parameters, double *u,
                       double *log_jacobian);
void amortizer_bound(const amortizer_t *a, const double *u, double *parameters);

/* Memory and graphs; one for each thread of work. All memory is planned here, none is taken later. It reads the
 * amortizer's weights. WORK_TRAIN takes a batch as a whole, up to max_sets data sets; WORK_EVALUATE takes any number, one
 * data set at a time, so that what comes out for a data set does not depend on its neighbours in any bit, and up to
 * max_draws draws at once (more are made in several goes). */
typedef struct amortizer_work amortizer_work_t;
typedef enum { WORK_TRAIN, WORK_EVALUATE } work_mode_t;
amortizer_work_t *amortizer_work_create(amortizer_t *a, work_mode_t mode, int64_t max_sets,
                                        int64_t max_draws);
void amortizer_work_destroy(amortizer_work_t **w);
size_t amortizer_work_bytes(const amortizer_work_t *w);
double amortizer_work_flops(
    const amortizer_work_t *w); // of the last call: multiply and add counted as two

/* Sum over the batch of -log q in the standardised, unbounded space. WORK_TRAIN: with its gradient by every weight, written
 * to `gradient` (params_size floats); `noise` feeds dropout. WORK_EVALUATE: noise and gradient are not
 * used and may be NULL. A value that is not finite is returned as it is. */
double amortizer_loss(amortizer_work_t *w, const batch_t *batch, rng_t *noise, float *gradient);
/* WORK_EVALUATE, the following. log q(parameters | data) on the user's scale for each data set, -INFINITY outside the
 * support: out (n). */
void amortizer_log_density(amortizer_work_t *w, const batch_t *batch, double *out);
/* Learned summaries (n, amortizer_summary_width): what distances are measured in. */
int amortizer_summary_width(const amortizer_t *a);
void amortizer_summaries(amortizer_work_t *w, const batch_t *batch, float *out);
/* Draws for each data set: out (n, draws, P) on the user's scale, strictly inside the support and
 * within 10 standard deviations of the prior (unbounded scale; about one draw in a million is made anew for it). Noise of data set i is
 * rng[i]'s alone; log_density (n, draws) may be NULL. */
void amortizer_sample(amortizer_work_t *w, const batch_t *batch, int64_t draws, rng_t *rng,
                      double *out, double *log_density);

#endif
