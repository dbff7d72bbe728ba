// SPDX-License-Identifier: Apache-2.0
#include "nn/ode.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/fmath.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STAGES = 7 };
static const double SAFETY = 0.9, SHRINK = 0.2, GROW = 5.0; // of the next step
static const double PRESENT = 0.14, BEFORE = 0.08;          // exponents of the PI controller
static const double FIRST = 1.0 / 20.0;                     // of the way: the first step

/* k_i = f(t + c_i h, x + h sum_j a_ij k_j), y = x + h sum_i b_i k_i, error h sum_i e_i k_i. Where the last row of a is b, the
 * last k is the first of the next step, and y what it was computed at. */
typedef struct {
    int order, stages;
    bool embedded; // has e, and its last row of a is b
    double c[MOST_STAGES], a[MOST_STAGES][MOST_STAGES], b[MOST_STAGES], e[MOST_STAGES];
} tableau_t;

// clang-format off
static const tableau_t tableaus[ODE_METHODS] = {
    [ODE_EULER] = {.order = 1, .stages = 1, .b = {1}},
    [ODE_MIDPOINT] = {.order = 2, .stages = 2, .c = {0, 0.5}, .a = {{0}, {0.5}}, .b = {0, 1}},
    [ODE_RK4] = {.order = 4, .stages = 4, .c = {0, 0.5, 0.5, 1},
        .a = {{0}, {0.5}, {0, 0.5}, {0, 0, 1}},
        .b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}},
    [ODE_DOPRI5] = {.order = 5, .stages = 7, .embedded = true,
        .c = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1},
        .a = {{0},
              {1.0 / 5},
              {3.0 / 40, 9.0 / 40},
              {44.0 / 45, -56.0 / 15, 32.0 / 9},
              {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
              {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
              {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}},
        .b = {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
        .e = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525,
              -1.0 / 40}},
    [ODE_TSIT5] = {.order = 5, .stages = 7, .embedded = true,
        .c = {0, 0.161, 0.327, 0.9, 0.9800255409045097, 1, 1},
        .a = {{0},
              {0.161},
              {-0.008480655492356989, 0.335480655492357},
              {2.8971530571054935, -6.359448489975075, 4.3622954328695815},
              {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525},
              {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
               -0.028269050394068383},
              {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742,
               -3.290069515436081, 2.324710524099774}},
        .b = {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742,
              -3.290069515436081, 2.324710524099774},
        .e = {-0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
              -0.1447110071732629, 0.5823571654525552, -0.45808210592918697,
              0.015151515151515152}},
};
// clang-format on

struct ode {
    int64_t room;           // numbers that each array below holds
    double *k[MOST_STAGES]; // (n, d)
    double *y, *at;         // (n, d): the end of a step; where a stage is computed
    double *draw_error;     // (n)
};

// One solution on its way.
typedef struct {
    ode_t *o;
    const ode_config_t *config;
    const tableau_t *tableau;
    ode_field_t field;
    void *user;
    int64_t n, d;
    double *x;
    double t, to;
    bool begun; // k[0] is f(t, x)
    ode_count_t count;
} run_t;

int ode_order(ode_method_t method)
{
    return tableaus[method].order;
}

ode_t *ode_create(void)
{
    return MEM_NEW(ode_t, 1);
}

static void free_arrays(ode_t *o)
{
    for (int i = 0; i < MOST_STAGES; i++)
        free(o->k[i]);
    free(o->y);
    free(o->at);
    free(o->draw_error);
}

void ode_destroy(ode_t **o)
{
    if (!*o)
        return;
    free_arrays(*o);
    free(*o);
    *o = NULL;
}

size_t ode_bytes(const ode_t *o)
{
    return (size_t)(o->room * (MOST_STAGES + 3)) * sizeof(double);
}

static void reserve(ode_t *o, int64_t numbers)
{
    if (numbers <= o->room)
        return;
    free_arrays(o);
    for (int i = 0; i < MOST_STAGES; i++)
        o->k[i] = MEM_NEW(double, numbers);
    o->y = MEM_NEW(double, numbers);
    o->at = MEM_NEW(double, numbers);
    o->draw_error = MEM_NEW(double, numbers);
    o->room = numbers;
}

static VEC_KERNEL void add_scaled(int64_t n, double factor, const double *k, double *y)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * k[i];
}

