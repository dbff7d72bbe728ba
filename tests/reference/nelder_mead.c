// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/nelder_mead.h"

#include "cluster/err.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 5000, MOST_RESTARTS = 20 };

typedef struct {
    int dims;
    double (*f)(const void *context, const double *x);
    const void *context;
    double point[NELDER_MEAD_MAX_DIMS + 1][NELDER_MEAD_MAX_DIMS], value[NELDER_MEAD_MAX_DIMS + 1];
} simplex_t;

static void set_point(simplex_t *s, int i, const double *x, double value)
{
    memcpy(s->point[i], x, (size_t)s->dims * sizeof *x);
    s->value[i] = value;
}

static void ranks(const simplex_t *s, int *best, int *second, int *worst)
{
    *best = *worst = 0;
    for (int i = 1; i <= s->dims; i++) {
        if (s->value[i] < s->value[*best])
            *best = i;
        if (s->value[i] >= s->value[*worst])
            *worst = i;
    }
    *second = *best; // the worst but one
    for (int i = 0; i <= s->dims; i++)
        if (i != *worst && s->value[i] > s->value[*second])
            *second = i;
}

// centroid + by * (centroid - worst)
static double beyond(const simplex_t *s, int worst, double by, double *out)
{
    for (int d = 0; d < s->dims; d++) {
        double centroid = 0.0;
        for (int i = 0; i <= s->dims; i++)
            centroid += i == worst ? 0.0 : s->point[i][d] / s->dims;
        out[d] = centroid + by * (centroid - s->point[worst][d]);
    }
    return s->f(s->context, out);
}

static void shrink(simplex_t *s, int best)
{
    for (int i = 0; i <= s->dims; i++) {
        if (i == best)
            continue;
        for (int d = 0; d < s->dims; d++)
            s->point[i][d] = 0.5 * (s->point[i][d] + s->point[best][d]);
        s->value[i] = s->f(s->context, s->point[i]);
    }
}

static void improve(simplex_t *s, int best, int second, int worst)
{
    double x[NELDER_MEAD_MAX_DIMS], y[NELDER_MEAD_MAX_DIMS];
    double reflected = beyond(s, worst, 1.0, x);
    if (reflected < s->value[best]) {
        double expanded = beyond(s, worst, 2.0, y);
        set_point(s, worst, expanded < reflected ? y : x, fmin(expanded, reflected));
    } else if (reflected < s->value[second]) {
        set_point(s, worst, x, reflected);
    } else {
        double contracted = beyond(s, worst, reflected < s->value[worst] ? 0.5 : -0.5, y);
        if (contracted < fmin(reflected, s->value[worst]))
            set_point(s, worst, y, contracted);
        else
            shrink(s, best);
    }
}

static double one_simplex(simplex_t *s, double *x, double step)
{
    int best, second, worst;
    set_point(s, 0, x, s->f(s->context, x));
    for (int i = 1; i <= s->dims; i++) {
        set_point(s, i, x, 0.0);
        s->point[i][i - 1] += step;
        s->value[i] = s->f(s->context, s->point[i]);
    }
    for (int k = 0; k < MOST_STEPS; k++) {
        ranks(s, &best, &second, &worst);
        if (s->value[worst] - s->value[best] < 1e-12)
            break;
        improve(s, best, second, worst);
    }
    ranks(s, &best, &second, &worst);
    memcpy(x, s->point[best], (size_t)s->dims * sizeof *x);
    return s->value[best];
}

double nelder_mead(int dims, double *x, double step,
                   double (*f)(const void *context, const double *x), const void *context)
{
    CHECK(dims >= 1 && dims <= NELDER_MEAD_MAX_DIMS, "%d dims", dims);
    simplex_t s = {.dims = dims, .f = f, .context = context};
    double value = one_simplex(&s, x, step);
    for (int i = 0; i < MOST_RESTARTS; i++) {
        double before = value;
        value = one_simplex(&s, x, step);
        if (before - value < 1e-10)
            break;
    }
    return value;
}
