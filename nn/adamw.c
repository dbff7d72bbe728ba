// SPDX-License-Identifier: Apache-2.0
#include "nn/adamw.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/fmath.h"
#include "nn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct adamw {
    params_t *params;
    adamw_config_t config;
    int64_t steps;
    float *moment1, *moment2, *average; // (params_size)
};

adamw_config_t adamw_config_default(void)
{
    return (adamw_config_t){.beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-7,
                            .weight_decay = 0.005,
                            .clip_norm = 1.5,
                            .average_decay = 0.999};
}

adamw_t *adamw_create(params_t *params, const adamw_config_t *config)
{
    size_t n = (size_t)params_size(params);
    adamw_t *o = MEM_NEW(adamw_t, 1);
    o->params = params;
    o->config = *config;
    o->moment1 = MEM_NEW(float, n + 1);
    o->moment2 = MEM_NEW(float, n + 1);
    o->average = MEM_NEW(float, n + 1);
    memcpy(o->average, params_value(params), n * sizeof *o->average);
    return o;
}

void adamw_destroy(adamw_t **o)
{
    if (*o == NULL)
        return;
    free((*o)->moment1);
    free((*o)->moment2);
    free((*o)->average);
    free(*o);
    *o = NULL;
}

/* The numbers of one step, in the letters of Loshchilov and Hutter (2019), algorithm 2. */
typedef struct {
    float clip; // what the gradient is multiplied with
    float beta1, beta2;
    float alpha;          // learning rate / (1 - beta1^t)
    float root;           // 1 / (1 - beta2^t)
    float epsilon, decay; // decay: learning rate * weight decay
} step_t;

static VEC_KERNEL void update(int64_t n, const step_t *s, const float *g, float *m, float *v,
                              float *w)
{
    step_t p = *s;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        float gi = g[i] * p.clip;
        float mi = p.beta1 * m[i] + (1.0f - p.beta1) * gi;
        float vi = p.beta2 * v[i] + (1.0f - p.beta2) * gi * gi;
        m[i] = mi;
        v[i] = vi;
        w[i] -= p.alpha * mi / (sqrtf(vi * p.root) + p.epsilon) + p.decay * w[i];
    }
}

static VEC_KERNEL void follow(int64_t n, float share, const float *w, float *average)
{
    for (int64_t i = 0; i < n; i++)
        average[i] += share * (w[i] - average[i]);
}

static void average_tensor(adamw_t *o, const param_t *t)
{
    double decay = o->config.average_decay;
    double warm = (1.0 + (double)o->steps) / (10.0 + (double)o->steps);
    const float *w = params_value(o->params) + t->offset;
    int64_t n = t->rows * t->cols;
    if (t->trainable && decay > 0)
        follow(n, (float)(1 - (warm < decay ? warm : decay)), w, o->average + t->offset);
    else
        memcpy(o->average + t->offset, w, (size_t)n * sizeof *w);
}

double adamw_step(adamw_t *o, double learning_rate, const float *gradient)
{
    const adamw_config_t *c = &o->config;
    double norm = sqrt(vec_sum_squares_f64(params_size(o->params), gradient));
    if (!isfinite(norm))
        return norm;
    o->steps++;
    double t = (double)o->steps;
    step_t s = {.clip = c->clip_norm > 0 && norm > c->clip_norm ? (float)(c->clip_norm / norm) : 1,
                .beta1 = (float)c->beta1,
                .beta2 = (float)c->beta2,
                .alpha = (float)(learning_rate / (1 - pow(c->beta1, t))),
                .root = (float)(1 / (1 - pow(c->beta2, t))),
                .epsilon = (float)c->epsilon};
    for (int k = 0; k < params_count(o->params); k++) {
        const param_t *p = params_at(o->params, k);
        s.decay = p->decay ? (float)(learning_rate * c->weight_decay) : 0;
        if (p->trainable)
            update(p->rows * p->cols, &s, gradient + p->offset, o->moment1 + p->offset,
                   o->moment2 + p->offset, params_value(o->params) + p->offset);
        average_tensor(o, p);
    }
    return norm;
}

float *adamw_moment1(adamw_t *o)
{
    return o->moment1;
}

float *adamw_moment2(adamw_t *o)
{
    return o->moment2;
}

float *adamw_average(adamw_t *o)
{
    return o->average;
}

int64_t adamw_steps(const adamw_t *o)
{
    return o->steps;
}

void adamw_set_steps(adamw_t *o, int64_t steps)
{
    CHECK(steps >= 0, "%ld steps", (long)steps);
    o->steps = steps;
}

double schedule_rate(const schedule_t *s, int64_t step)
{
    const double pi = 3.14159265358979323846;
    if (step < s->warmup)
        return s->peak * (0.1 + 0.9 * (double)step / (double)s->warmup);
    if (step >= s->total)
        return s->floor;
    double part = (double)(step - s->warmup) / (double)(s->total - s->warmup);
    return s->floor + 0.5 * (s->peak - s->floor) * (1 + cos(pi * part));
}
