// SPDX-License-Identifier: Apache-2.0
#include "nn/diffusion.h"

#include "cluster/mem.h"
#include "nn/flow_ode.h"
#include "nn/noise_schedule.h"
#include "nn/sde_two_step.h"
#include "nn/time_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOISE, TIME, FACTORS };                                              // inputs for training
enum { IN_THETA, IN_NOISE, TARGET_THETA, TARGET_NOISE, WEIGHT, N_FACTORS }; // columns of FACTORS

static const double DENSITY_TOLERANCE = 1e-4;

typedef struct {
    inference_config_t config;
    int64_t d;
    time_net_t *net;
} diffusion_t;

typedef struct {
    const diffusion_t *diffusion;
    time_eval_t *net;
    flow_ode_t *ode;
    sde_t *sde;
    float *in, *out; // (room, d): what the network sees, and gives
    float *x;        // (room, d): the state of the stochastic solver
    double *state;   // (room, d)
    int64_t room;
    int64_t n; // of the draws under way
    ode_count_t count;
} eval_t;

static void fill(network_size_t size, inference_config_t *c)
{
    time_net_default(size, &c->net);
    c->diffusion.schedule = SCHEDULE_COSINE;
    c->diffusion.prediction = PREDICT_VELOCITY;
    c->solver = SOLVER_TWO_STEP;
    c->steps = 1000;
    c->atol = c->rtol = 0.05;
    c->trace = TRACE_EXACT;
    c->trace_probes = 10;
}

static err_t check(const inference_shape_t *shape, const inference_config_t *c)
{
    time_net_config_t net = inference_net(shape, c);
    TRY(time_net_check(&net));
    return flow_ode_check(c);
}

static void *make(params_t *params, const char *name, const inference_shape_t *shape,
                  const inference_config_t *config)
{
    diffusion_t *m = MEM_NEW(diffusion_t, 1);
    time_net_config_t net = inference_net(shape, config);
    m->config = *config;
    m->d = shape->parameters;
    m->net = time_net_make(params, name, &net);
    return m;
}

static void destroy(void *net)
{
    diffusion_t *m = net;
    time_net_destroy(&m->net);
    free(m);
}

/* ---- training ---- */

// r of the header, by which what the network sees and gives is scaled.
static double size_of(const diffusion_t *m, const noise_at_t *at)
{
    return m->config.golden ? 1.0 : hypot(at->alpha, at->sigma);
}

// column `k` of the factors, (ROWS_DRAWS, 1), times t
static tensor_t *scaled(graph_t *g, tensor_t *factors, int k, tensor_t *t)
{
    return op_mul(g, t, op_slice(g, factors, k, 1));
}

static tensor_t *record_loss(const void *net, graph_t *g, tensor_t *theta, inference_given_t given,
                             inference_noise_t *noise)
{
    const diffusion_t *m = net;
    noise->n = 3;
    tensor_t *z = noise->in[NOISE] = graph_input(g, ROWS_DRAWS, 1, m->d);
    tensor_t *time = noise->in[TIME] = graph_input(g, ROWS_SETS, 1, 1);
    noise->in[FACTORS] = graph_input(g, ROWS_SETS, 1, N_FACTORS);
    tensor_t *by = op_expand(g, noise->in[FACTORS], ROWS_DRAWS);
    tensor_t *x = op_add(g, scaled(g, by, IN_THETA, theta), scaled(g, by, IN_NOISE, z));
    tensor_t *target =
        op_add(g, scaled(g, by, TARGET_THETA, theta), scaled(g, by, TARGET_NOISE, z));
    tensor_t *out = time_net_record(m->net, g, x, time, given.vector, given.image);
    tensor_t *squares = op_unary(g, op_sub(g, out, target), UNARY_SQUARE);
    return scaled(g, by, WEIGHT, op_scale(g, op_row_sum(g, squares), 1.0 / (double)m->d, 0.0));
}

// Weight of the loss of epsilon where the network gives the velocity over `size`.
static double velocity_weight(const noise_at_t *at, double size)
{
    double slope = at->alpha * size / (at->alpha * at->alpha + at->sigma * at->sigma);
    return slope * slope;
}

