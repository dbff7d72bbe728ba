// SPDX-License-Identifier: Apache-2.0
#include "nn/interval.h"

#include <math.h>

// A number and its distances from the ends of its interval; INFINITY where there is no end.
typedef struct {
    double x, below, above;
} place_t;

interval_map_t interval_map(double lower, double upper)
{
    return (interval_map_t){.lower = lower, .upper = upper, .from = lower, .to = upper};
}

// A bound of the number as it is now, on the scale of the number itself.
static double first_scale(const interval_map_t *m, double bound)
{
    for (int k = m->n - 1; k >= 0; k--)
        switch (m->step[k].kind) {
        case INTERVAL_LOG:
            bound = exp(bound);
            break;
        case INTERVAL_SQRT:
            bound = bound > 0.0 ? bound * bound : 0.0;
            break;
        case INTERVAL_NARROW:
            break;
        }
    return bound;
}

static bool narrow(interval_map_t *m, double lower, double upper)
{
    lower = fmax(lower, m->lower);
    upper = fmin(upper, m->upper);
    if (!(lower < upper))
        return false;
    m->from = lower > m->lower ? fmax(m->from, first_scale(m, lower)) : m->from;
    m->to = upper < m->upper ? fmin(m->to, first_scale(m, upper)) : m->to;
    m->lower = lower;
    m->upper = upper;
    return true;
}

bool interval_add(interval_map_t *m, interval_step_t kind, double lower, double upper)
{
    interval_map_t next = *m;
    if (m->n == INTERVAL_MAX_STEPS || (kind != INTERVAL_NARROW && !(m->lower >= 0.0)))
        return false;
    switch (kind) {
    case INTERVAL_LOG:
        next.lower = log(m->lower);
        next.upper = log(m->upper);
        break;
    case INTERVAL_SQRT:
        next.lower = sqrt(m->lower);
        next.upper = sqrt(m->upper);
        break;
    case INTERVAL_NARROW:
        if (!narrow(&next, lower, upper))
            return false;
        break;
    }
    next.step[next.n].kind = kind;
    next.step[next.n].lower = m->lower;
    next.step[next.n++].upper = m->upper;
    *m = next;
    return true;
}

bool interval_same(const interval_map_t *a, const interval_map_t *b)
{
    bool same = a->n == b->n && a->lower == b->lower && a->upper == b->upper &&
                a->from == b->from && a->to == b->to;
    for (int k = 0; k < a->n && same; k++)
        same = a->step[k].kind == b->step[k].kind && a->step[k].lower == b->step[k].lower &&
               a->step[k].upper == b->step[k].upper;
    return same;
}

bool interval_holds(const interval_map_t *m, double x)
{
    return x > m->from && x < m->to;
}

/* ---- step by step ---- */

static void step_interval(const interval_map_t *m, int k, double *lower, double *upper)
{
    *lower = k < m->n ? m->step[k].lower : m->lower;
    *upper = k < m->n ? m->step[k].upper : m->upper;
}

static place_t logarithm(place_t p, double lower, double upper)
{
    return (place_t){log(p.x), lower > 0.0 ? log1p(p.below / lower) : INFINITY,
                     isfinite(upper) ? log1p(p.above / p.x) : INFINITY};
}

static place_t root(place_t p, double lower, double upper)
{
    double y = sqrt(p.x);
    return (place_t){y, p.below / (y + sqrt(lower)),
                     isfinite(upper) ? p.above / (y + sqrt(upper)) : INFINITY};
}

// From (lower, upper) to (to_lower, to_upper) inside it, or back.
static place_t other_ends(place_t p, double lower, double upper, double to_lower, double to_upper)
{
    return (place_t){p.x, to_lower == lower ? p.below : p.x - to_lower,
                     to_upper == upper ? p.above : to_upper - p.x};
}

