// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/nn/inference_case.h"

#include "cluster/mem.h"
#include "nn/adamw.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 6, TRAIN_SETS = 64 };

inference_config_t inference_case_config(inference_type_t type)
{
    inference_config_t config;
    inference_config_default(type, SIZE_BASE, &config);
    config.net.depth = 2;
    config.net.width = 16;
    config.net.time_embed = 4;
    config.net.fourier_scale = 1.0;
    return config;
}

inference_case_t inference_case_make(const inference_config_t *config, int64_t d, double noise)
{
    inference_case_t c = {.kind = inference_table[config->type],
                          .config = *config,
                          .shape = {d, INFERENCE_CASE_CONDITIONS, 0},
                          .params = params_create()};
    assert_int_equal(inference_config_check(&c.shape, config), OK);
    c.net = c.kind->make(c.params, "inference", &c.shape, config);
    params_seal(c.params, 7);
    weights_perturb(c.params, 8, noise);
    c.eval = c.kind->eval_create(c.net, c.params);
    inference_case_condition(&c, 0);
    return c;
}

void inference_case_end(inference_case_t *c)
{
    c->kind->eval_destroy(c->eval);
    c->kind->destroy(c->net);
    params_destroy(&c->params);
}

void inference_case_condition(inference_case_t *c, int k)
{
    float condition[INFERENCE_CASE_CONDITIONS] = {0.5f - (float)k, 0.3f * (float)k - 0.8f};
    c->kind->eval_condition(c->eval, condition, NULL);
}

// The density at the middle of each cell of the grid: (cells^d)
static double *grid_density(inference_case_t *c, double side, int64_t cells)
{
    int64_t d = c->shape.parameters, n = d == 1 ? cells : cells * cells;
    float *theta = MEM_NEW(float, n *d);
    double *density = MEM_NEW(double, n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            int64_t at = j == 0 ? i % cells : i / cells;
            theta[i * d + j] = (float)(side * (((double)at + 0.5) / (double)cells - 0.5));
        }
    c->kind->eval_density(c->eval, n, theta, density);
    for (int64_t i = 0; i < n; i++)
        density[i] = exp(density[i]);
    free(theta);
    return density;
}

double inference_case_integral(inference_case_t *c, double side, int64_t cells)
{
    int64_t d = c->shape.parameters, n = d == 1 ? cells : cells * cells;
    double *density = grid_density(c, side, cells), sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += density[i] * pow(side / (double)cells, (double)d);
    free(density);
    return sum;
}

double inference_case_distance(inference_case_t *c, double side, int64_t cells, int64_t n)
{
    double *density = grid_density(c, side, cells), cumulated = 0.0, worst = 0.0;
    float *theta = MEM_NEW(float, n);
    int64_t *count = MEM_NEW(int64_t, cells), below = 0;
    rng_t rng = rng_at(5, RNG_CHECK, 0);
    c->kind->eval_draw(c->eval, n, &rng, theta, NULL);
    for (int64_t i = 0; i < n; i++) {
        double at = floor(((double)theta[i] / side + 0.5) * (double)cells);
        count[(int64_t)fmin(fmax(at, 0.0), (double)(cells - 1))]++;
    }
    for (int64_t k = 0; k < cells; k++) {
        cumulated += density[k] * side / (double)cells;
        below += count[k];
        worst = fmax(worst, fabs(cumulated - (double)below / (double)n));
    }
    free(count);
    free(theta);
    free(density);
    return worst;
}

typedef struct {
    inference_case_t *c;
    graph_t *graph;
    tensor_t *theta, *vector, *loss;
    inference_noise_t noise;
} loss_t;

