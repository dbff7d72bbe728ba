// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_impl.h"

#include "nn/network_fields.h"

#include <math.h>
#include <string.h>

/* ---- shapes ---- */

void amortizer_config_adapt(amortizer_config_t *config, const adapter_t *adapter, arena_t *arena)
{
    const adapter_shape_t *s = adapter_after(adapter);
    double *lower = ARENA_NEW(arena, double, s->n_parameters);
    double *upper = ARENA_NEW(arena, double, s->n_parameters);
    for (int p = 0; p < s->n_parameters; p++) {
        lower[p] = s->parameters[p].lower;
        upper[p] = s->parameters[p].upper;
    }
    *config = (amortizer_config_t){.n_parameters = s->n_parameters,
                                   .n_observables = s->n_observables,
                                   .n_design = s->n_design,
                                   .lower = lower,
                                   .upper = upper};
    config->observables = ARENA_NEW(arena, amortizer_observable_t, s->n_observables);
    for (int o = 0; o < s->n_observables; o++)
        config->observables[o] = (amortizer_observable_t){.kind = s->observables[o].kind,
                                                          .max_length = s->observables[o].length,
                                                          .features = s->observables[o].features,
                                                          .height = s->observables[o].height,
                                                          .width = s->observables[o].width};
}

/* ---- defaults ---- */

// The peer's, where ours differs in more than what the peer lacks.
static void make_peers(summary_config_t *c)
{
    c->golden = true;
    c->channels = c->moments = c->quantiles = false;
    if (c->type != SUMMARY_DEEP_SET)
        return;
    c->elements = true;
    c->summary_dim = 16;
    c->embed_dim = c->width = 64;
    c->depth = c->n_hidden = 2;
    c->dropout = 0.05;
}

static void make_peers_inference(inference_config_t *c)
{
    time_net_config_t large;
    c->golden = true;
    time_net_default(SIZE_LARGE, &large);
    c->net.depth = large.depth;
    c->net.width = large.width;
    if (c->type == INFERENCE_FLOW_MATCHING) {
        c->atol = 1e-6;
        c->rtol = 1e-4;
    }
    c->flow.whiten = false;
    c->flow.depth = 6;
    c->flow.width = 128;
    c->flow.n_hidden = 2;
    c->flow.bins = 16;
    c->flow.half_width = 3.0;
}

void amortizer_config_summary(amortizer_config_t *config, int o, summary_type_t type,
                              network_size_t size, bool peer)
{
    summary_config_t *c = &config->observables[o].summary;
    summary_config_default(type, size, c);
    if (peer)
        make_peers(c);
}

void amortizer_config_inference(amortizer_config_t *config, inference_type_t type,
                                network_size_t size, bool peer)
{
    inference_config_default(type, size, &config->inference);
    if (peer)
        make_peers_inference(&config->inference);
}

void amortizer_config_default(amortizer_config_t *config, inference_type_t inference,
                              network_size_t size, bool peer)
{
    for (int o = 0; o < config->n_observables; o++)
        amortizer_config_summary(config, o, summary_type_for(config->observables[o].kind, peer),
                                 size, peer);
    amortizer_config_inference(config, inference, size, peer);
    config->members = 1;
}

static bool uses_unet(const amortizer_config_t *c)
{
    return c->inference.type != INFERENCE_COUPLING_FLOW && c->inference.type != INFERENCE_POINT &&
           c->inference.net.subnet == SUBNET_UNET;
}

void amortizer_config_route(amortizer_config_t *config)
{
    for (int o = 0; o < config->n_observables; o++) {
        amortizer_observable_t *x = &config->observables[o];
        x->direct = x->kind == OBSERVABLE_IMAGE && uses_unet(config) &&
                    x->height == config->inference.net.height &&
                    x->width == config->inference.net.image_width;
    }
}

/* ---- checks ---- */