static place_t step_forward(const interval_map_t *m, int k, place_t p, double *log_slope)
{
    double lower = m->step[k].lower, upper = m->step[k].upper, to_lower, to_upper;
    step_interval(m, k + 1, &to_lower, &to_upper);
    switch (m->step[k].kind) {
    case INTERVAL_LOG:
        *log_slope -= log(p.x);
        return logarithm(p, lower, upper);
    case INTERVAL_SQRT:
        *log_slope -= M_LN2 + 0.5 * log(p.x);
        return root(p, lower, upper);
    case INTERVAL_NARROW:
        return other_ends(p, lower, upper, to_lower, to_upper);
    }
    return p;
}

// The number from the nearer end, where that is more exact than from 0.
static double from_ends(double x, double below, double above, double lower, double upper)
{
    if (isfinite(lower) && below <= above && below < fabs(x))
        return lower + below;
    return isfinite(upper) && above < fabs(x) ? upper - above : x;
}

static place_t exponential(place_t p, double lower, double upper)
{
    double x = exp(p.x), below = lower > 0.0 ? lower * expm1(p.below) : x,
           above = isfinite(upper) ? -upper * expm1(-p.above) : INFINITY;
    return (place_t){from_ends(x, below, above, lower, upper), below, above};
}

static place_t square(place_t p, double lower, double upper)
{
    double below = p.below * (p.x + sqrt(lower)),
           above = isfinite(upper) ? p.above * (p.x + sqrt(upper)) : INFINITY;
    return (place_t){from_ends(p.x * p.x, below, above, lower, upper), below, above};
}

static place_t step_back(const interval_map_t *m, int k, place_t p, double *log_slope)
{
    double lower = m->step[k].lower, upper = m->step[k].upper, to_lower, to_upper;
    step_interval(m, k + 1, &to_lower, &to_upper);
    switch (m->step[k].kind) {
    case INTERVAL_LOG:
        *log_slope -= p.x;
        return exponential(p, lower, upper);
    case INTERVAL_SQRT:
        *log_slope -= M_LN2 + log(p.x);
        return square(p, lower, upper);
    case INTERVAL_NARROW:
        return (place_t){p.x, to_lower == lower ? p.below : p.below + (to_lower - lower),
                         to_upper == upper ? p.above : p.above + (upper - to_upper)};
    }
    return p;
}

/* ---- the last one: from the interval to all real numbers ---- */

static double unbounded(const interval_map_t *m, place_t p, double *log_slope)
{
    bool low = isfinite(m->lower), high = isfinite(m->upper);
    double below = low ? log(p.below) : 0.0, above = high ? log(p.above) : 0.0;
    *log_slope += (low && high ? log(p.below + p.above) : 0.0) - below - above;
    return low || high ? below - above : p.x;
}

static place_t between(double lower, double upper, double u, double *log_slope)
{
    double e = exp(-fabs(u)), near = (upper - lower) * (e / (1.0 + e)),
           far = (upper - lower) / (1.0 + e);
    *log_slope += fabs(u) + 2.0 * log1p(e) - log(upper - lower);
    return u < 0.0 ? (place_t){lower + near, near, far} : (place_t){upper - near, far, near};
}

static place_t bounded(const interval_map_t *m, double u, double *log_slope)
{
    bool low = isfinite(m->lower), high = isfinite(m->upper);
    if (low && high)
        return between(m->lower, m->upper, u, log_slope);
    if (!low && !high)
        return (place_t){u, INFINITY, INFINITY};
    double distance = exp(low ? u : -u);
    *log_slope += low ? -u : u;
    return low ? (place_t){m->lower + distance, distance, INFINITY}
               : (place_t){m->upper - distance, INFINITY, distance};
}

double interval_free(const interval_map_t *m, double x, double *log_slope)
{
    double lower, upper;
    step_interval(m, 0, &lower, &upper);
    place_t p = {x, x - lower, upper - x};
    for (int k = 0; k < m->n; k++)
        p = step_forward(m, k, p, log_slope);
    return unbounded(m, p, log_slope);
}

double interval_restore(const interval_map_t *m, double u, double *log_slope)
{
    place_t p = bounded(m, u, log_slope);
    for (int k = m->n - 1; k >= 0; k--)
        p = step_back(m, k, p, log_slope);
    if (p.x <= m->from)
        return nextafter(m->from, INFINITY);
    return p.x >= m->to ? nextafter(m->to, -INFINITY) : p.x;
}
