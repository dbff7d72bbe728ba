// SPDX-License-Identifier: Apache-2.0
//
// The tables of network_fields.h. A row is wider than our lines, so that it can be read as one.
#include "nn/inference.h"
#include "nn/network_fields.h"

const char *const summary_type_words[] = {[SUMMARY_IDENTITY] = "identity",
                                          [SUMMARY_MLP] = "mlp",
                                          [SUMMARY_DEEP_SET] = "deep_set",
                                          [SUMMARY_SET_TRANSFORMER] = "set_transformer",
                                          [SUMMARY_WINDOW_NETWORK] = "window_network",
                                          [SUMMARY_TIME_SERIES_NETWORK] = "time_series_network",
                                          [SUMMARY_TIME_SERIES_TRANSFORMER] =
                                              "time_series_transformer",
                                          [SUMMARY_FUSION_TRANSFORMER] = "fusion_transformer",
                                          [SUMMARY_CONVOLUTIONAL] = "convolutional",
                                          [SUMMARY_TYPES] = NULL};
const char *const inference_type_words[] = {[INFERENCE_COUPLING_FLOW] = "coupling_flow",
                                            [INFERENCE_FLOW_MATCHING] = "flow_matching",
                                            [INFERENCE_DIFFUSION] = "diffusion",
                                            [INFERENCE_CONSISTENCY] = "consistency",
                                            [INFERENCE_STABLE_CONSISTENCY] = "stable_consistency",
                                            [INFERENCE_POINT] = "point",
                                            [INFERENCE_TYPES] = NULL};

const char *const observable_kind_words[] = {[OBSERVABLE_VECTOR] = "vector",
                                             [OBSERVABLE_SET] = "set",
                                             [OBSERVABLE_SERIES] = "series",
                                             [OBSERVABLE_IMAGE] = "image",
                                             NULL};

static const char *const transform_words[] = {"affine", "spline", NULL};
static const char *const subnet_words[] = {"time_mlp", "unet", NULL};
static const char *const solver_words[] = {"euler", "midpoint", "rk4", "tsit5", "two_step", NULL};
static const char *const schedule_words[] = {"cosine", "edm", NULL};
static const char *const prediction_words[] = {"velocity", "noise", "f", NULL};
static const char *const trace_words[] = {"exact", "hutchinson", NULL};

// clang-format off
#define ALWAYS 0, 0

enum {
    MLP = 1 << SUMMARY_MLP, DEEP = 1 << SUMMARY_DEEP_SET, SET = 1 << SUMMARY_SET_TRANSFORMER,
    WINDOWS = 1 << SUMMARY_WINDOW_NETWORK, SERIES = 1 << SUMMARY_TIME_SERIES_NETWORK, TOKENS = 1 << SUMMARY_TIME_SERIES_TRANSFORMER,
    FUSION = 1 << SUMMARY_FUSION_TRANSFORMER, IMAGE = 1 << SUMMARY_CONVOLUTIONAL,
    LEARNED = MLP | DEEP | SET | WINDOWS | SERIES | TOKENS | FUSION | IMAGE
};
#define AT(member) offsetof(summary_config_t, member)

