// SPDX-License-Identifier: Apache-2.0
#include "nn/consistency.h"

#include "cluster/mem.h"
#include "nn/few_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_TIME = 1e-3, MOST_TIME = 80, DATA_SD = 1, RHO = 7;
static const double LOG_MEAN = -1.1, LOG_SD = 2; // of the times in training
static const double HUBER = 0.00054;

typedef struct {
    int64_t parameters;
    int start_levels, end_levels, steps;
    time_net_t *net;
} network_t;

static void fill(network_size_t size, inference_config_t *c)
{
    few_step_default(size, 30, &c->net);
    c->consistency.start_levels = 10;
    c->consistency.end_levels = 150;
    c->consistency.steps = 10;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    if (c->consistency.end_levels < c->consistency.start_levels)
        return err_fail(ERR_USAGE,
                        "inference.end_levels: got %d, expected at least start_levels, %d",
                        c->consistency.end_levels, c->consistency.start_levels);
    time_net_config_t net = inference_net(shape, c);
    return time_net_check(&net);
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *c)
{
    network_t *n = MEM_NEW(network_t, 1);
    time_net_config_t net = inference_net(shape, c);
    n->parameters = shape->parameters;
    n->start_levels = c->consistency.start_levels;
    n->end_levels = c->consistency.end_levels;
    n->steps = c->consistency.steps;
    n->net = time_net_make(params, name, &net);
    return n;
}

static void destroy(void *net)
{
    network_t *n = net;
    time_net_destroy(&n->net);
    free(n);
}

int consistency_levels(int start_levels, int end_levels, double progress)
{
    double doublings = log2(floor((double)end_levels / start_levels)) + 1;
    double levels = start_levels * exp2(floor(progress * doublings));
    return (int)fmin(levels, end_levels) + 1;
}

double consistency_time(int i, int n_levels)
{
    double low = pow(LEAST_TIME, 1 / RHO), high = pow(MOST_TIME, 1 / RHO);
    return pow(low + (double)(i - 1) / (double)(n_levels - 1) * (high - low), RHO);
}

static few_step_move_t map_at(double t)
{
    double since = t - LEAST_TIME, variance = DATA_SD * DATA_SD;
    return (few_step_move_t){.time = t / MOST_TIME,
                             .skip = variance / (since * since + variance),
                             .out = DATA_SD * since / sqrt(variance + t * t)};
}

/* ---- training ---- */

/* Of each data set: the lower level's t, network time, skip and out, the same of the upper level, 1 / (t_i+1 - t_i). */
enum { LEVEL_T, LEVEL_TIME, LEVEL_SKIP, LEVEL_OUT, LEVEL_COLS };
enum { WEIGHT = 2 * LEVEL_COLS, LEVELS_COLS };
enum { NOISE_Z, NOISE_LEVELS };

/* f(theta + t z, t) */
static tensor_t *record_map(const network_t *n, graph_t *g, tensor_t *theta, tensor_t *z,
                            tensor_t *levels, int first, inference_given_t given)
{
    tensor_t *of_draws = op_expand(g, levels, ROWS_DRAWS), *column[LEVEL_COLS];
    for (int k = 0; k < LEVEL_COLS; k++)
        column[k] = op_slice(g, of_draws, first + k, 1);
    tensor_t *x = op_add(g, theta, op_mul(g, z, column[LEVEL_T]));
    tensor_t *time = op_slice(g, levels, first + LEVEL_TIME, 1);
    tensor_t *F = time_net_record(n->net, g, x, time, given.vector, given.image);
    return op_add(g, op_mul(g, x, column[LEVEL_SKIP]), op_mul(g, F, column[LEVEL_OUT]));
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    const network_t *n = net;
    double d = (double)n->parameters, k = HUBER * sqrt(d);
    tensor_t *z = graph_input(g, ROWS_DRAWS, 1, n->parameters);
    tensor_t *levels = graph_input(g, ROWS_SETS, 1, LEVELS_COLS);
    *noise = (inference_noise_t){2, {[NOISE_Z] = z, [NOISE_LEVELS] = levels}};
    tensor_t *target = record_map(n, g, theta, z, levels, 0, given);
    tensor_t *off =
        op_sub(g, record_map(n, g, theta, z, levels, LEVEL_COLS, given), op_stop(g, target));
    tensor_t *huber =
        op_unary(g, op_scale(g, op_unary(g, off, UNARY_SQUARE), 1, k * k), UNARY_SQRT);
    tensor_t *mean = op_scale(g, op_row_sum(g, huber), 1 / d, -k);
    return op_mul(g, mean, op_expand(g, op_slice(g, levels, WEIGHT, 1), ROWS_DRAWS));
}

static double log_time_cdf(double t)
{
    return erf((log(t) - LOG_MEAN) / (sqrt(2) * LOG_SD));
}

/* A level i = 1 .. levels - 1 with a probability in proportion to what log_time_cdf grows by from its time to the next. */
static int draw_level(int levels, rng_t *rng)
{
    double least = log_time_cdf(LEAST_TIME), most = log_time_cdf(MOST_TIME);
    double at = least + rng_uniform(rng) * (most - least);
    int low = 1, high = levels;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (log_time_cdf(consistency_time(middle, levels)) <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void fill_level(double t, float *out)
{
    few_step_move_t map = map_at(t);
    out[LEVEL_T] = (float)t;
    out[LEVEL_TIME] = (float)map.time;
    out[LEVEL_SKIP] = (float)map.skip;
    out[LEVEL_OUT] = (float)map.out;
}

static void fill_noise(const void *net, const inference_noise_t *noise, int64_t n, double progress,
                       rng_t *rng)
{
    const network_t *network = net;
    int levels = consistency_levels(network->start_levels, network->end_levels, progress);
    rng_fill_normal_f32(rng, (size_t)tensor_size(noise->in[NOISE_Z]), noise->in[NOISE_Z]->value);
    for (int64_t r = 0; r < n; r++) {
        float *row = noise->in[NOISE_LEVELS]->value + r * LEVELS_COLS;
        int i = draw_level(levels, rng);
        double low = consistency_time(i, levels), high = consistency_time(i + 1, levels);
        fill_level(low, row);
        fill_level(high, row + LEVEL_COLS);
        row[WEIGHT] = (float)(1 / (high - low));
    }
}

/* ---- one data set at a time ---- */

static void *eval_create(const void *net, params_t *params)
{
    const network_t *n = net;
    few_step_move_t *move = MEM_NEW(few_step_move_t, n->steps);
    for (int s = 0; s < n->steps; s++) {
        double t = consistency_time(n->steps + 1 - s, n->steps + 1);
        move[s] = map_at(t);
        move[s].keep = s > 0;
        move[s].noise = s > 0 ? sqrt(t * t - LEAST_TIME * LEAST_TIME) : t;
    }
    few_step_t *f = few_step_create(n->net, params, n->steps, move);
    free(move);
    return f;
}

const inference_kind_t inference_kind_consistency = {.word = "consistency",
                                                     .has_density = false,
                                                     .fill = fill,
                                                     .check = check,
                                                     .make = make,
                                                     .destroy = destroy,
                                                     .record_loss = record_loss,
                                                     .fill_noise = fill_noise,
                                                     .eval_create = eval_create,
                                                     .eval_destroy = few_step_destroy,
                                                     .eval_condition = few_step_condition,
                                                     .eval_draw = few_step_draw,
                                                     .eval_flops = few_step_flops,
                                                     .eval_bytes = few_step_bytes};