static double loss_of(void *user)
{
    loss_t *l = user;
    rng_t rng = rng_at(6, RNG_CHECK, 1), noise = rng_at(6, RNG_CHECK, 2);
    double sum = 0.0;
    graph_begin(l->graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
    rng_fill_normal_f32(&rng, (size_t)tensor_size(l->theta), l->theta->value);
    rng_fill_normal_f32(&rng, (size_t)tensor_size(l->vector), l->vector->value);
    l->c->kind->fill_noise(l->c->net, &l->noise, SETS, 0.5, &noise);
    graph_forward(l->graph);
    for (int i = 0; i < SETS; i++)
        sum += (double)l->loss->value[i];
    return sum;
}

void inference_case_check_gradient(inference_case_t *c, double h, double tolerance)
{
    graph_limits_t limits = {.sets = SETS, .draws = SETS};
    loss_t l = {.c = c, .graph = graph_create(GRAPH_TRAIN, c->params, &limits)};
    float *gradient = MEM_NEW(float, params_size(c->params));
    l.theta = graph_input(l.graph, ROWS_DRAWS, 1, c->shape.parameters);
    l.vector = graph_input(l.graph, ROWS_SETS, 1, c->shape.conditions);
    inference_given_t given = {l.vector, NULL};
    l.loss = c->kind->record_loss(c->net, l.graph, l.theta, given, &l.noise);
    assert_int_equal(l.loss->rows_class, ROWS_DRAWS);
    assert_int_equal(l.loss->cols, 1);
    graph_keep(l.graph, l.loss);
    graph_seal(l.graph, op_total(l.graph, l.loss));
    loss_of(&l);
    graph_backward(l.graph, gradient);
    weights_check_gradient(c->params, loss_of, &l, gradient, h, tolerance);
    free(gradient);
    graph_destroy(&l.graph);
}

static float *draws_of(inference_case_t *c, int condition, uint64_t stream, int64_t n)
{
    float *theta = MEM_NEW(float, n * c->shape.parameters);
    rng_t rng = rng_at(3, RNG_CHECK, stream);
    inference_case_condition(c, condition);
    c->kind->eval_draw(c->eval, n, &rng, theta, NULL);
    return theta;
}

void inference_case_check_draws(inference_case_t *c, int64_t n)
{
    size_t bytes = (size_t)(n * c->shape.parameters) * sizeof(float);
    float *first = draws_of(c, 0, 1, n), *other = draws_of(c, 1, 1, n / 2);
    float *again = draws_of(c, 0, 1, n), *stream = draws_of(c, 0, 2, n);
    assert_memory_equal(first, again, bytes);
    assert_memory_not_equal(first, stream, bytes);
    assert_memory_not_equal(first, other, bytes / 2);
    for (int64_t k = 0; k < n * c->shape.parameters; k++)
        assert_true(isfinite(first[k]));
    free(first);
    free(other);
    free(again);
    free(stream);
}

static void fill_gaussian(const loss_t *l, rng_t *rng)
{
    graph_begin(l->graph, &(graph_batch_t){.sets = TRAIN_SETS, .draws = TRAIN_SETS});
    rng_fill_normal_f32(rng, (size_t)tensor_size(l->theta), l->theta->value);
    for (int64_t k = 0; k < tensor_size(l->theta); k++)
        l->vector->value[k] = l->theta->value[k] + 0.5f * (float)rng_normal(rng);
}

void inference_case_train(inference_case_t *c, int steps)
{
    graph_limits_t limits = {.sets = TRAIN_SETS, .draws = TRAIN_SETS};
    loss_t l = {.c = c, .graph = graph_create(GRAPH_TRAIN, c->params, &limits)};
    adamw_config_t config = adamw_config_default();
    schedule_t rate = {5e-3, 0.0, steps / 20, steps};
    float *gradient = MEM_NEW(float, params_size(c->params));
    rng_t rng = rng_at(12, RNG_CHECK, 0);
    config.weight_decay = 0.0;
    adamw_t *optimizer = adamw_create(c->params, &config);
    l.theta = graph_input(l.graph, ROWS_DRAWS, 1, 2);
    l.vector = graph_input(l.graph, ROWS_SETS, 1, 2);
    inference_given_t given = {l.vector, NULL};
    l.loss = c->kind->record_loss(c->net, l.graph, l.theta, given, &l.noise);
    graph_seal(l.graph, op_mean(l.graph, l.loss));
    for (int s = 0; s < steps; s++) {
        fill_gaussian(&l, &rng);
        c->kind->fill_noise(c->net, &l.noise, TRAIN_SETS, (double)s / steps, &rng);
        graph_forward(l.graph);
        graph_backward(l.graph, gradient);
        adamw_step(optimizer, schedule_rate(&rate, s), gradient);
    }
    adamw_destroy(&optimizer);
    graph_destroy(&l.graph);
    free(gradient);
}

double inference_case_miss(inference_case_t *c, int64_t n)
{
    static const double truth[] = {0.8 * 0.5, 0.8 * -0.8};
    float *theta = draws_of(c, 0, 5, n);
    double worst = 0.0, sd = sqrt(0.2);
    for (int j = 0; j < 2; j++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < n; i++) {
            double away = ((double)theta[i * 2 + j] - truth[j]) / sd;
            sum += away;
            squares += away * away;
        }
        double mean = sum / (double)n;
        worst = fmax(worst, fabs(mean));
        worst = fmax(worst, fabs(sqrt(squares / (double)n - mean * mean) - 1.0));
    }
    free(theta);
    return worst;
}