static err_t check_range(const char *field, double got, double low, double high)
{
    if (got >= low && got <= high)
        return OK;
    return err_fail(ERR_USAGE, "%s: %g is out of range, expected %g to %g", field, got, low, high);
}

static err_t check_kind(const amortizer_config_t *c, int o)
{
    const amortizer_observable_t *x = &c->observables[o];
    if ((int)x->kind < 0 || x->kind > OBSERVABLE_IMAGE)
        return err_fail(ERR_USAGE, "observable %d is of unknown kind %d", o, (int)x->kind);
    if (x->max_length < 1 || x->features < 1)
        return err_fail(ERR_USAGE, "observable %d: a %s of %ld elements of %ld features", o,
                        observable_kind_words[x->kind], (long)x->max_length, (long)x->features);
    if (x->kind == OBSERVABLE_IMAGE && x->height * x->width != x->max_length)
        return err_fail(ERR_USAGE, "observable %d: %ld pixels of an image of %ld x %ld", o,
                        (long)x->max_length, (long)x->height, (long)x->width);
    return OK;
}

static err_t check_summary(const amortizer_config_t *c, int o)
{
    const amortizer_observable_t *x = &c->observables[o];
    if (x->direct)
        return OK;
    if (x->summary.type >= SUMMARY_TYPES)
        return err_fail(ERR_USAGE, "observable %d: unknown summary network %d", o,
                        (int)x->summary.type);
    const summary_kind_t *kind = summary_table[x->summary.type];
    if (kind->kind != x->kind)
        return err_fail(
            ERR_USAGE, "observable %d is a %s, and summary.type %s reads a %s: expected %s", o,
            observable_kind_words[x->kind], kind->word, observable_kind_words[kind->kind],
            summary_table[summary_type_for(x->kind, false)]->word);
    TRY(network_fields_range("summary", summary_fields, (int)x->summary.type, &x->summary));
    summary_shape_t shape = amortizer_summary_shape(c, o);
    return err_context(summary_config_check(&shape, &x->summary), "summary of observable %d", o);
}

static err_t check_shapes(const amortizer_config_t *c)
{
    TRY(check_range("parameters", c->n_parameters, 1, 65536));
    TRY(check_range("observables", c->n_observables, 1, GRAPH_MAX_GROUPS));
    TRY(check_range("design", c->n_design, 0, 1e6));
    TRY(check_range("ensemble", c->members, 1, AMORTIZER_MAX_MEMBERS));
    for (int j = 0; j < c->n_parameters; j++)
        if (!(c->lower[j] < c->upper[j]))
            return err_fail(ERR_USAGE, "parameter %d: the support (%g, %g) is empty", j,
                            c->lower[j], c->upper[j]);
    for (int o = 0; o < c->n_observables; o++)
        TRY(check_kind(c, o));
    return OK;
}

static err_t check_inference(const amortizer_config_t *c)
{
    inference_shape_t shape = amortizer_inference_shape(c);
    if (c->inference.type >= INFERENCE_TYPES)
        return err_fail(ERR_USAGE, "inference.type: unknown network %d", (int)c->inference.type);
    if (uses_unet(c)) {
        const time_net_config_t *n = &c->inference.net;
        if (n->height * n->image_width * n->channels != c->n_parameters)
            return err_fail(ERR_USAGE,
                            "inference.image_height, image_width, image_channels: %ld x %ld x %ld "
                            "is not the number of parameters (%d)",
                            (long)n->height, (long)n->image_width, (long)n->channels,
                            c->n_parameters);
    }
    TRY(network_fields_range("inference", inference_fields, (int)c->inference.type, &c->inference));
    return inference_config_check(&shape, &c->inference);
}

err_t amortizer_config_check(const amortizer_config_t *config)
{
    TRY(check_shapes(config));
    for (int o = 0; o < config->n_observables; o++)
        TRY(check_summary(config, o));
    return check_inference(config);
}
