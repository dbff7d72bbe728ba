// SPDX-License-Identifier: Apache-2.0
#include "nn/point_network.h"

#include "cluster/mem.h"
#include "nn/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WIDTH = 4096 };

typedef struct {
    int64_t parameters, conditions;
    int levels, anchor;
    double level[POINT_MAX_QUANTILES];
    mlp_t mlp;
    linear_t mean, quantiles;
    int level_id, step_id; // fixed weights (1, levels)
} network_t;

static void fill(network_size_t size, inference_config_t *c)
{
    static const int width[] = {[SIZE_SMALL] = 64, [SIZE_BASE] = 128, [SIZE_LARGE] = 256};
    static const int depth[] = {[SIZE_SMALL] = 2, [SIZE_BASE] = 3, [SIZE_LARGE] = 4};
    static const double level[] = {0.005, 0.01, 0.025, 0.05, 0.1,   0.15, 0.2,
                                   0.25,  0.3,  0.4,   0.5,  0.6,   0.7,  0.75,
                                   0.8,   0.85, 0.9,   0.95, 0.975, 0.99, 0.995};
    c->point.n_quantiles = sizeof level / sizeof *level;
    memcpy(c->point.quantile, level, sizeof level);
    c->point.width = width[size];
    c->point.depth = depth[size];
}

static err_t check_levels(const inference_config_t *c)
{
    if (c->point.n_quantiles < 2 || c->point.n_quantiles > POINT_MAX_QUANTILES)
        return err_fail(ERR_USAGE, "inference.quantiles: got %d levels, expected 2 to %d",
                        c->point.n_quantiles, POINT_MAX_QUANTILES);
    for (int k = 0; k < c->point.n_quantiles; k++) {
        double level = c->point.quantile[k], before = k ? c->point.quantile[k - 1] : 0;
        if (!(level > before && level < 1))
            return err_fail(
                ERR_USAGE, "inference.quantiles: got %g after %g, expected rising levels in (0, 1)",
                level, before);
    }
    return OK;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    if (shape->image_conditions > 0)
        return err_fail(ERR_USAGE, "inference.type: a point network reads no image");
    if (c->point.depth < 1 || c->point.depth > MLP_MAX_BLOCKS)
        return err_fail(ERR_USAGE, "inference.depth: %d is out of range, expected 1 to %d",
                        c->point.depth, MLP_MAX_BLOCKS);
    if (c->point.width < 1 || c->point.width > MOST_WIDTH)
        return err_fail(ERR_USAGE, "inference.width: %d is out of range, expected 1 to %d",
                        c->point.width, MOST_WIDTH);
    return check_levels(c);
}

static int nearest_to_half(int n, const double *level)
{
    int nearest = 0;
    for (int k = 1; k < n; k++)
        if (fabs(level[k] - 0.5) < fabs(level[nearest] - 0.5))
            nearest = k;
    return nearest;
}

static int add_fixed(params_t *p, const char *name, const char *part, int64_t cols)
{
    char *full = mem_format("%s/%s", name, part);
    int id = params_add_fixed(p, full, 1, cols);
    free(full);
    return id;
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *c)
{
    network_t *n = MEM_NEW(network_t, 1);
    mlp_config_t mlp = {c->point.width, c->point.depth, UNARY_SILU, true, INIT_HE_NORMAL, 0};
    linear_init_t zero = {INIT_ZERO, 0, true};
    n->parameters = shape->parameters;
    n->conditions = shape->conditions;
    n->levels = c->point.n_quantiles;
    memcpy(n->level, c->point.quantile, sizeof n->level);
    n->anchor = nearest_to_half(n->levels, n->level);
    n->mlp = mlp_make_below(params, name, "hidden", n->conditions, &mlp);
    n->mean = linear_make_below(params, name, "mean", n->mlp.out, n->parameters, zero);
    n->quantiles =
        linear_make_below(params, name, "quantiles", n->mlp.out, n->levels * n->parameters, zero);
    n->level_id = add_fixed(params, name, "levels", n->levels);
    n->step_id = add_fixed(params, name, "steps", n->levels);
    return n;
}