static void fill_factors(const diffusion_t *m, const noise_at_t *at, float *row)
{
    double alpha = at->alpha, sigma = at->sigma, size = size_of(m, at), r = hypot(alpha, sigma);
    double weight = m->config.diffusion.schedule == SCHEDULE_EDM ? 1.0 + sigma * sigma : 1.0;
    row[IN_THETA] = (float)(alpha / size);
    row[IN_NOISE] = (float)(sigma / size);
    switch (m->config.diffusion.prediction) {
    case PREDICT_VELOCITY:
        row[TARGET_THETA] = (float)(-sigma / size);
        row[TARGET_NOISE] = (float)(alpha / size);
        row[WEIGHT] = (float)(weight * velocity_weight(at, size));
        break;
    case PREDICT_NOISE:
        row[TARGET_THETA] = 0.0f;
        row[TARGET_NOISE] = 1.0f;
        row[WEIGHT] = (float)weight;
        break;
    case PREDICT_F:
        row[TARGET_THETA] = (float)(sigma / r);
        row[TARGET_NOISE] = (float)(-alpha / r);
        row[WEIGHT] = 1.0f;
        break;
    }
}

static void fill_noise(const void *net, const inference_noise_t *noise, int64_t n, double progress,
                       rng_t *rng)
{
    const diffusion_t *m = net;
    noise_schedule_t schedule = m->config.diffusion.schedule;
    double first = rng_uniform(rng);
    (void)progress;
    rng_fill_normal_f32(rng, (size_t)(n * m->d), noise->in[NOISE]->value);
    for (int64_t i = 0; i < n; i++) {
        noise_at_t at = noise_in_training(schedule, fmod(first + (double)i / (double)n, 1.0));
        noise->in[TIME]->value[i] = (float)noise_network_time(schedule, at.log_snr);
        fill_factors(m, &at, noise->in[FACTORS]->value + i * N_FACTORS);
    }
}

/* ---- one data set at a time ---- */

/* The score is state x + output F. */
typedef struct {
    double state, output;
} score_t;

static score_t score_of(const diffusion_t *m, const noise_at_t *at)
{
    double r = hypot(at->alpha, at->sigma), size = size_of(m, at);
    switch (m->config.diffusion.prediction) {
    case PREDICT_VELOCITY:
        return (score_t){-1.0 / (r * r), -at->alpha * size / (at->sigma * r * r)};
    case PREDICT_NOISE:
        return (score_t){0.0, -1.0 / at->sigma};
    case PREDICT_F:
        return (score_t){-1.0 / (r * r), at->alpha / (at->sigma * r)};
    }
    return (score_t){0.0, 0.0};
}

static void reserve(eval_t *e, int64_t n)
{
    if (n <= e->room)
        return;
    free(e->in);
    free(e->out);
    free(e->x);
    free(e->state);
    e->room = n;
    e->in = MEM_NEW(float, n * e->diffusion->d);
    e->out = MEM_NEW(float, n * e->diffusion->d);
    e->x = MEM_NEW(float, n * e->diffusion->d);
    e->state = MEM_NEW(double, n * e->diffusion->d);
}

// dx = f x - share g^2 score, and its divergence unless NULL.
static void slope(eval_t *e, double share, double t, int64_t n, const float *x, float *dx,
                  double *divergence, int probes, const float *direction)
{
    const diffusion_t *m = e->diffusion;
    noise_at_t at = noise_at(m->config.diffusion.schedule, t);
    double time = noise_network_time(m->config.diffusion.schedule, at.log_snr);
    double size = size_of(m, &at);
    score_t score = score_of(m, &at);
    double state = at.drift - share * at.noise2 * score.state;
    double output = -share * at.noise2 * score.output;
    reserve(e, n);
    for (int64_t k = 0; k < n * m->d; k++)
        e->in[k] = (float)((double)x[k] / size);
    if (divergence)
        time_eval_divergence(e->net, time, n, e->in, probes, direction, e->out, divergence);
    else
        time_eval_run(e->net, time, n, e->in, e->out);
    for (int64_t k = 0; k < n * m->d; k++)
        dx[k] = (float)(state * (double)x[k] + output * (double)e->out[k]);
    for (int64_t i = 0; i < n && divergence; i++)
        divergence[i] = state * (double)m->d + output / size * divergence[i];
}

static void velocity(void *user, double t, int64_t n, const float *x, float *dx, double *divergence,
                     int probes, const float *direction)
{
    slope(user, 0.5, t, n, x, dx, divergence, probes, direction);
}

void diffusion_velocity(void *eval, double t, int64_t n, const float *x, float *dx,
                        double *divergence)
{
    velocity(eval, t, n, x, dx, divergence, 0, NULL);
}

static void sde_drift(void *user, double t, const double *x, double *dx)
{
    eval_t *e = user;
    int64_t numbers = e->n * e->diffusion->d;
    for (int64_t k = 0; k < numbers; k++)
        e->x[k] = (float)x[k];
    slope(e, 1.0, t, e->n, e->x, e->x, NULL, 0, NULL);
    for (int64_t k = 0; k < numbers; k++)
        dx[k] = (double)e->x[k];
}

