// SPDX-License-Identifier: Apache-2.0
#include "tests/nn/toy.h"

#include "cluster/mem.h"
#include "nn/adamw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

toy_t toy_make(const inference_kind_t *kind, const inference_config_t *config, int64_t d,
               int64_t sets, uint64_t seed)
{
    toy_t t = {.kind = kind, .d = d, .sets = sets, .params = params_create()};
    inference_shape_t shape = {.parameters = d, .conditions = d};
    t.net = kind->make(t.params, "inference", &shape, config);
    params_seal(t.params, seed);
    if (kind->begin != NULL)
        kind->begin(t.net, t.params, seed);
    t.graph = graph_create(GRAPH_TRAIN, t.params, &(graph_limits_t){.sets = sets, .draws = sets});
    t.theta = graph_input(t.graph, ROWS_DRAWS, 1, d);
    t.condition = graph_input(t.graph, ROWS_SETS, 1, d);
    inference_given_t given = {.vector = t.condition};
    t.loss = op_mean(t.graph, kind->record_loss(t.net, t.graph, t.theta, given, &t.noise));
    graph_seal(t.graph, t.loss);
    t.gradient = MEM_NEW(float, params_size(t.params));
    return t;
}

void toy_end(toy_t *t)
{
    graph_destroy(&t->graph);
    t->kind->destroy(t->net);
    params_destroy(&t->params);
    free(t->gradient);
}

void toy_fill(toy_t *t, uint64_t index, double progress)
{
    rng_t data = rng_at(17, RNG_BANK, index), noise = rng_at(17, RNG_TRAIN, index);
    graph_begin(t->graph, &(graph_batch_t){.sets = t->sets, .draws = t->sets, .noise = index});
    for (int64_t i = 0; i < t->sets * t->d; i++) {
        double theta = rng_normal(&data);
        t->theta->value[i] = (float)theta;
        t->condition->value[i] = (float)(theta + TOY_NOISE * rng_normal(&data));
    }
    if (t->kind->fill_noise != NULL)
        t->kind->fill_noise(t->net, &t->noise, t->sets, progress, &noise);
}

double toy_loss(void *user)
{
    toy_t *t = user;
    graph_forward(t->graph);
    return (double)t->loss->value[0];
}

void toy_train(toy_t *t, int64_t steps, double rate)
{
    adamw_config_t config = adamw_config_default();
    config.average_decay = 0.98;
    adamw_t *adamw = adamw_create(t->params, &config);
    schedule_t schedule = {.peak = rate, .floor = 0, .warmup = steps / 20, .total = steps};
    for (int64_t s = 0; s < steps; s++) {
        toy_fill(t, (uint64_t)s, (double)s / (double)steps);
        graph_forward(t->graph);
        graph_backward(t->graph, t->gradient);
        adamw_step(adamw, schedule_rate(&schedule, s), t->gradient);
    }
    memcpy(params_value(t->params), adamw_average(adamw),
           (size_t)params_size(t->params) * sizeof(float));
    adamw_destroy(&adamw);
}

void toy_draws(toy_t *t, const float *condition, int64_t n, double *mean, double *sd)
{
    float *theta = MEM_NEW(float, n * t->d);
    rng_t rng = rng_at(23, RNG_INFER, 0);
    void *eval = t->kind->eval_create(t->net, t->params);
    t->kind->eval_condition(eval, condition, NULL);
    t->kind->eval_draw(eval, n, &rng, theta, NULL);
    for (int64_t j = 0; j < t->d; j++) {
        double sum = 0, squares = 0;
        for (int64_t k = 0; k < n; k++)
            sum += (double)theta[k * t->d + j] / (double)n;
        for (int64_t k = 0; k < n; k++)
            squares += pow((double)theta[k * t->d + j] - sum, 2);
        mean[j] = sum;
        sd[j] = sqrt(squares / (double)n);
    }
    t->kind->eval_destroy(eval);
    free(theta);
}