const network_field_t summary_fields[] = {
    {"summary_dim", FIELD_INT, AT(summary_dim), 0, 0, 1, 4096, NULL, LEARNED, "learned summaries", ALWAYS},
    {"embed_dim", FIELD_INT, AT(embed_dim), 0, 0, 1, 4096, NULL, DEEP | SET | WINDOWS | TOKENS | FUSION, "width of an embedded element or token", ALWAYS},
    {"depth", FIELD_INT, AT(depth), 0, 0, 0, 16, NULL, DEEP | SET | TOKENS | FUSION, "layers in which elements exchange what they know", ALWAYS},
    {"width", FIELD_INT, AT(width), 0, 0, 1, 8192, NULL, MLP | DEEP | WINDOWS, "of hidden layers", ALWAYS},
    {"hidden_layers", FIELD_INT, AT(n_hidden), 0, 0, 1, 8, NULL, MLP | DEEP | WINDOWS, "hidden layers of each MLP", ALWAYS},
    {"heads", FIELD_INT, AT(heads), 0, 0, 1, 64, NULL, SET | TOKENS | FUSION, "of attention; they divide embed_dim", ALWAYS},
    {"seeds", FIELD_INT, AT(seeds), 0, 0, 1, 256, NULL, SET, "of the pooling by attention", ALWAYS},
    {"inducing", FIELD_INT, AT(inducing), 0, 0, 0, 4096, NULL, SET, "inducing points; 0: elements attend to each other", ALWAYS},
    {"expansion", FIELD_INT, AT(expansion), 0, 0, 1, 16, NULL, SET | TOKENS | FUSION, "of the gated feed-forward networks", ALWAYS},
    {"window", FIELD_INT, AT(window), 0, 0, 1, 4096, NULL, WINDOWS, "elements of a window of a series", ALWAYS},
    {"recurrent", FIELD_INT, AT(recurrent), 0, 0, 0, 4096, NULL, WINDOWS | SERIES | FUSION, "width of the recurrent layers", ALWAYS},
    {"filters", FIELD_INT, AT(filters), 0, 0, 1, 4096, NULL, SERIES, "of the convolution over time", ALWAYS},
    {"time_embed", FIELD_INT, AT(time_embed), 0, 0, 1, 1024, NULL, TOKENS, "columns of the embedding of time", ALWAYS},
    {"stage_width", FIELD_INTS, AT(stage_width), AT(stages), SUMMARY_MAX_STAGES, 1, 4096, NULL, IMAGE, "channels of each stage, [32, 64, 128]", ALWAYS},
    {"elements", FIELD_BOOL, AT(elements), 0, 0, 0, 0, NULL, DEEP, "a network over each element; without it moments and quantiles alone are read", ALWAYS},
    {"channels", FIELD_BOOL, AT(channels), 0, 0, 0, 0, NULL, DEEP | SET | WINDOWS, "an element's size, logarithm and sign beside its value", ALWAYS},
    {"moments", FIELD_BOOL, AT(moments), 0, 0, 0, 0, NULL, DEEP | SET | WINDOWS, "means and log sds of a set, autocorrelations of a series, beside the learned summaries", ALWAYS},
    {"quantiles", FIELD_BOOL, AT(quantiles), 0, 0, 0, 0, NULL, DEEP | SET, "quantiles of a set beside the learned summaries", ALWAYS},
    {"dropout", FIELD_REAL, AT(dropout), 0, 0, 0, 0.9, NULL, LEARNED, "share of hidden units left out in training", ALWAYS},
    {0}};
#undef AT

enum {
    FLOW = 1 << INFERENCE_COUPLING_FLOW, MATCHING = 1 << INFERENCE_FLOW_MATCHING,
    DIFFUSION = 1 << INFERENCE_DIFFUSION, CONSISTENCY = 1 << INFERENCE_CONSISTENCY,
    STABLE = 1 << INFERENCE_STABLE_CONSISTENCY, POINT = 1 << INFERENCE_POINT,
    TIMED = MATCHING | DIFFUSION | CONSISTENCY | STABLE, SOLVED = MATCHING | DIFFUSION
};
#define AT(member) offsetof(inference_config_t, member)

#define UNET     AT(net.subnet), SUBNET_UNET
#define TIME_MLP AT(net.subnet), SUBNET_TIME_MLP