static double sde_noise(void *user, double t)
{
    const eval_t *e = user;
    return sqrt(noise_at(e->diffusion->config.diffusion.schedule, t).noise2);
}

static void *eval_create(const void *net, params_t *params)
{
    eval_t *e = MEM_NEW(eval_t, 1);
    e->diffusion = net;
    inference_config_t ode = e->diffusion->config;
    if (ode.solver == SOLVER_TWO_STEP)
        ode.atol = ode.rtol = DENSITY_TOLERANCE;
    e->net = time_eval_create(e->diffusion->net, params);
    e->ode =
        flow_ode_create(&ode, e->diffusion->d, noise_at_end(ode.diffusion.schedule), velocity, e);
    e->sde = sde_create();
    return e;
}

static void eval_destroy(void *eval)
{
    eval_t *e = eval;
    flow_ode_destroy(&e->ode);
    sde_destroy(&e->sde);
    time_eval_destroy(&e->net);
    free(e->in);
    free(e->out);
    free(e->x);
    free(e->state);
    free(e);
}

static void eval_condition(void *eval, const float *vector, const float *image)
{
    time_eval_condition(((eval_t *)eval)->net, vector, image);
}

void diffusion_carry(void *eval, int64_t n, float *x, double *log_density)
{
    eval_t *e = eval;
    flow_ode_carry(e->ode, n, x, log_density);
    e->count = flow_ode_count(e->ode);
}

static void eval_density(void *eval, int64_t n, const float *theta, double *out)
{
    eval_t *e = eval;
    flow_ode_density(e->ode, n, theta, out);
    e->count = flow_ode_count(e->ode);
}

static void draw_stochastic(eval_t *e, int64_t n, rng_t *rng, float *theta)
{
    const inference_config_t *c = &e->diffusion->config;
    sde_config_t solver = {c->steps, {c->atol, c->rtol, 1.0}};
    sde_problem_t problem = {sde_drift, sde_noise, e};
    int64_t numbers = n * e->diffusion->d;
    reserve(e, n);
    e->n = n;
    for (int64_t k = 0; k < numbers; k++)
        e->state[k] = (double)theta[k];
    sde_count_t count =
        sde_solve(e->sde, &solver, &problem, n, e->diffusion->d, 1.0, 0.0, rng, e->state);
    for (int64_t k = 0; k < numbers; k++)
        theta[k] = (float)e->state[k];
    e->count = (ode_count_t){count.steps, count.refused, count.evaluations};
}

static void eval_draw(void *eval, int64_t n, rng_t *rng, float *theta, double *log_density)
{
    eval_t *e = eval;
    const inference_config_t *c = &e->diffusion->config;
    float sd = (float)noise_at_end(c->diffusion.schedule);
    rng_fill_normal_f32(rng, (size_t)(n * e->diffusion->d), theta);
    for (int64_t k = 0; k < n * e->diffusion->d; k++)
        theta[k] *= sd;
    if (c->solver != SOLVER_TWO_STEP) {
        diffusion_carry(e, n, theta, log_density);
        return;
    }
    draw_stochastic(e, n, rng, theta);
    if (log_density)
        flow_ode_density(e->ode, n, theta, log_density);
}

ode_count_t diffusion_count(const void *eval)
{
    return ((const eval_t *)eval)->count;
}

static double eval_flops(const void *eval)
{
    return time_eval_flops(((const eval_t *)eval)->net);
}

static size_t eval_bytes(const void *eval)
{
    const eval_t *e = eval;
    size_t numbers = (size_t)(e->room * e->diffusion->d);
    return time_eval_bytes(e->net) + flow_ode_bytes(e->ode) + sde_bytes(e->sde) +
           numbers * (3 * sizeof(float) + sizeof(double));
}

const inference_kind_t inference_kind_diffusion = {.word = "diffusion",
                                                   .has_density = true,
                                                   .fill = fill,
                                                   .check = check,
                                                   .make = make,
                                                   .destroy = destroy,
                                                   .record_loss = record_loss,
                                                   .fill_noise = fill_noise,
                                                   .eval_create = eval_create,
                                                   .eval_destroy = eval_destroy,
                                                   .eval_condition = eval_condition,
                                                   .eval_draw = eval_draw,
                                                   .eval_density = eval_density,
                                                   .eval_flops = eval_flops,
                                                   .eval_bytes = eval_bytes};
