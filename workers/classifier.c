// SPDX-License-Identifier: Apache-2.0
#include "workers/classifier.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/adamw.h"
#include "nn/graph.h"
#include "nn/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUND_STEPS = 50, PASSES = 40 };
#define AVERAGE_DECAY 0.98

classifier_config_t classifier_config_default(void)
{
    return (classifier_config_t){.folds = 5,
                                 .batch = 128,
                                 .least_steps = 1000,
                                 .most_steps = 10000,
                                 .learning_rate = 2e-3,
                                 .patience = 6};
}

void classifier_folds(uint64_t seed, int folds, int64_t n, const uint8_t *label, int32_t *out)
{
    rng_t rng = rng_at(seed, RNG_CLASSIFIER, 0);
    int64_t *order = MEM_NEW(int64_t, n), dealt[2] = {0, 0};
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(&rng, (size_t)n, order);
    for (int64_t i = 0; i < n; i++)
        out[order[i]] = (int32_t)(dealt[label[order[i]]]++ % folds);
    free(order);
}

/* ---- rows ---- */

/* Standardised columns, in float32; a column without spread becomes zeros. */
static float *standardise(const classifier_rows_t *rows)
{
    float *out = mem_alloc((size_t)(rows->n * rows->d), sizeof *out);
    for (int k = 0; k < rows->d; k++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < rows->n; i++)
            mean += rows->x[i * rows->d + k] / (double)rows->n;
        for (int64_t i = 0; i < rows->n; i++)
            square += pow(rows->x[i * rows->d + k] - mean, 2) / (double)rows->n;
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t i = 0; i < rows->n; i++)
            out[i * rows->d + k] = (float)((rows->x[i * rows->d + k] - mean) * scale);
    }
    return out;
}

/* Rows whose fold is one of two, or (others) none of them; returns how many. */
static int64_t pick(const classifier_rows_t *rows, int a, int b, int others, int64_t *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if ((rows->fold[i] == a || rows->fold[i] == b) != others)
            out[n++] = i;
    return n;
}

/* ---- the network ---- */

typedef struct {
    int d;
    const float *x; // (n, d)
    const uint8_t *label;
    double weight[2];         // of each kind
    params_t *params, *shown; // weights in training; their moving average, or the best so far
    graph_t *train, *show;
    tensor_t *train_x, *away, *share; // -1 for kind 1, 1 for kind 0; weight in the loss
    tensor_t *show_x, *score;
    adamw_t *optimizer;
    float *gradient;
    int64_t batch;
} network_t;

static int64_t width_for(int d)
{
    int64_t width = 16;
    while (width < 10 * d && width < 128)
        width *= 2;
    return width;
}

static params_t *network_params(int d, uint64_t seed, mlp_t *hidden, linear_t *out)
{
    params_t *p = params_create();
    mlp_config_t config = {.width = width_for(d),
                           .blocks = 2,
                           .activation = UNARY_MISH,
                           .residual = true,
                           .init = INIT_HE_NORMAL,
                           .dropout = 0.1};
    *hidden = mlp_make(p, "hidden", d, &config);
    *out = linear_make(p, "out", hidden->out, 1, (linear_init_t){INIT_ZERO, 0, true});
    params_seal(p, seed);
    return p;
}

/* Cross entropy of log odds z: softplus(-z) for kind 1, softplus(z) for kind 0. */
static void record_training(network_t *w, const mlp_t *hidden, const linear_t *out)
{
    graph_t *g = w->train;
    w->train_x = graph_input(g, ROWS_SETS, 1, w->d);
    w->away = graph_input(g, ROWS_SETS, 1, 1);
    w->share = graph_input(g, ROWS_SETS, 1, 1);
    tensor_t *z = linear_record(out, g, mlp_record(hidden, g, w->train_x), UNARY_IDENTITY);
    tensor_t *loss = op_unary(g, op_mul(g, z, w->away), UNARY_SOFTPLUS);
    graph_seal(g, op_total(g, op_mul(g, loss, w->share)));
}

static network_t network_create(int d, int64_t batch, uint64_t seed)
{
    network_t w = {.d = d, .batch = batch};
    mlp_t hidden;
    linear_t out;
    graph_limits_t limits = {.sets = batch, .draws = batch};
    adamw_config_t adamw = adamw_config_default();
    adamw.average_decay = AVERAGE_DECAY;
    w.shown = network_params(d, seed, &hidden, &out);
    w.params = network_params(d, seed, &hidden, &out);
    w.train = graph_create(GRAPH_TRAIN, w.params, &limits);
    record_training(&w, &hidden, &out);
    w.show = graph_create(GRAPH_FORWARD, w.shown, &limits);
    w.show_x = graph_input(w.show, ROWS_SETS, 1, d);
    w.score = graph_keep(
        w.show, linear_record(&out, w.show, mlp_record(&hidden, w.show, w.show_x), UNARY_IDENTITY));
    graph_seal(w.show, NULL);
    w.optimizer = adamw_create(w.params, &adamw);
    w.gradient = MEM_NEW(float, params_size(w.params));
    return w;
}

static void network_free(network_t *w)
{
    adamw_destroy(&w->optimizer);
    graph_destroy(&w->train);
    graph_destroy(&w->show);
    params_destroy(&w->params);
    params_destroy(&w->shown);
    free(w->gradient);
}

