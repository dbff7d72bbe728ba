/* SPDX-License-Identifier: Apache-2.0
 *
 * The amortizer: q(parameters | observables, design), as adapter + scaling + summary network(s) + inference network.
 *
 *     observables --adapter--standardise--> summary network --+
 *     design -------adapter--standardise----------------------+--> inference network <--> standardised free numbers
 *     parameters <--adapter--standardise-------------------------------------------------------------+
 *
 * Parameters are trained and drawn as free numbers of the adapter (without transforms the declared bounds alone: logit, log
 * or identity), standardised by the first pass; draws are back on the user's scale, inside the support by construction,
 * and log densities are those of the user's scale (all log determinants counted). Knows no files and no MPI.
 */
#ifndef NN_AMORTIZER_H
#define NN_AMORTIZER_H

#include "cluster/arena.h"
#include "cluster/err.h"
#include "cluster/rng.h"
#include "nn/adapter.h"
#include "nn/batch.h"
#include "nn/graph.h"
#include "nn/inference.h"
#include "nn/params.h"
#include "nn/summary.h"

#include <stdint.h>

/* What a model declares of an observable, and the network that reads it. */
typedef struct {
    observable_kind_t kind;
    /* Elements of the largest, and columns of one: of a vector 1 and all its numbers; of an image height * width and its
     * channels. */
    int64_t max_length, features;
    int64_t height, width; // of an image
    bool direct; // an image that a unet reads as it is, pixel by pixel beside the parameters
    summary_config_t summary;
} amortizer_observable_t;

enum { AMORTIZER_MAX_MEMBERS = 64 };

/* Shapes are what the networks see: the model's declaration, or what an adapter makes of it (amortizer_config_adapt). The
 * rest comes from the study; amortizer_config_default() fills what the study leaves out. */
typedef struct {
    int n_parameters, n_observables, n_design;
    const double *lower,
        *upper; // (P) open support, +-INFINITY; borrowed by amortizer_create, copied
    amortizer_observable_t *observables; // (O); borrowed, copied
    inference_config_t inference;
    int members; // of an ensemble: so many networks, trained together, that draw in turn
} amortizer_config_t;

/* The shapes behind an adapter; arrays live in the arena. */
void amortizer_config_adapt(amortizer_config_t *config, const adapter_t *adapter, arena_t *arena);
/* Networks for these shapes: of each observable by its kind, and this inference network. The peer's: the architecture of
 * BayesFlow 2.1 in place of ours. */
void amortizer_config_default(amortizer_config_t *config, inference_type_t inference,
                              network_size_t size, bool peer);
/* The networks alone: of observable o, and the inference network. */
void amortizer_config_summary(amortizer_config_t *config, int o, summary_type_t type,
                              network_size_t size, bool peer);
void amortizer_config_inference(amortizer_config_t *config, inference_type_t type,
                                network_size_t size, bool peer);
/* Marks the images that a unet reads pixel by pixel: those of its own height and width. To be called when all is set. */
void amortizer_config_route(amortizer_config_t *config);
err_t amortizer_config_check(const amortizer_config_t *config)
    ERR_MUST_CHECK; // names the field that is wrong
/* All of a configuration, shapes too, as YAML text; the caller frees it. */
char *amortizer_config_text(const amortizer_config_t *config);
/* Its arrays live in `arena`; checked. `where` names the source in messages. */
err_t amortizer_config_parse(const char *text, const char *where, arena_t *arena,
                             amortizer_config_t *out) ERR_MUST_CHECK;

/* Column means and standard deviations of the first pass, behind the adapter: free numbers, elements of each observable by
 * feature (padding left out), design. */
typedef struct {
    double *parameter_mean, *parameter_sd;     // (Q)
    double *design_mean, *design_sd;           // (D)
    double **observable_mean, **observable_sd; // [O] -> (features)
} scaling_t;

typedef struct amortizer amortizer_t;
/* Makes networks with initial weights, a function of (config, seed) only. */
err_t amortizer_create(const amortizer_config_t *config, uint64_t seed,
                       amortizer_t **out) ERR_MUST_CHECK;
void amortizer_destroy(amortizer_t **a);
/* Puts an adapter before the networks, which takes it over; its shapes behind it are those of the configuration. To be called
 * before any work is made. Without it there is one that maps by the bounds of the configuration and leaves data alone. */
void amortizer_set_adapter(amortizer_t *a, adapter_t **adapter);
const adapter_t *amortizer_adapter(const amortizer_t *a); // borrowed
/* Until it is set, every mean is 0 and every standard deviation 1. A deviation that is not positive counts as 1;
 * what the adapter leaves out of the standardisation keeps 0 and 1. */
