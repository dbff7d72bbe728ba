// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_work.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float FARTHEST = 10.0f; // standard deviations of the prior, on the unbounded scale
enum { MOST_TRIES = 8 };

static void begin_call(amortizer_work_t *w)
{
    CHECK(w->mode == WORK_EVALUATE, "densities, summaries and draws need WORK_EVALUATE");
    w->flops = 0.0;
    w->eval_before = amortizer_eval_flops(w);
}

static void make_condition(amortizer_work_t *w, const batch_t *batch, int64_t i)
{
    batch_t one = adapter_one(w->adapter, batch, i);
    batch_t adapted = adapter_batch(w->adapter, &one, ADAPTER_EVALUATION, NULL);
    amortizer_begin(w->a, w->data, &w->inputs, &adapted, 0, 1, 0, w->offsets, w->scratch);
    graph_forward(w->data);
    w->flops += graph_flops(w->data);
}

static const float *value_of(const tensor_t *t)
{
    return t == NULL ? NULL : t->value;
}

static void give_condition(amortizer_work_t *w)
{
    for (int k = 0; k < w->a->config.members; k++)
        amortizer_inference(w->a)->eval_condition(w->eval[k], value_of(w->inputs.given[k].vector),
                                                  value_of(w->inputs.given[k].image));
}

/* ---- densities ---- */

// ln of the mean over members of exp(ln q), one member after the other: out (n) of theta (n, P).
static void members_density(amortizer_work_t *w, int64_t n, const float *theta, double *out)
{
    const inference_kind_t *kind = amortizer_inference(w->a);
    int members = w->a->config.members;
    kind->eval_density(w->eval[0], n, theta, out);
    for (int k = 1; k < members; k++) {
        kind->eval_density(w->eval[k], n, theta, w->member_log_q);
        for (int64_t i = 0; i < n; i++) {
            double high = fmax(out[i], w->member_log_q[i]), low = fmin(out[i], w->member_log_q[i]);
            out[i] = isinf(high) ? high : high + log1p(exp(low - high));
        }
    }
    for (int64_t i = 0; i < n && members > 1; i++)
        out[i] -= log(members);
}

void amortizer_log_density(amortizer_work_t *w, const batch_t *batch, double *out)
{
    int64_t p = adapter_before(w->a->adapter)->n_parameters;
    begin_call(w);
    CHECK(amortizer_has_density(w->a), "this inference network has no density");
    for (int64_t i = 0; i < batch->n; i++) {
        const double *parameters = batch->parameters + i * p;
        out[i] = -INFINITY;
        if (!adapter_supports(w->a->adapter, parameters))
            continue;
        make_condition(w, batch, i);
        give_condition(w);
        double log_jacobian = amortizer_standardise(w->a, 1, parameters, w->u, w->drawn);
        members_density(w, 1, w->drawn, &out[i]);
        out[i] += log_jacobian;
    }
}

/* ---- summaries ---- */

// Mean and standard deviation of each channel.
static float *image_summary(const tensor_t *image, float *out)
{
    for (int64_t c = 0; c < image->cols; c++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t k = 0; k < image->rows; k++) {
            double x = (double)image->value[k * image->cols + c];
            sum += x;
            squares += x * x;
        }
        double mean = sum / (double)image->rows;
        *out++ = (float)mean;
        *out++ = (float)sqrt(fmax(squares / (double)image->rows - mean * mean, 0.0));
    }
    return out;
}

/* Of the data set whose condition was made; returns where the next one's go. */
static float *take_summaries(const amortizer_work_t *w, float *out)
{
    const tensor_t *summary = w->inputs.summary[0];
    if (summary != NULL) {
        memcpy(out, summary->value, (size_t)summary->cols * sizeof *out);
        out += summary->cols;
    }
    for (int o = 0; o < w->a->config.n_observables; o++)
        if (w->a->config.observables[o].direct)
            out = image_summary(w->inputs.data[o], out);
    return out;
}

void amortizer_summaries(amortizer_work_t *w, const batch_t *batch, float *out)
{
    begin_call(w);
    for (int64_t i = 0; i < batch->n; i++) {
        make_condition(w, batch, i);
        out = take_summaries(w, out);
    }
}

/* ---- draws ---- */

// Back to the user's scale; returns ln |d theta / d parameters| where `density` asks for it.
static double restore(amortizer_work_t *w, const float *theta, bool density, double *kept)
{
    const amortizer_config_t *c = &w->a->config;
    const scaling_t *s = &w->a->scaling;
    double log_jacobian = 0.0;
    for (int j = 0; j < c->n_parameters; j++)
        w->u[j] = s->parameter_mean[j] + s->parameter_sd[j] * (double)theta[j];
    adapter_restore(w->a->adapter, w->u, kept, &log_jacobian);
    for (int j = 0; j < c->n_parameters && density; j++)
        log_jacobian -= log(s->parameter_sd[j]);
    return log_jacobian;
}

