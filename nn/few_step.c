// SPDX-License-Identifier: Apache-2.0
#include "nn/few_step.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/time_eval.h"

#include <stdlib.h>
#include <string.h>

struct few_step {
    time_eval_t *eval;
    int64_t d;
    int moves;
    few_step_move_t *move; // (moves)
    float *result;         // (room, d): of the network
    int64_t room;
};

void few_step_default(network_size_t size, double fourier_scale, time_net_config_t *config)
{
    time_net_default(size, config);
    config->fourier_scale = fourier_scale;
    config->film_scale = config->persistent = false;
}

few_step_t *few_step_create(const time_net_t *net, params_t *params, int n,
                            const few_step_move_t *moves)
{
    few_step_t *f = MEM_NEW(few_step_t, 1);
    CHECK(n >= 1 && moves[0].keep == 0, "few_step: %d moves, the first keeps %g", n,
          n >= 1 ? moves[0].keep : 0);
    f->eval = time_eval_create(net, params);
    f->d = time_net_config(net)->parameters;
    f->moves = n;
    f->move = MEM_NEW(few_step_move_t, n);
    memcpy(f->move, moves, (size_t)n * sizeof *moves);
    return f;
}

void few_step_destroy(void *eval)
{
    few_step_t *f = eval;
    time_eval_destroy(&f->eval);
    free(f->move);
    free(f->result);
    free(f);
}

void few_step_condition(void *eval, const float *vector, const float *image)
{
    time_eval_condition(((few_step_t *)eval)->eval, vector, image);
}

void few_step_map(few_step_t *f, const few_step_move_t *move, int64_t n, float *x)
{
    float skip = (float)move->skip, out = (float)move->out;
    if (n > f->room) {
        f->result = MEM_GROW(f->result, float, n * f->d);
        f->room = n;
    }
    time_eval_run(f->eval, move->time, n, x, f->result);
    for (int64_t k = 0; k < n * f->d; k++)
        x[k] = skip * x[k] + out * f->result[k];
}

void few_step_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    few_step_t *f = eval;
    CHECK(log_density == NULL, "a consistency model has no density");
    memset(theta, 0, (size_t)(n * f->d) * sizeof *theta);
    for (int s = 0; s < f->moves; s++) {
        float keep = (float)f->move[s].keep, noise = (float)f->move[s].noise;
        for (int64_t k = 0; k < n * f->d; k++)
            theta[k] = keep * theta[k] + noise * (float)rng_normal(rng);
        few_step_map(f, &f->move[s], n, theta);
    }
}

double few_step_flops(const void *eval)
{
    return time_eval_flops(((const few_step_t *)eval)->eval);
}

size_t few_step_bytes(const void *eval)
{
    const few_step_t *f = eval;
    return time_eval_bytes(f->eval) + (size_t)(f->room * f->d) * sizeof *f->result;
}