/* By bisection of the distribution function. */
static double normal_quantile(double level)
{
    double low = -40, high = 40;
    for (int k = 0; k < 80; k++) {
        double middle = (low + high) / 2;
        *(0.5 * erfc(-middle / sqrt(2)) < level ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

static void begin(const void *net, params_t *params, uint64_t seed)
{
    const network_t *n = net;
    float *level = params_tensor(params, n->level_id), *step = params_tensor(params, n->step_id);
    (void)seed;
    for (int k = 0; k < n->levels; k++) {
        double z = normal_quantile(n->level[k]);
        level[k] = (float)n->level[k];
        step[k] = (float)(k == n->anchor  ? z
                          : k < n->anchor ? normal_quantile(n->level[k + 1]) - z
                                          : z - normal_quantile(n->level[k - 1]));
    }
}

/* (ROWS_SETS, d) and (ROWS_SETS, levels d) */
static void record(const network_t *n, graph_t *g, tensor_t *condition, tensor_t **mean,
                   tensor_t **quantiles)
{
    tensor_t *h = mlp_record(&n->mlp, g, condition);
    tensor_t *raw = linear_record(&n->quantiles, g, h, UNARY_IDENTITY);
    *mean = linear_record(&n->mean, g, h, UNARY_IDENTITY);
    *quantiles = op_ordered(g, raw, graph_param(g, n->step_id), n->anchor);
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    const network_t *n = net;
    tensor_t *mean, *quantiles;
    noise->n = 0;
    record(n, g, given.vector, &mean, &quantiles);
    tensor_t *off = op_sub(g, op_expand(g, mean, ROWS_DRAWS), theta);
    tensor_t *squares = op_row_sum(g, op_unary(g, off, UNARY_SQUARE));
    tensor_t *pinball =
        op_pinball(g, op_expand(g, quantiles, ROWS_DRAWS), theta, graph_param(g, n->level_id));
    return op_scale(g, op_add(g, op_scale(g, squares, 1.0 / (double)n->parameters, 0), pinball),
                    0.5, 0);
}

/* ---- one data set at a time ---- */

typedef struct {
    const network_t *net;
    graph_t *graph;
    tensor_t *condition, *mean, *quantiles;
    double flops;
} eval_t;

static void *eval_create(const void *net, params_t *params)
{
    eval_t *e = MEM_NEW(eval_t, 1);
    e->net = net;
    e->graph = graph_create(GRAPH_FORWARD, params, &(graph_limits_t){.sets = 1});
    e->condition = graph_input(e->graph, ROWS_SETS, 1, e->net->conditions);
    record(e->net, e->graph, e->condition, &e->mean, &e->quantiles);
    graph_keep(e->graph, e->mean);
    graph_keep(e->graph, e->quantiles);
    graph_seal(e->graph, NULL);
    return e;
}

static void eval_destroy(void *eval)
{
    eval_t *e = eval;
    graph_destroy(&e->graph);
    free(e);
}

static void eval_condition(void *eval, const float *vector, const float *image)
{
    eval_t *e = eval;
    (void)image;
    graph_begin(e->graph, &(graph_batch_t){.sets = 1});
    memcpy(e->condition->value, vector, (size_t)e->net->conditions * sizeof *vector);
    graph_forward(e->graph);
    e->flops += graph_flops(e->graph);
}

/* Level k of parameter j. */
static double quantile_at(const eval_t *e, int k, int64_t j)
{
    return (double)e->quantiles->value[k * e->net->parameters + j];
}

/* Distance by the probability `mass` at the density of the interval between levels k and k + 1. */
static double distance(const eval_t *e, int k, int64_t j, double mass)
{
    const double *level = e->net->level;
    return mass * (quantile_at(e, k + 1, j) - quantile_at(e, k, j)) / (level[k + 1] - level[k]);
}

static double quantile(const eval_t *e, int64_t j, double u)
{
    const double *level = e->net->level;
    int last = e->net->levels - 1, k = 0;
    if (u < level[0])
        return quantile_at(e, 0, j) + distance(e, 0, j, level[0]) * log(u / level[0]);
    if (u >= level[last]) {
        double above = 1 - level[last];
        return quantile_at(e, last, j) - distance(e, last - 1, j, above) * log((1 - u) / above);
    }
    while (u >= level[k + 1])
        k++;
    return quantile_at(e, k, j) + distance(e, k, j, u - level[k]);
}

static void eval_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    const eval_t *e = eval;
    (void)log_density;
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < e->net->parameters; j++)
            theta[k * e->net->parameters + j] = (float)quantile(e, j, rng_uniform(rng));
}

static double eval_flops(const void *eval)
{
    return ((const eval_t *)eval)->flops;
}

static size_t eval_bytes(const void *eval)
{
    return graph_bytes(((const eval_t *)eval)->graph);
}

static void copy(const tensor_t *from, float *to)
{
    if (to != NULL)
        memcpy(to, from->value, (size_t)tensor_size(from) * sizeof *to);
}

void point_network_estimate(const void *eval, float *mean, float *quantiles)
{
    const eval_t *e = eval;
    copy(e->mean, mean);
    copy(e->quantiles, quantiles);
}

const inference_kind_t inference_kind_point = {.word = "point",
                                               .is_marginal = true,
                                               .has_density = false,
                                               .fill = fill,
                                               .check = check,
                                               .make = make,
                                               .destroy = free,
                                               .begin = begin,
                                               .record_loss = record_loss,
                                               .eval_create = eval_create,
                                               .eval_destroy = eval_destroy,
                                               .eval_condition = eval_condition,
                                               .eval_draw = eval_draw,
                                               .eval_flops = eval_flops,
                                               .eval_bytes = eval_bytes};
