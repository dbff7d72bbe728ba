// SPDX-License-Identifier: Apache-2.0
#include "nn/flow_ode.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Rademacher directions are the same for the same draw, whatever the run.
static const uint64_t DIRECTION_SEED = 0x666c6f77;

struct flow_ode {
    ode_config_t solver;
    int64_t d, room; // room: draws that the arrays hold
    int probes;
    double noise_sd;
    flow_velocity_t velocity;
    void *user;
    ode_t *ode;
    ode_count_t count;
    float *x, *dx, *direction;  // (n, d), (n, d), (n, probes, d)
    double *state, *divergence; // (n, d + 1), (n)
    int64_t n;
    bool integrate; // of this move: the state has d + 1 columns
};

// The largest error of all draws counts: on trained networks that took one step of six to eight more than the 0.99 quantile at
// most, and left a largest error that was 1.1 to 1.8 times smaller.
static ode_config_t solver_of(const inference_config_t *c)
{
    static const ode_method_t methods[] = {[SOLVER_EULER] = ODE_EULER,
                                           [SOLVER_MIDPOINT] = ODE_MIDPOINT,
                                           [SOLVER_RK4] = ODE_RK4,
                                           [SOLVER_TSIT5] = ODE_TSIT5,
                                           [SOLVER_TWO_STEP] = ODE_TSIT5};
    bool adaptive = c->solver == SOLVER_TSIT5 || c->solver == SOLVER_TWO_STEP;
    return (ode_config_t){.method = methods[c->solver],
                          .adaptive = adaptive,
                          .steps = c->steps,
                          .tolerance = {c->atol, c->rtol, 1.0}};
}

flow_ode_t *flow_ode_create(const inference_config_t *config, int64_t d, double noise_sd,
                            flow_velocity_t velocity, void *user)
{
    flow_ode_t *f = MEM_NEW(flow_ode_t, 1);
    f->solver = solver_of(config);
    f->probes =
        config->trace == TRACE_HUTCHINSON && config->trace_probes < d ? config->trace_probes : 0;
    f->d = d;
    f->noise_sd = noise_sd;
    f->velocity = velocity;
    f->user = user;
    f->ode = ode_create();
    return f;
}

static void free_arrays(flow_ode_t *f)
{
    free(f->x);
    free(f->dx);
    free(f->direction);
    free(f->state);
    free(f->divergence);
}

void flow_ode_destroy(flow_ode_t **f)
{
    if (!*f)
        return;
    free_arrays(*f);
    ode_destroy(&(*f)->ode);
    free(*f);
    *f = NULL;
}

static void fill_directions(flow_ode_t *f)
{
    rng_t rng = rng_at(DIRECTION_SEED, RNG_INFER, 0);
    for (int64_t k = 0; k < f->room * f->probes * f->d; k++)
        f->direction[k] = rng_uniform(&rng) < 0.5 ? -1.0f : 1.0f;
}

static void reserve(flow_ode_t *f, int64_t n)
{
    if (n <= f->room)
        return;
    free_arrays(f);
    f->room = n;
    f->x = MEM_NEW(float, n * f->d);
    f->dx = MEM_NEW(float, n * f->d);
    f->direction = MEM_NEW(float, n * f->probes * f->d + 1);
    f->state = MEM_NEW(double, n *(f->d + 1));
    f->divergence = MEM_NEW(double, n);
    fill_directions(f);
}

static int64_t columns(const flow_ode_t *f)
{
    return f->d + (f->integrate ? 1 : 0);
}

static void from_state(const flow_ode_t *f, const double *state, float *x)
{
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t j = 0; j < f->d; j++)
            x[i * f->d + j] = (float)state[i * columns(f) + j];
}

static void to_state(const flow_ode_t *f, const float *x, double *state)
{
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t j = 0; j < f->d; j++)
            state[i * columns(f) + j] = (double)x[i * f->d + j];
}

static void field(void *user, double t, const double *state, double *dstate)
{
    flow_ode_t *f = user;
    from_state(f, state, f->x);
    f->velocity(f->user, t, f->n, f->x, f->dx, f->integrate ? f->divergence : NULL, f->probes,
                f->direction);
    to_state(f, f->dx, dstate);
    for (int64_t i = 0; i < f->n && f->integrate; i++)
        dstate[i * columns(f) + f->d] = -f->divergence[i];
}

// Moves f->x (n, d) between the times, and adds the integral of -div v over the way to log_p (n) unless NULL.
static void move(flow_ode_t *f, double from, double to, double *log_p)
{
    f->integrate = log_p != NULL;
    to_state(f, f->x, f->state);
    for (int64_t i = 0; i < f->n && log_p; i++)
        f->state[i * columns(f) + f->d] = log_p[i];
    f->count = ode_solve(f->ode, &f->solver, field, f, f->n, columns(f), from, to, f->state);
    from_state(f, f->state, f->x);
    for (int64_t i = 0; i < f->n && log_p; i++)
        log_p[i] = f->state[i * columns(f) + f->d];
}

static double log_noise(const flow_ode_t *f, const float *x)
{
    double squares = 0.0, s = f->noise_sd;
    for (int64_t j = 0; j < f->d; j++)
        squares += (double)x[j] * (double)x[j];
    return -0.5 * squares / (s * s) - (double)f->d * (log(s) + 0.5 * log(2.0 * M_PI));
}

static void begin(flow_ode_t *f, int64_t n, const float *x)
{
    reserve(f, n);
    f->n = n;
    memcpy(f->x, x, (size_t)(n * f->d) * sizeof *x);
}

void flow_ode_carry(flow_ode_t *f, int64_t n, float *x, double *log_density)
{
    begin(f, n, x);
    for (int64_t i = 0; i < n && log_density; i++)
        log_density[i] = log_noise(f, x + i * f->d);
    move(f, 1.0, 0.0, log_density);
    memcpy(x, f->x, (size_t)(n * f->d) * sizeof *x);
}

void flow_ode_density(flow_ode_t *f, int64_t n, const float *theta, double *out)
{
    begin(f, n, theta);
    memset(out, 0, (size_t)n * sizeof *out);
    move(f, 0.0, 1.0, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = log_noise(f, f->x + i * f->d) - out[i];
}

ode_count_t flow_ode_count(const flow_ode_t *f)
{
    return f->count;
}

size_t flow_ode_bytes(const flow_ode_t *f)
{
    size_t floats = (size_t)(f->room * f->d * (2 + f->probes));
    return floats * sizeof(float) + (size_t)(f->room * (f->d + 2)) * sizeof(double) +
           ode_bytes(f->ode);
}

err_t flow_ode_check(const inference_config_t *c)
{
    bool adaptive = c->solver == SOLVER_TSIT5 || c->solver == SOLVER_TWO_STEP;
    if (c->steps < 1)
        return err_fail(ERR_USAGE, "inference.steps: %d is out of range, expected at least 1",
                        c->steps);
    if (adaptive && !(c->atol >= 0.0 && c->rtol >= 0.0 && c->atol + c->rtol > 0.0))
        return err_fail(ERR_USAGE,
                        "inference.atol, inference.rtol: %g and %g, expected one above 0", c->atol,
                        c->rtol);
    if (c->trace == TRACE_HUTCHINSON && c->trace_probes < 1)
        return err_fail(ERR_USAGE,
                        "inference.trace_probes: %d is out of range, expected at least 1",
                        c->trace_probes);
    return OK;
}