static void network_step(network_t *w, int64_t n, const int64_t *row, double rate, uint64_t noise)
{
    graph_begin(w->train, &(graph_batch_t){.sets = n, .draws = n, .noise = noise});
    for (int64_t i = 0; i < n; i++) {
        uint8_t label = w->label[row[i]];
        memcpy(w->train_x->value + i * w->d, w->x + row[i] * w->d, (size_t)w->d * sizeof(float));
        w->away->value[i] = label ? -1 : 1;
        w->share->value[i] = (float)(w->weight[label] / (double)n);
    }
    graph_forward(w->train);
    graph_backward(w->train, w->gradient);
    adamw_step(w->optimizer, rate, w->gradient);
}

/* Log odds of rows by the shown weights: out (n). */
static void network_score(network_t *w, int64_t n, const int64_t *row, double *out)
{
    for (int64_t first = 0; first < n; first += w->batch) {
        int64_t here = n - first < w->batch ? n - first : w->batch;
        graph_begin(w->show, &(graph_batch_t){.sets = here, .draws = here});
        for (int64_t i = 0; i < here; i++)
            memcpy(w->show_x->value + i * w->d, w->x + row[first + i] * w->d,
                   (size_t)w->d * sizeof(float));
        graph_forward(w->show);
        for (int64_t i = 0; i < here; i++)
            out[first + i] = (double)w->score->value[i];
    }
}

/* Mean cross entropy of rows from their log odds. */
static double loss_of(const network_t *w, int64_t n, const int64_t *row, const double *score)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        uint8_t label = w->label[row[i]];
        double z = label ? -score[i] : score[i];
        sum += w->weight[label] * (fmax(z, 0) + log1p(exp(-fabs(z))));
    }
    return sum / (double)n;
}

/* ---- training ---- */

typedef struct {
    int64_t n, beside;
    int64_t *row;              // (n) to train on, in shuffled order
    const int64_t *beside_row; // to stop by
    int64_t next;              // in `row`
    rng_t rng;
} training_t;

static const int64_t *next_batch(training_t *t, int64_t batch)
{
    if (t->next + batch > t->n) {
        rng_shuffle(&t->rng, (size_t)t->n, t->row);
        t->next = 0;
    }
    t->next += batch;
    return t->row + t->next - batch;
}

/* Trains; the shown weights end as the moving average that predicted the rows beside best. */
static void network_train(network_t *w, training_t *t, const classifier_config_t *config)
{
    int64_t batch = w->batch < t->n ? w->batch : t->n, pass = (t->n + batch - 1) / batch;
    int64_t steps = PASSES * pass, round = pass > ROUND_STEPS ? pass : ROUND_STEPS;
    steps = steps < config->least_steps  ? config->least_steps
            : steps > config->most_steps ? config->most_steps
                                         : steps;
    schedule_t schedule = {.peak = config->learning_rate, .warmup = steps / 20 + 1, .total = steps};
    size_t bytes = (size_t)params_size(w->params) * sizeof(float);
    float *best = mem_alloc(bytes, 1);
    double *score = MEM_NEW(double, t->beside), least = INFINITY;
    int waited = 0;
    t->next = t->n;
    for (int64_t step = 0; step <= steps && waited < config->patience; step++) {
        if (step % round == 0 || step == steps) {
            memcpy(params_value(w->shown), adamw_average(w->optimizer), bytes);
            network_score(w, t->beside, t->beside_row, score);
            double loss = loss_of(w, t->beside, t->beside_row, score);
            waited = loss < least ? 0 : waited + 1;
            if (loss < least)
                memcpy(best, adamw_average(w->optimizer), bytes);
            least = fmin(least, loss);
        }
        if (step < steps)
            network_step(w, batch, next_batch(t, batch), schedule_rate(&schedule, step),
                         rng_u64(&t->rng));
    }
    memcpy(params_value(w->shown), best, bytes);
    free(score);
    free(best);
}

/* ---- folds ---- */

static void count_weights(network_t *w, int64_t n, const int64_t *row)
{
    double count[2] = {0, 0};
    for (int64_t i = 0; i < n; i++)
        count[w->label[row[i]]]++;
    CHECK(count[0] > 0 && count[1] > 0, "a fold without rows of both kinds");
    for (int k = 0; k < 2; k++)
        w->weight[k] = (double)n / (2 * count[k]);
}

static void one_fold(const classifier_config_t *config, const classifier_rows_t *rows,
                     const float *x, int fold, double *score)
{
    int64_t *train = MEM_NEW(int64_t, rows->n), *beside = MEM_NEW(int64_t, rows->n),
            *scored = MEM_NEW(int64_t, rows->n);
    int stop = (fold + 1) % config->folds;
    training_t t = {.rng = rng_at(config->seed, RNG_CLASSIFIER, (uint64_t)fold + 1),
                    .row = train,
                    .beside_row = beside};
    t.n = pick(rows, fold, stop, 1, train);
    t.beside = pick(rows, stop, stop, 0, beside);
    int64_t n = pick(rows, fold, fold, 0, scored);
    double *out = MEM_NEW(double, n);
    network_t w = network_create(rows->d, config->batch, rng_u64(&t.rng));
    w.x = x;
    w.label = rows->label;
    count_weights(&w, t.n, train);
    network_train(&w, &t, config);
    network_score(&w, n, scored, out);
    for (int64_t i = 0; i < n; i++)
        score[scored[i]] = out[i];
    network_free(&w);
    free(out);
    free(scored);
    free(beside);
    free(train);
}

void classifier_cross(const classifier_config_t *config, const classifier_rows_t *rows,
                      double *score)
{
    CHECK(config->folds >= 3, "%d folds, expected 3 or more", config->folds);
    float *x = standardise(rows);
    for (int fold = 0; fold < config->folds; fold++)
        one_fold(config, rows, x, fold, score);
    free(x);
}
