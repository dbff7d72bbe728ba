// SPDX-License-Identifier: Apache-2.0
#include "nn/stable_consistency.h"

#include "cluster/mem.h"
#include "nn/layer.h"
#include "nn/tangent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LOG_MEAN = -1.1, LOG_SD = 2; // of tan t in training
static const double LEAST_LENGTH = 0.1;          // added to |g|
static const double GRID = 3.5;                  // of the angles of sampling
enum { WEIGHT_WIDTH = 256 };

typedef struct {
    int64_t parameters;
    int steps;
    time_net_t *net;
    mlp_t weight_mlp;
    linear_t weight_out;
} network_t;

static void fill(network_size_t size, inference_config_t *c)
{
    few_step_default(size, 1, &c->net);
    c->consistency.steps = 15;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    time_net_config_t net = inference_net(shape, c);
    return time_net_check(&net);
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *c)
{
    network_t *n = MEM_NEW(network_t, 1);
    mlp_config_t mlp = {WEIGHT_WIDTH, 1, UNARY_MISH, false, INIT_HE_NORMAL, 0.05};
    time_net_config_t net = inference_net(shape, c);
    char *below = mem_format("%s/net", name), *weight = mem_format("%s/weight", name);
    n->net = time_net_make(params, below, &net);
    n->parameters = shape->parameters;
    n->steps = c->consistency.steps;
    n->weight_mlp = mlp_make_below(params, weight, "hidden", 1, &mlp);
    n->weight_out = linear_make_below(params, weight, "out", WEIGHT_WIDTH, 1,
                                      (linear_init_t){INIT_ZERO, 0, true});
    free(weight);
    free(below);
    return n;
}

static void destroy(void *net)
{
    network_t *n = net;
    time_net_destroy(&n->net);
    free(n);
}

/* ---- training ---- */

enum { NOISE_Z, NOISE_ANGLE, NOISE_COS, NOISE_SIN, NOISES };

/* x_t and v (ROWS_DRAWS, d); cos t and sin t (ROWS_DRAWS, 1), and their product of each data set. */
typedef struct {
    tensor_t *x, *v, *cosine, *sine, *product;
} path_t;

static path_t record_path(graph_t *g, tensor_t *theta, const inference_noise_t *noise)
{
    path_t p;
    tensor_t *z = noise->in[NOISE_Z];
    p.cosine = op_expand(g, noise->in[NOISE_COS], ROWS_DRAWS);
    p.sine = op_expand(g, noise->in[NOISE_SIN], ROWS_DRAWS);
    p.product = op_mul(g, noise->in[NOISE_COS], noise->in[NOISE_SIN]);
    p.x = op_add(g, op_mul(g, theta, p.cosine), op_mul(g, z, p.sine));
    p.v = op_sub(g, op_mul(g, z, p.cosine), op_mul(g, theta, p.sine));
    return p;
}

/* g before its length is limited; F its value alone. */
static tensor_t *record_direction(graph_t *g, const path_t *p, tensor_t *F, tensor_t *tangent)
{
    tensor_t *both = op_expand(g, p->product, ROWS_DRAWS);
    tensor_t *squared = op_unary(g, p->cosine, UNARY_SQUARE);
    tensor_t *flow = op_mul(g, op_sub(g, F, p->v), squared);
    tensor_t *rest = op_add(g, op_mul(g, p->x, both), tangent);
    return op_scale(g, op_add(g, flow, rest), -1, 0);
}

static tensor_t *record_limited(graph_t *g, tensor_t *direction)
{
    tensor_t *squares = op_row_sum(g, op_unary(g, direction, UNARY_SQUARE));
    return op_div(g, direction, op_scale(g, op_unary(g, squares, UNARY_SQRT), 1, LEAST_LENGTH));
}

static tensor_t *record_weight(const network_t *n, graph_t *g, tensor_t *angle)
{
    tensor_t *h = mlp_record(&n->weight_mlp, g, angle);
    return op_expand(g, linear_record(&n->weight_out, g, h, UNARY_IDENTITY), ROWS_DRAWS);
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    const network_t *n = net;
    noise->n = NOISES;
    noise->in[NOISE_Z] = graph_input(g, ROWS_DRAWS, 1, n->parameters);
    for (int k = NOISE_ANGLE; k < NOISES; k++)
        noise->in[k] = graph_input(g, ROWS_SETS, 1, 1);
    tensor_t *angle = noise->in[NOISE_ANGLE];
    path_t p = record_path(g, theta, noise);
    tensor_t *F = time_net_record(n->net, g, p.x, angle, given.vector, given.image);
    tensor_t *moves[] = {op_mul(g, p.v, op_expand(g, p.product, ROWS_DRAWS)), p.product};
    tensor_t *tangent = graph_tangent(g, F, 2, (tensor_t *[]){p.x, angle}, moves);
    tensor_t *fixed = op_stop(g, F);
    tensor_t *direction = record_limited(g, record_direction(g, &p, fixed, tangent));
    tensor_t *off = op_sub(g, F, op_stop(g, op_add(g, fixed, direction)));
    tensor_t *squares = op_row_sum(g, op_unary(g, off, UNARY_SQUARE));
    tensor_t *w = record_weight(n, g, angle);
    tensor_t *weighted = op_mul(g, squares, op_unary(g, w, UNARY_EXP));
    return op_sub(g, op_scale(g, weighted, 1 / (double)n->parameters, 0), w);
}

static void fill_noise(const void *net, const inference_noise_t *noise, int64_t n, double progress,
                       rng_t *rng)
{
    (void)net, (void)progress;
    rng_fill_normal_f32(rng, (size_t)tensor_size(noise->in[NOISE_Z]), noise->in[NOISE_Z]->value);
    for (int64_t i = 0; i < n; i++) {
        double t = atan(exp(LOG_MEAN + LOG_SD * rng_normal(rng)));
        noise->in[NOISE_ANGLE]->value[i] = (float)t;
        noise->in[NOISE_COS]->value[i] = (float)cos(t);
        noise->in[NOISE_SIN]->value[i] = (float)sin(t);
    }
}

/* ---- one data set at a time ---- */

double stable_consistency_angle(int k, int steps)
{
    return M_PI / 2 * exp(GRID * (k * M_PI / (2.0 * steps) - M_PI / 2));
}

few_step_move_t stable_consistency_move(double t)
{
    return (few_step_move_t){
        .keep = cos(t), .noise = sin(t), .time = t, .skip = cos(t), .out = -sin(t)};
}

static void *eval_create(const void *net, params_t *params)
{
    const network_t *n = net;
    few_step_move_t *move = MEM_NEW(few_step_move_t, n->steps);
    for (int s = 0; s < n->steps; s++)
        move[s] = stable_consistency_move(stable_consistency_angle(n->steps - s, n->steps));
    move[0].keep = 0;
    few_step_t *f = few_step_create(n->net, params, n->steps, move);
    free(move);
    return f;
}

const inference_kind_t inference_kind_stable_consistency = {.word = "stable_consistency",
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
