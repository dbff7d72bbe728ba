// SPDX-License-Identifier: Apache-2.0
#include "nn/sde_two_step.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/fmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double SAFETY = 0.9, EXPONENT = 0.9, SHRINK = 0.2, GROW = 5.0; // of the next step
static const double FIRST = 1.0 / 50.0; // of the way: the first step
static const double NEARLY = 0.9;       // a step that long takes a whole piece of noise

// Noise that a refused step leaves for those that follow it.
typedef struct {
    double part; // of the way
    double *w;   // (n, d), of variance part * |way|
} piece_t;

struct sde {
    int64_t room;                    // numbers that each array holds
    double *drift, *x1, *x2, *y, *w; // (n, d)
    double *draw_error;              // (n)
    int pieces, pieces_room;
    piece_t *piece; // the last comes next; memory beyond `pieces` is kept
};

typedef struct {
    sde_t *s;
    const sde_config_t *config;
    const sde_problem_t *problem;
    int64_t numbers, n, d;
    double from, to;
    rng_t *rng;
    double *x;
    double done, part; // of the way: behind, and this step
    sde_count_t count;
} run_t;

sde_t *sde_create(void)
{
    return MEM_NEW(sde_t, 1);
}

static void free_arrays(sde_t *s)
{
    for (int k = 0; k < s->pieces_room; k++)
        free(s->piece[k].w);
    free(s->piece);
    free(s->drift);
    free(s->x1);
    free(s->x2);
    free(s->y);
    free(s->w);
    free(s->draw_error);
}

void sde_destroy(sde_t **s)
{
    if (!*s)
        return;
    free_arrays(*s);
    free(*s);
    *s = NULL;
}

size_t sde_bytes(const sde_t *s)
{
    return (size_t)(s->room * (6 + s->pieces_room)) * sizeof(double);
}

static void reserve(sde_t *s, int64_t numbers)
{
    s->pieces = 0;
    if (numbers <= s->room)
        return;
    free_arrays(s);
    *s = (sde_t){.room = numbers};
    s->drift = MEM_NEW(double, numbers);
    s->x1 = MEM_NEW(double, numbers);
    s->x2 = MEM_NEW(double, numbers);
    s->y = MEM_NEW(double, numbers);
    s->w = MEM_NEW(double, numbers);
    s->draw_error = MEM_NEW(double, numbers);
}

static piece_t *push(sde_t *s)
{
    if (s->pieces == s->pieces_room) {
        s->piece = MEM_GROW(s->piece, piece_t, s->pieces_room + 1);
        s->piece[s->pieces_room++] = (piece_t){0.0, MEM_NEW(double, s->room)};
    }
    return &s->piece[s->pieces++];
}

static double length(const run_t *r, double part)
{
    return part * fabs(r->to - r->from);
}

static void fill_noise(run_t *r)
{
    double sd = sqrt(length(r, r->part));
    rng_fill_normal(r->rng, (size_t)r->numbers, r->s->w);
    for (int64_t k = 0; k < r->numbers; k++)
        r->s->w[k] *= sd;
}

/* whole (n, d) is the noise of a part `whole_part` of the way: w gets that of its first `part`, and whole what is left. Given the sum
 * W over a length L, the noise over its first h is N(h / L W, h (L - h) / L). */
static void bridge(run_t *r, double part, double whole_part, double *whole, double *w)
{
    double share = part / whole_part;
    double sd = sqrt(length(r, part) * (1.0 - share));
    for (int64_t k = 0; k < r->numbers; k++) {
        w[k] = share * whole[k] + sd * rng_normal(r->rng);
        whole[k] -= w[k];
    }
}