void amortizer_set_scaling(amortizer_t *a, const scaling_t *scaling); // copied
const scaling_t *amortizer_scaling(const amortizer_t *a);             // borrowed
/* Fits means and sizes of the features of sets (set_features.h) to some data sets, a few thousand: to be called once, after
 * amortizer_set_scaling and before training, with the same data sets on every rank. The result is part of the weights
 * (fixed ones). Without it training works, but needs several times as long. */
void amortizer_calibrate(amortizer_t *a, const batch_t *batch);
const amortizer_config_t *amortizer_config(const amortizer_t *a); // borrowed
/* Weights: named tensors in one flat block. Borrowed; may be written (loading, the optimizer). */
params_t *amortizer_params(amortizer_t *a);

/* Batches below hold data sets as the model has them, before the adapter. */

/* Memory and graphs; one for each thread of work. All memory is planned here, none is taken later. It reads the
 * amortizer's weights.
 * WORK_TRAIN     loss and gradient of a batch as a whole, up to max_sets data sets
 * WORK_LOSS      loss alone, likewise, without dropout
 * WORK_EVALUATE  densities, summaries and draws of any number of data sets, one at a time, so that what comes out for a data
 *                set does not depend on its neighbours in any bit; up to max_draws draws at once (more are made in several
 *                goes) */
typedef struct amortizer_work amortizer_work_t;
typedef enum { WORK_TRAIN, WORK_LOSS, WORK_EVALUATE } work_mode_t;
amortizer_work_t *amortizer_work_create(amortizer_t *a, work_mode_t mode, int64_t max_sets,
                                        int64_t max_draws);
void amortizer_work_destroy(amortizer_work_t **w);
size_t amortizer_work_bytes(const amortizer_work_t *w);
double amortizer_work_flops(
    const amortizer_work_t *w); // of the last call: multiply and add counted as two

/* WORK_TRAIN and WORK_LOSS: the sum over the batch of the inference network's loss (-log q in the standardised, unbounded
 * space for coupling flows), averaged over the members. `noise` feeds the adapter's random parts, dropout, noise and times, a function of it alone;
 * `progress` of training, from 0 to 1, is what some networks shift their times by. WORK_TRAIN writes the gradient by every weight to
 * `gradient` (params_size floats); else it may be NULL. A value that is not finite is returned as it is. */
double amortizer_loss(amortizer_work_t *w, const batch_t *batch, double progress, rng_t *noise,
                      float *gradient);
/* WORK_TRAIN: from now on amortizer_loss tells `watch` of weights whose gradient is final (graph_backward_watched). */
void amortizer_watch(amortizer_work_t *w, graph_watch_t *watch, void *user);

/* WORK_EVALUATE, the following. Whether the inference network has a density. */
bool amortizer_has_density(const amortizer_t *a);
/* Whether its draws are of each parameter alone, so that only marginals may be read off them; and that in words. */
bool amortizer_is_marginal(const amortizer_t *a);
#define AMORTIZER_MARGINAL_NOTE                                                                    \
    "each parameter was drawn alone (point network): marginals may be read off, correlations not"
/* log q(parameters | data) on the user's scale for each data set, -INFINITY outside the support: out (n). Only where
 * amortizer_has_density. */
void amortizer_log_density(amortizer_work_t *w, const batch_t *batch, double *out);
/* Learned summaries (n, amortizer_summary_width): what distances are measured in. Of an image that a unet reads directly, mean
 * and standard deviation of each channel. */
int amortizer_summary_width(const amortizer_t *a);
void amortizer_summaries(amortizer_work_t *w, const batch_t *batch, float *out);
/* Draws for each data set: out (n, draws, R) of the parameters that the adapter keeps, on the user's scale, strictly inside the support and
 * within 10 standard deviations of the prior (unbounded scale; about one draw in a million is made anew for it). Noise of data set i is
 * rng[i]'s alone; log_density (n, draws) may be NULL, and must be where there is no density. Draws of an ensemble come from
 * its members by chance, in equal shares. */
void amortizer_sample(amortizer_work_t *w, const batch_t *batch, int64_t draws, rng_t *rng,
                      double *out, double *log_density);
/* The same, and the learned summaries (n, amortizer_summary_width) of the same pass over the data. */
void amortizer_sample_with(amortizer_work_t *work, const batch_t *batch, int64_t draws, rng_t *rng,
                           double *out, double *log_density, float *summaries);

#endif
