// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/nn/weights.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void weights_perturb(params_t *params, uint64_t seed, double sd)
{
    for (int k = 0; k < params_count(params); k++) {
        const param_t *p = params_at(params, k);
        rng_t rng = rng_at(seed, RNG_CHECK, (uint64_t)k);
        for (int64_t i = 0; p->trainable && i < p->rows * p->cols; i++)
            params_tensor(params, k)[i] += (float)(sd * rng_normal(&rng));
    }
}

typedef struct {
    int64_t n;
    float *at;    // the tensor
    float *start; // its values
    double *v;
    weights_loss_t loss;
    void *user;
} line_t;

static double loss_at(const line_t *l, double t)
{
    for (int64_t i = 0; i < l->n; i++)
        l->at[i] = (float)((double)l->start[i] + t * l->v[i]);
    double loss = l->loss(l->user);
    memcpy(l->at, l->start, (size_t)l->n * sizeof *l->at);
    return loss;
}

static void check_tensor(line_t *l, const param_t *p, int k, const float *gradient, double h,
                         double tolerance)
{
    rng_t rng = rng_at(11, RNG_CHECK, (uint64_t)k);
    double length = 0.0, analytic = 0.0;
    rng_fill_normal(&rng, (size_t)l->n, l->v);
    for (int64_t i = 0; i < l->n; i++)
        length += l->v[i] * l->v[i];
    for (int64_t i = 0; i < l->n; i++) {
        l->v[i] /= sqrt(length);
        analytic += l->v[i] * (double)gradient[p->offset + i];
    }
    double difference =
        (8.0 * (loss_at(l, h) - loss_at(l, -h)) - (loss_at(l, 2.0 * h) - loss_at(l, -2.0 * h))) /
        (12.0 * h);
    if (!(fabs(difference - analytic) <= tolerance * (1.0 + fabs(analytic))))
        fail_msg("%s: gradient %.7g, by differences %.7g", p->name, analytic, difference);
}

void weights_check_gradient(params_t *params, weights_loss_t loss, void *user,
                            const float *gradient, double h, double tolerance)
{
    weights_check_gradient_of(params, "", loss, user, gradient, h, tolerance);
}

void weights_check_gradient_of(params_t *params, const char *prefix, weights_loss_t loss,
                               void *user, const float *gradient, double h, double tolerance)
{
    int checked = 0;
    for (int k = 0; k < params_count(params); k++) {
        const param_t *p = params_at(params, k);
        if (!p->trainable || strncmp(p->name, prefix, strlen(prefix)) != 0)
            continue;
        checked++;
        line_t l = {
            .n = p->rows * p->cols, .at = params_tensor(params, k), .loss = loss, .user = user};
        l.start = mem_alloc((size_t)l.n, sizeof(float));
        l.v = mem_alloc((size_t)l.n, sizeof(double));
        memcpy(l.start, l.at, (size_t)l.n * sizeof(float));
        check_tensor(&l, p, k, gradient, h, tolerance);
        free(l.v);
        free(l.start);
    }
    assert_true(checked > 0);
}