// The noise of the next step; shortens or stretches the step to the end of a piece that is nearly as long.
static void take_noise(run_t *r)
{
    sde_t *s = r->s;
    if (s->pieces == 0) {
        fill_noise(r);
        return;
    }
    piece_t *next = &s->piece[s->pieces - 1];
    if (r->part >= NEARLY * next->part) {
        r->part = next->part;
        memcpy(s->w, next->w, (size_t)r->numbers * sizeof *s->w);
        s->pieces--;
        return;
    }
    bridge(r, r->part, next->part, next->w, s->w);
    next->part -= r->part;
}

static void shorten(run_t *r, double part)
{
    sde_t *s = r->s;
    piece_t *left = push(s);
    memcpy(left->w, s->w, (size_t)r->numbers * sizeof *s->w);
    left->part = r->part - part;
    bridge(r, part, r->part, left->w, s->w);
    r->part = part;
}

// out = x + dt drift + g w
static VEC_KERNEL void euler(int64_t n, double dt, double g, const double *x, const double *drift,
                             const double *w, double *out)
{
    for (int64_t k = 0; k < n; k++)
        out[k] = x[k] + dt * drift[k] + g * w[k];
}

static bool is_last(const run_t *r)
{
    return r->done + r->part >= 1.0 - 1e-12;
}

static double time_at(const run_t *r, double done)
{
    return r->from + done * (r->to - r->from);
}

static double time_after(const run_t *r)
{
    return is_last(r) ? r->to : time_at(r, r->done + r->part);
}

// s->drift is D at x. Fills y, and the error of the step.
static double try_step(run_t *r)
{
    const sde_problem_t *p = r->problem;
    sde_t *s = r->s;
    double t = time_at(r, r->done), end = time_after(r);
    euler(r->numbers, end - t, p->noise(p->user, t), r->x, s->drift, s->w, s->x1);
    p->drift(p->user, end, s->x1, s->y);
    r->count.evaluations++;
    euler(r->numbers, end - t, p->noise(p->user, end), r->x, s->y, s->w, s->x2);
    for (int64_t k = 0; k < r->numbers; k++) {
        s->y[k] = 0.5 * (s->x1[k] + s->x2[k]);
        s->x2[k] = s->y[k] - s->x1[k];
    }
    return step_norm(&r->config->tolerance, r->n, r->d, r->x, s->y, s->x2, s->draw_error);
}

static double factor(double error)
{
    double f = isfinite(error) ? SAFETY * pow(fmax(error, 1e-10), -EXPONENT) : SHRINK;
    return fmin(GROW, fmax(SHRINK, f));
}

// Takes one step, however often it is refused.
static void step(run_t *r, double least)
{
    sde_t *s = r->s;
    r->problem->drift(r->problem->user, time_at(r, r->done), r->x, s->drift);
    r->count.evaluations++;
    double error = try_step(r);
    while (error > 1.0 && r->part > least) {
        shorten(r, fmax(fmin(least, NEARLY * r->part), r->part * factor(error)));
        r->count.refused++;
        error = try_step(r);
    }
    r->done = is_last(r) ? 1.0 : r->done + r->part;
    memcpy(r->x, s->y, (size_t)r->numbers * sizeof *s->y);
    r->part = fmax(least, r->part * factor(error));
    r->count.steps++;
}

sde_count_t sde_solve(sde_t *s, const sde_config_t *config, const sde_problem_t *problem, int64_t n,
                      int64_t d, double from, double to, rng_t *rng, double *x)
{
    run_t r = {.s = s,
               .config = config,
               .problem = problem,
               .numbers = n * d,
               .n = n,
               .d = d,
               .from = from,
               .to = to,
               .rng = rng,
               .x = x};
    double least = 1.0 / config->steps;
    CHECK(config->steps > 0, "%d steps", config->steps);
    if (n == 0 || from == to)
        return r.count;
    reserve(s, r.numbers);
    r.part = fmax(FIRST, least);
    while (r.done < 1.0) {
        r.part = fmin(r.part, 1.0 - r.done);
        take_noise(&r);
        step(&r, least);
    }
    return r.count;
}