// How many draws each member makes, by chance.
static void deal(int members, int64_t n, rng_t *rng, int64_t *count)
{
    double weight[AMORTIZER_MAX_MEMBERS];
    for (int k = 0; k < members; k++)
        weight[k] = 1.0;
    rng_multinomial(rng, n, members, weight, count);
}

// n draws of all members, mixed: theta (n, P), log_q (n) or NULL.
static void draw_mixed(amortizer_work_t *w, int64_t n, rng_t *rng, float *theta, double *log_q)
{
    const inference_kind_t *kind = amortizer_inference(w->a);
    int64_t p = w->a->config.n_parameters, count[AMORTIZER_MAX_MEMBERS], at = 0;
    deal(w->a->config.members, n, rng, count);
    for (int k = 0; k < w->a->config.members; k++) {
        kind->eval_draw(w->eval[k], count[k], rng, w->mixed + at * p, NULL);
        at += count[k];
    }
    for (int64_t i = 0; i < n; i++)
        w->order[i] = i;
    rng_shuffle(rng, (size_t)n, w->order);
    for (int64_t i = 0; i < n; i++)
        memcpy(theta + i * p, w->mixed + w->order[i] * p, (size_t)p * sizeof *theta);
    if (log_q != NULL)
        members_density(w, n, theta, log_q);
}

static void draw(amortizer_work_t *w, int64_t n, rng_t *rng, float *theta, double *log_q)
{
    if (w->a->config.members > 1)
        draw_mixed(w, n, rng, theta, log_q);
    else
        amortizer_inference(w->a)->eval_draw(w->eval[0], n, rng, theta, log_q);
}

// What is not a number is not far.
static bool is_far(int64_t p, const float *theta)
{
    float size = 0.0f;
    for (int64_t j = 0; j < p; j++)
        size = fmaxf(size, fabsf(theta[j]));
    return size > FARTHEST;
}

static int64_t find_far(const amortizer_work_t *w, int64_t n, int64_t *far)
{
    int64_t p = w->a->config.n_parameters, m = 0;
    for (int64_t k = 0; k < n; k++)
        if (is_far(p, w->drawn + k * p))
            far[m++] = k;
    return m;
}

// Makes draws anew that fell further than FARTHEST standard deviations of the prior from its mean: about one in a million,
// where a spline is nearly flat.
static void draw_again(amortizer_work_t *w, int64_t n, rng_t *rng, double *log_q)
{
    int64_t p = w->a->config.n_parameters;
    for (int t = 0; t < MOST_TRIES; t++) {
        int64_t m = find_far(w, n, w->far);
        if (m == 0)
            return;
        draw(w, m, rng, w->again, log_q ? w->again_log_q : NULL);
        for (int64_t k = 0; k < m; k++) {
            memcpy(w->drawn + w->far[k] * p, w->again + k * p, (size_t)p * sizeof(float));
            if (log_q != NULL)
                log_q[w->far[k]] = w->again_log_q[k];
        }
    }
}

static void sample_some(amortizer_work_t *w, int64_t n, rng_t *rng, double *out,
                        double *log_density)
{
    int64_t p = w->a->config.n_parameters, kept = adapter_kept(w->a->adapter, NULL);
    double *log_q = log_density ? w->log_q : NULL;
    draw(w, n, rng, w->drawn, log_q);
    draw_again(w, n, rng, log_q);
    for (int64_t k = 0; k < n; k++) {
        double log_jacobian = restore(w, w->drawn + k * p, log_density != NULL, out + k * kept);
        if (log_density)
            log_density[k] = log_q[k] + log_jacobian;
    }
}

void amortizer_sample_with(amortizer_work_t *w, const batch_t *batch, int64_t draws, rng_t *rng,
                           double *out, double *log_density, float *summaries)
{
    int64_t kept = adapter_kept(w->a->adapter, NULL);
    begin_call(w);
    CHECK(log_density == NULL || amortizer_has_density(w->a),
          "this inference network has no density");
    for (int64_t i = 0; i < batch->n; i++) {
        make_condition(w, batch, i);
        if (summaries != NULL)
            summaries = take_summaries(w, summaries);
        give_condition(w);
        for (int64_t done = 0; done < draws; done += w->max_draws) {
            int64_t some = draws - done < w->max_draws ? draws - done : w->max_draws;
            int64_t at = i * draws + done;
            sample_some(w, some, &rng[i], out + at * kept, log_density ? log_density + at : NULL);
        }
    }
}

void amortizer_sample(amortizer_work_t *w, const batch_t *batch, int64_t draws, rng_t *rng,
                      double *out, double *log_density)
{
    amortizer_sample_with(w, batch, draws, rng, out, log_density, NULL);
}
