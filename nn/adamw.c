// SPDX-License-Identifier: Apache-2.0
#include "nn/adamw.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/fmath.h"
#include "nn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The numbers of one step, in the letters of Loshchilov and Hutter (2019), algorithm 2. */
typedef struct {
    float clip; // what the gradient is multiplied with
    float beta1, beta2;
    float alpha;          // learning rate / (1 - beta1^t)
    float root;           // 1 / (1 - beta2^t)
    float epsilon, decay; // decay: learning rate * weight decay
    float share;          // of the weights in the moving average
} step_t;

struct adamw {
    params_t *params;
    adamw_config_t config;
    int64_t steps;
    step_t step;                        // the running one
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

/* One pass over all that a step reads and writes; a: the moving average. */
static VEC_KERNEL void update(int64_t n, const step_t *s, const float *g, float *m, float *v,
                              float *w, float *a)
{
    step_t p = *s;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        float gi = g[i] * p.clip;
        float mi = p.beta1 * m[i] + (1.0f - p.beta1) * gi;
        float vi = p.beta2 * v[i] + (1.0f - p.beta2) * gi * gi;
        float wi = w[i] - (p.alpha * mi / (sqrtf(vi * p.root) + p.epsilon) + p.decay * w[i]);
        m[i] = mi;
        v[i] = vi;
        w[i] = wi;
        a[i] = p.share == 1.0f ? wi : a[i] + p.share * (wi - a[i]);
    }
}

void adamw_begin(adamw_t *o, double learning_rate, double norm)
{
    const adamw_config_t *c = &o->config;
    CHECK(isfinite(norm), "a step with a gradient of norm %g", norm);
    o->steps++;
    double t = (double)o->steps, warm = (1.0 + t) / (10.0 + t);
    bool clipped = c->clip_norm > 0 && norm > c->clip_norm;
    o->step = (step_t){.clip = clipped ? (float)(c->clip_norm / norm) : 1,
                       .beta1 = (float)c->beta1,
                       .beta2 = (float)c->beta2,
                       .alpha = (float)(learning_rate / (1 - pow(c->beta1, t))),
                       .root = (float)(1 / (1 - pow(c->beta2, t))),
                       .epsilon = (float)c->epsilon,
                       .decay = (float)(learning_rate * c->weight_decay),
                       .share = (float)(1 - fmin(warm, c->average_decay))};
}

/* Floats [begin, end) of the block, all of one tensor; gradient: of the first of them. */
static void update_part(adamw_t *o, const param_t *p, int64_t begin, int64_t end, float factor,
                        const float *gradient)
{
    step_t s = o->step;
    float *w = params_value(o->params) + begin;
    s.clip *= factor;
    s.decay = p->decay ? s.decay : 0;
    if (p->trainable)
        update(end - begin, &s, gradient, o->moment1 + begin, o->moment2 + begin, w,
               o->average + begin);
    else
        memcpy(o->average + begin, w, (size_t)(end - begin) * sizeof *w);
}

void adamw_update(adamw_t *o, int64_t begin, int64_t end, float factor, const float *gradient)
{
    for (int k = 0; k < params_count(o->params); k++) {
        const param_t *p = params_at(o->params, k);
        int64_t first = p->offset, last = p->offset + p->rows * p->cols;
        first = first > begin ? first : begin;
        last = last < end ? last : end;
        if (first < last)
            update_part(o, p, first, last, factor, gradient + (first - begin));
    }
}

double adamw_step(adamw_t *o, double learning_rate, const float *gradient)
{
    int64_t n = params_size(o->params);
    double norm = sqrt(vec_sum_squares_f64(n, gradient));
    if (!isfinite(norm))
        return norm;
    adamw_begin(o, learning_rate, norm);
    adamw_update(o, 0, n, 1, gradient);
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