const network_field_t inference_fields[] = {
    {"transform", FIELD_WORD, AT(flow.transform), 0, 0, 0, 0, transform_words, FLOW, "of a coupling layer", ALWAYS},
    {"depth", FIELD_INT, AT(flow.depth), 0, 0, 1, 64, NULL, FLOW, "coupling layers, or hidden layers", ALWAYS},
    {"width", FIELD_INT, AT(flow.width), 0, 0, 1, 8192, NULL, FLOW, "of hidden layers", ALWAYS},
    {"hidden_layers", FIELD_INT, AT(flow.n_hidden), 0, 0, 1, 8, NULL, FLOW, "hidden layers of a coupling's MLP", ALWAYS},
    {"bins", FIELD_INT, AT(flow.bins), 0, 0, 2, 64, NULL, FLOW, "of a spline", ALWAYS},
    {"half_width", FIELD_REAL, AT(flow.half_width), 0, 0, 0.1, 1000, NULL, FLOW, "of the splines' box at the start, in standard deviations", ALWAYS},
    {"whiten", FIELD_BOOL, AT(flow.whiten), 0, 0, 0, 0, NULL, FLOW, "a Gaussian given the condition comes first", ALWAYS},
    {"dropout", FIELD_REAL, AT(flow.dropout), 0, 0, 0, 0.9, NULL, FLOW, "share of hidden units left out in training", ALWAYS},
    {"subnet", FIELD_WORD, AT(net.subnet), 0, 0, 0, 0, subnet_words, TIMED, "the network inside; unet where the parameters form an image", ALWAYS},
    {"depth", FIELD_INT, AT(net.depth), 0, 0, 1, 64, NULL, TIMED, "", TIME_MLP},
    {"width", FIELD_INT, AT(net.width), 0, 0, 1, 8192, NULL, TIMED, "", TIME_MLP},
    {"time_embed", FIELD_INT, AT(net.time_embed), 0, 0, 2, 1024, NULL, TIMED, "Fourier features of the time", ALWAYS},
    {"fourier_scale", FIELD_REAL, AT(net.fourier_scale), 0, 0, 0, 1e6, NULL, TIMED, "of their frequencies", ALWAYS},
    {"film_scale", FIELD_BOOL, AT(net.film_scale), 0, 0, 0, 0, NULL, TIMED, "the time scales hidden units, beside shifting them", TIME_MLP},
    {"persistent", FIELD_BOOL, AT(net.persistent), 0, 0, 0, 0, NULL, TIMED, "the condition enters every block", TIME_MLP},
    {"dropout", FIELD_REAL, AT(net.dropout), 0, 0, 0, 0.9, NULL, TIMED, "", ALWAYS},
    {"image_height", FIELD_INT64, AT(net.height), 0, 0, 1, 4096, NULL, TIMED, "of a unet: the parameters, in their order, are an image", UNET},
    {"image_width", FIELD_INT64, AT(net.image_width), 0, 0, 1, 4096, NULL, TIMED, "of that image", UNET},
    {"image_channels", FIELD_INT64, AT(net.channels), 0, 0, 1, 64, NULL, TIMED, "of that image", UNET},
    {"stage_width", FIELD_INTS, AT(net.stage_width), AT(net.stages), UNET_MAX_STAGES, 1, 4096, NULL, TIMED, "of a unet: channels of each stage", UNET},
    {"stage_attention", FIELD_BOOLS, AT(net.stage_attention), AT(net.stages), UNET_MAX_STAGES, 0, 1, NULL, TIMED, "of a unet: 1 where a stage has attention", UNET},
    {"blocks", FIELD_INT, AT(net.blocks), 0, 0, 1, 16, NULL, TIMED, "of a unet: residual blocks of a stage", UNET},
    {"groups", FIELD_INT, AT(net.groups), 0, 0, 1, 256, NULL, TIMED, "of a unet: of its group norms", UNET},
    {"heads", FIELD_INT, AT(net.heads), 0, 0, 1, 64, NULL, TIMED, "of a unet: of its attention", UNET},
    {"transport", FIELD_BOOL, AT(matching.transport), 0, 0, 0, 0, NULL, MATCHING, "noise is paired by optimal transport inside a slice", ALWAYS},
    {"alpha", FIELD_REAL, AT(matching.alpha), 0, 0, -0.99, 100, NULL, MATCHING, "shape of the density of times: -0.5 is dense near the data, 0 uniform", ALWAYS},
    {"schedule", FIELD_WORD, AT(diffusion.schedule), 0, 0, 0, 0, schedule_words, DIFFUSION, "of the noise", ALWAYS},
    {"prediction", FIELD_WORD, AT(diffusion.prediction), 0, 0, 0, 0, prediction_words, DIFFUSION, "what the network gives", ALWAYS},
    {"start_levels", FIELD_INT, AT(consistency.start_levels), 0, 0, 2, 100000, NULL, CONSISTENCY, "noise levels at the start of training", ALWAYS},
    {"end_levels", FIELD_INT, AT(consistency.end_levels), 0, 0, 2, 100000, NULL, CONSISTENCY, "and at its end", ALWAYS},
    {"steps", FIELD_INT, AT(consistency.steps), 0, 0, 1, 100000, NULL, CONSISTENCY | STABLE, "of sampling", ALWAYS},
    {"solver", FIELD_WORD, AT(solver), 0, 0, 0, 0, solver_words, SOLVED, "tsit5 chooses its steps; two_step too, and is stochastic (diffusion)", ALWAYS},
    {"steps", FIELD_INT, AT(steps), 0, 0, 1, 100000, NULL, SOLVED, "of euler, midpoint, rk4; the most of the others", ALWAYS},
    {"atol", FIELD_REAL, AT(atol), 0, 0, 0, 1, NULL, SOLVED, "absolute tolerance of a step, in standard deviations of the prior", ALWAYS},
    {"rtol", FIELD_REAL, AT(rtol), 0, 0, 0, 1, NULL, SOLVED, "relative tolerance of a step", ALWAYS},
    {"trace", FIELD_WORD, AT(trace), 0, 0, 0, 0, trace_words, SOLVED, "how a density gets its divergence", ALWAYS},
    {"trace_probes", FIELD_INT, AT(trace_probes), 0, 0, 1, 1000, NULL, SOLVED, "of hutchinson", ALWAYS},
    {"quantiles", FIELD_REALS, AT(point.quantile), AT(point.n_quantiles), POINT_MAX_QUANTILES, 0, 1, NULL, POINT, "levels, ascending", ALWAYS},
    {"depth", FIELD_INT, AT(point.depth), 0, 0, 1, 64, NULL, POINT, "", ALWAYS},
    {"width", FIELD_INT, AT(point.width), 0, 0, 1, 8192, NULL, POINT, "", ALWAYS},
    {0}};