// y = x + h sum_i weight_i k_i, the first `stages` of them
static void combine(const run_t *r, const double *x, double h, int stages, const double *weight,
                    double *y)
{
    int64_t numbers = r->n * r->d;
    if (x)
        memcpy(y, x, (size_t)numbers * sizeof *y);
    else
        memset(y, 0, (size_t)numbers * sizeof *y);
    for (int i = 0; i < stages; i++)
        if (weight[i] != 0.0)
            add_scaled(numbers, h * weight[i], r->o->k[i], y);
}

static void evaluate(run_t *r, double t, const double *x, double *dx)
{
    r->field(r->user, t, x, dx);
    r->count.evaluations++;
}

// Fills k and y for a step of h from (t, x), which stands.
static void try_step(run_t *r, double h)
{
    const tableau_t *m = r->tableau;
    ode_t *o = r->o;
    if (!r->begun)
        evaluate(r, r->t, r->x, o->k[0]);
    r->begun = true;
    for (int i = 1; i < m->stages; i++) {
        double *at = m->embedded && i == m->stages - 1 ? o->y : o->at;
        combine(r, r->x, h, i, m->a[i], at);
        evaluate(r, r->t + m->c[i] * h, at, o->k[i]);
    }
    if (!m->embedded)
        combine(r, r->x, h, m->stages, m->b, o->y);
}

static void take_step(run_t *r, double t)
{
    ode_t *o = r->o;
    memcpy(r->x, o->y, (size_t)(r->n * r->d) * sizeof *r->x);
    r->t = t;
    r->begun = r->tableau->embedded;
    if (r->begun) {
        double *first = o->k[0];
        o->k[0] = o->k[r->tableau->stages - 1];
        o->k[r->tableau->stages - 1] = first;
    }
    r->count.steps++;
}

static void solve_equal(run_t *r)
{
    double from = r->t, way = r->to - from;
    for (int s = 0; s < r->config->steps; s++) {
        double end = from + way * (double)(s + 1) / (double)r->config->steps;
        try_step(r, end - r->t);
        take_step(r, end);
    }
}

static double error_of_step(const run_t *r, double h)
{
    ode_t *o = r->o;
    combine(r, NULL, h, r->tableau->stages, r->tableau->e, o->at);
    return step_norm(&r->config->tolerance, r->n, r->d, r->x, o->y, o->at, o->draw_error);
}

static double next_factor(double error, double before)
{
    double e = fmax(error, 1e-10), b = fmax(before, 1e-10);
    double factor = SAFETY * pow(e, -PRESENT) * pow(b, BEFORE);
    return fmin(GROW, fmax(SHRINK, factor));
}

// After a refusal the error alone decides: the step has to become shorter.
static double refused_factor(double error)
{
    return isfinite(error) ? fmax(SHRINK, SAFETY * pow(error, -0.2)) : SHRINK;
}

static void solve_adaptive(run_t *r)
{
    double way = r->to - r->t, least = 1.0 / r->config->steps, before = 1.0;
    double part = fmax(FIRST, least), done = 0.0; // of the way
    double from = r->t;
    while (done < 1.0) {
        bool last = done + part >= 1.0 - 1e-12;
        double end = last ? r->to : from + (done + part) * way, h = end - r->t;
        try_step(r, h);
        double error = error_of_step(r, h);
        if (error > 1.0 && part > least) {
            r->count.refused++;
            part = fmax(least, part * refused_factor(error));
            continue;
        }
        take_step(r, end);
        done = last ? 1.0 : done + part;
        part = fmax(least, part * next_factor(isfinite(error) ? error : 1.0, before));
        before = isfinite(error) ? error : 1.0;
    }
}

ode_count_t ode_solve(ode_t *o, const ode_config_t *config, ode_field_t field, void *user,
                      int64_t n, int64_t d, double from, double to, double *x)
{
    run_t r = {.o = o,
               .config = config,
               .tableau = &tableaus[config->method],
               .field = field,
               .user = user,
               .n = n,
               .d = d,
               .x = x,
               .t = from,
               .to = to};
    CHECK(config->steps > 0, "%d steps", config->steps);
    CHECK(!config->adaptive || r.tableau->embedded, "an adaptive method without an error");
    if (n == 0 || from == to)
        return r.count;
    reserve(o, n * d);
    if (config->adaptive)
        solve_adaptive(&r);
    else
        solve_equal(&r);
    return r.count;
}
