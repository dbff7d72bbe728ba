// SPDX-License-Identifier: Apache-2.0
#include "nn/amortizer_work.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

static tensor_t *record_loss(amortizer_work_t *w, graph_t *g)
{
    const amortizer_t *a = w->a;
    const inference_kind_t *kind = amortizer_inference(a);
    tensor_t *sum = NULL;
    w->theta = graph_input(g, ROWS_DRAWS, 1, a->config.n_parameters);
    for (int k = 0; k < a->config.members; k++) {
        tensor_t *loss = kind->record_loss(a->member[k].inference, g, w->theta, w->inputs.given[k],
                                           &w->noise[k]);
        sum = sum ? op_add(g, sum, loss) : loss;
    }
    return op_scale(g, op_total(g, sum), 1.0 / a->config.members, 0.0);
}

static void plan_loss(amortizer_work_t *w)
{
    bool train = w->mode == WORK_TRAIN;
    graph_limits_t limits = amortizer_limits(w->a, w->max_sets);
    w->data = graph_create(train ? GRAPH_TRAIN : GRAPH_FORWARD, w->a->params, &limits);
    w->inputs = amortizer_record_condition(w->a, w->data);
    w->loss = graph_keep(w->data, record_loss(w, w->data));
    graph_seal(w->data, train ? w->loss : NULL);
}

static void plan_condition(amortizer_work_t *w)
{
    graph_limits_t limits = amortizer_limits(w->a, 1);
    w->data = graph_create(GRAPH_FORWARD, w->a->params, &limits);
    w->inputs = amortizer_record_condition(w->a, w->data);
    for (int k = 0; k < w->a->config.members; k++) {
        if (w->inputs.summary[k] != NULL)
            graph_keep(w->data, w->inputs.summary[k]);
        if (w->inputs.given[k].vector != NULL)
            graph_keep(w->data, w->inputs.given[k].vector);
        if (w->inputs.given[k].image != NULL)
            graph_keep(w->data, w->inputs.given[k].image);
    }
    graph_seal(w->data, NULL);
}

static void plan_evaluation(amortizer_work_t *w)
{
    const inference_kind_t *kind = amortizer_inference(w->a);
    int64_t p = w->a->config.n_parameters;
    plan_condition(w);
    for (int k = 0; k < w->a->config.members; k++)
        w->eval[k] = kind->eval_create(w->a->member[k].inference, w->a->params);
    w->drawn = MEM_NEW(float, w->max_draws *p);
    w->log_q = MEM_NEW(double, w->max_draws);
    w->member_log_q = MEM_NEW(double, w->max_draws);
    w->order = MEM_NEW(int64_t, w->max_draws);
    w->mixed = MEM_NEW(float, w->max_draws *p);
    w->again = MEM_NEW(float, w->max_draws *p);
    w->again_log_q = MEM_NEW(double, w->max_draws);
    w->far = MEM_NEW(int64_t, w->max_draws);
}

amortizer_work_t *amortizer_work_create(amortizer_t *a, work_mode_t mode, int64_t max_sets,
                                        int64_t max_draws)
{
    amortizer_work_t *w = MEM_NEW(amortizer_work_t, 1);
    *w = (amortizer_work_t){.a = a,
                            .mode = mode,
                            .max_sets = mode == WORK_EVALUATE ? 1 : max_sets,
                            .max_draws = max_draws > 0 ? max_draws : 1};
    for (int o = 0; o < a->config.n_observables; o++)
        w->offsets[o] = MEM_NEW(int64_t, w->max_sets + 1);
    w->scratch = MEM_NEW(float, amortizer_fill_scratch(a, w->max_sets));
    w->u = MEM_NEW(double, a->config.n_parameters);
    w->adapter = adapter_work_create(a->adapter, w->max_sets);
    if (mode == WORK_EVALUATE)
        plan_evaluation(w);
    else
        plan_loss(w);
    return w;
}

void amortizer_work_destroy(amortizer_work_t **w)
{
    if (!*w)
        return;
    graph_destroy(&(*w)->data);
    for (int k = 0; k < AMORTIZER_MAX_MEMBERS; k++)
        if ((*w)->eval[k] != NULL)
            amortizer_inference((*w)->a)->eval_destroy((*w)->eval[k]);
    for (int o = 0; o < GRAPH_MAX_GROUPS; o++)
        free((*w)->offsets[o]);
    free((*w)->drawn);
    free((*w)->mixed);
    free((*w)->log_q);
    free((*w)->member_log_q);
    free((*w)->order);
    free((*w)->again);
    free((*w)->again_log_q);
    free((*w)->far);
    free((*w)->scratch);
    free((*w)->u);
    adapter_work_destroy(&(*w)->adapter);
    free(*w);
    *w = NULL;
}

size_t amortizer_work_bytes(const amortizer_work_t *w)
{
    size_t bytes = graph_bytes(w->data) + adapter_work_bytes(w->adapter);
    for (int k = 0; k < w->a->config.members && w->mode == WORK_EVALUATE; k++)
        bytes += amortizer_inference(w->a)->eval_bytes(w->eval[k]);
    return bytes;
}

double amortizer_eval_flops(const amortizer_work_t *w)
{
    double flops = 0.0;
    for (int k = 0; k < w->a->config.members; k++)
        flops += amortizer_inference(w->a)->eval_flops(w->eval[k]);
    return flops;
}

double amortizer_work_flops(const amortizer_work_t *w)
{
    return w->mode == WORK_EVALUATE ? w->flops + amortizer_eval_flops(w) - w->eval_before
                                    : w->flops;
}

double amortizer_loss(amortizer_work_t *w, const batch_t *batch, double progress, rng_t *noise,
                      float *gradient)
{
    const inference_kind_t *kind = amortizer_inference(w->a);
    CHECK(w->mode != WORK_EVALUATE, "a loss needs WORK_TRAIN or WORK_LOSS");
    CHECK(batch->n <= w->max_sets, "%ld data sets, planned for %ld", (long)batch->n,
          (long)w->max_sets);
    batch_t adapted = adapter_batch(
        w->adapter, batch, w->mode == WORK_TRAIN ? ADAPTER_TRAINING : ADAPTER_EVALUATION, noise);
    amortizer_begin(w->a, w->data, &w->inputs, &adapted, 0, batch->n, rng_u64(noise), w->offsets,
                    w->scratch);
    amortizer_standardise(w->a, batch->n, batch->parameters, w->u, w->theta->value);
    for (int k = 0; k < w->a->config.members && kind->fill_noise != NULL; k++)
        kind->fill_noise(w->a->member[k].inference, &w->noise[k], batch->n, progress, noise);
    graph_forward(w->data);
    if (w->mode == WORK_TRAIN)
        graph_backward_watched(w->data, gradient, w->watch, w->watcher);
    w->flops = graph_flops(w->data);
    return (double)w->loss->value[0];
}

void amortizer_watch(amortizer_work_t *w, graph_watch_t *watch, void *user)
{
    CHECK(w->mode == WORK_TRAIN, "gradients are watched in WORK_TRAIN");
    w->watch = watch;
    w->watcher = user;
}
